/** Values of where the state is. */
import { z } from 'zod';
import { count, flag, object, quantity, text } from './shapes.ts';

export const postgres = z
  .strictObject({
    existingSecret: z
      .strictObject({
        name: text.describe('Secret with a postgres:// address; its name is passed through a template.'),
        key: text.min(1).describe('Its key.'),
      })
      .describe('A Postgres that is there already.'),
    cloudNativePG: z
      .strictObject({
        enabled: flag.describe(
          'Make a Cluster of the CloudNativePG operator. It stays when this is switched off or uninstalled.',
        ),
        instances: count.min(1).describe('Postgres instances.'),
        storage: object.describe('Its storage.'),
        spec: object.describe(
          'More of the spec of the Cluster: image, backup, resources; bootstrap, instead of a new one.',
        ),
      })
      .describe('A Postgres cluster kept by CloudNativePG.'),
    development: z
      .strictObject({
        enabled: flag.describe('Make one small Postgres, for trials: one pod, no backup.'),
        image: text.min(1).describe('Its image.'),
        password: text
          .regex(/^[^\r\n]+$/)
          .describe('Its password; a changed one restarts it. Only the pods of this release are let in.'),
        persistence: z.strictObject({
          enabled: flag.describe(
            'Keep the data on a volume, which stays when the release is uninstalled; else they go with the pod.',
          ),
          size: quantity.describe('Size of the volume.'),
          storageClass: text.describe("Default: the cluster's."),
        }),
        podSecurityContext: object.describe('Of its pod.'),
        resources: object.describe('Requests and limits.'),
      })
      .describe('A Postgres for trials.'),
  })
  .describe('Where the state is. Choose exactly one, or write database: into config instead.');
