/** Values for the database. */
import { z } from 'zod';
import { count, flag, object, quantity, text } from './shapes.ts';

export const postgres = z
  .strictObject({
    existingSecret: z
      .strictObject({
        name: text.describe('Secret with a postgres:// address; its name is templated.'),
        key: text.min(1).describe('Its key.'),
      })
      .describe('An existing Postgres.'),
    cloudNativePG: z
      .strictObject({
        enabled: flag.describe(
          'Create a CloudNativePG Cluster. It is kept when this is turned off or the release is uninstalled.',
        ),
        instances: count.min(1).describe('Postgres instances.'),
        storage: object.describe('Its storage.'),
        spec: object.describe(
          'Additional spec fields of the Cluster: image, backup, resources; bootstrap, instead of a new database.',
        ),
      })
      .describe('A Postgres cluster managed by CloudNativePG.'),
    development: z
      .strictObject({
        enabled: flag.describe('Create a small Postgres for trials: one pod, no backup.'),
        image: text.min(1).describe('Its image.'),
        password: text
          .regex(/^[^\r\n]+$/)
          .describe('Its password; changing it restarts Postgres. Only pods of this release can connect.'),
        persistence: z.strictObject({
          enabled: flag.describe(
            'Keep the data on a volume, which stays when the release is uninstalled; otherwise the data is lost with the pod.',
          ),
          size: quantity.describe('Size of the volume.'),
          storageClass: text.describe("Default: the cluster's default."),
        }),
        podSecurityContext: object.describe('Security context of its pod.'),
        resources: object.describe('Resource requests and limits.'),
      })
      .describe('A Postgres for trials.'),
  })
  .describe("Database for the bot's state. Choose exactly one, or set database: in config instead.");
