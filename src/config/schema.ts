/**
 * The words of a configuration: the one source of its types, of the JSON Schema and of the reference in docs/reference.
 * Durations are parsed to milliseconds and sizes to bytes. References between names are checked in `references.ts`.
 */
import { z } from 'zod';
import { anyConnector, connectorOf, type PlatformOptions } from './connector-options.ts';
import {
  date,
  dayAndTime,
  days,
  duration,
  hours,
  id,
  name,
  port,
  secretReference,
  size,
  timeZone,
  workingHours,
} from './words.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const database = z
  .strictObject({
    url: secretReference.optional().describe('Secret that holds a postgres:// address; instead of the words below.'),
    host: z
      .string()
      .min(1)
      .refine((value) => !/[,\s]|:\/\//.test(value), {
        error:
          'is not one host: an address belongs into url, and of several hosts write the one that leads to the primary',
      })
      .optional()
      .describe('Host name, or the directory of a Unix socket.'),
    port: port.optional().describe('Port; default 5432.'),
    name: z.string().min(1).optional().describe('Name of the database; default watchbell.'),
    user: z.string().min(1).optional().describe('User; default watchbell.'),
    password: secretReference.optional().describe("The user's password."),
    tls: z
      .strictObject({
        mode: z
          .enum(['disable', 'require', 'verify-ca', 'verify-full'])
          .default('verify-full')
          .describe('What is asked of the connection, in the words of Postgres.'),
        ca: secretReference.optional().describe('Certificate authority in PEM; without it those of the system.'),
      })
      .optional()
      .describe('Encryption of the connection.'),
  })
  .refine((value) => (value.url === undefined) !== (value.host === undefined), {
    error: 'write either url, or host (with port, name, user, password, tls)',
  })
  .refine(
    (value) => value.url === undefined || (value.port ?? value.name ?? value.user ?? value.password) === undefined,
    {
      error: 'url already says port, name, user and password: write them in one place',
    },
  );
export type DatabaseConfig = z.infer<typeof database>;

const http = z.strictObject({
  port: port.optional().describe('Public port: webhooks, API, pages. Default 8080, or the next free one.'),
  opsPort: port
    .optional()
    .describe('Port for probes and metrics, never on the ingress. Default 8081, or the next free one.'),
  publicUrl: z
    .url({ protocol: /^https?$/, error: 'is not an address: write https://bell.example.org' })
    .transform((url) => url.replace(/\/+$/, ''))
    .optional()
    .describe('Public address, for links in messages; with `basePath`, if there is one.'),
  basePath: z
    .string()
    .regex(/^(?:\/[A-Za-z0-9][A-Za-z0-9._~-]*)*\/?$/, 'is not a path: write /bell, or /tools/bell')
    .transform((path) => path.replace(/\/$/, ''))
    // Where a proxy takes the path away, and where none does, are told apart by what follows.
    .refine((path) => path !== '/webhooks', 'is where webhooks are themselves: write another one, or none')
    .default('')
    .describe(
      'Path below which an ingress leads to the public port, such as /bell: of webhooks, pages and their cookies. The ops port has none. Default: none.',
    ),
  maxBody: size
    .default(32 * 1024 ** 2)
    .describe('Largest body of a webhook, once its sender has shown a token. Default 32MiB.'),
});

const room = z.strictObject({
  in: z
    .record(name, z.union([id.transform((one) => [one]), z.array(id).min(1, 'names no room')]))
    .describe('Connector to the id (or alias) of the room there, or a list of them.'),
  failover: name.optional().describe('Room that gets what this one could not be shown.'),
});
export type RoomConfig = z.infer<typeof room>;

const person = z.strictObject({
  name: z.string().min(1).max(200).optional().describe('How messages call this person; default: the key.'),
  accounts: z.record(name, id).default({}).describe('Connector to the id of the account there.'),
  contact: z
    .array(name)
    .optional()
    .describe('Order of connectors for direct messages; default: the order of accounts.'),
  timeZone: timeZone.optional().describe("The person's time zone; default: the bot's."),
  hours: workingHours.optional().describe('Working hours, in that time zone.'),
  groups: z.array(name).default([]).describe('Groups the person is in; "admins" may say the commands of class admin.'),
});
export type PersonConfig = z.infer<typeof person>;

const who = z
  .string()
  .min(1)
  .describe('A group, a person, "everyone", "guests", "platform:matrix", or "token:ci" for a token of the API.');
const accessRule = z
  .strictObject({
    allow: z.array(who).min(1, 'names nobody').optional().describe('Who may.'),
    deny: z.array(who).min(1, 'names nobody').optional().describe('Who may not.'),
    commands: z
      .array(z.string().min(1))
      .min(1, 'names no command')
      .default(['*'])
      .describe(
        'The first words of commands, or skill and name of queries ("alerts open"), "class:act", "skill:alerts" or "*" (the default).',
      ),
    in: z
      .array(name)
      .min(1, 'names no room')
      .optional()
      .describe('Rooms in which the rule counts; default: everywhere.'),
    on: z
      .array(z.string().min(1))
      .min(1, 'names nothing')
      .optional()
      .describe(
        'What a command is about, such as "job:site/deploy"; * stands for any characters: "job:site/*". Default: whatever it is about.',
      ),
    reason: z.string().min(1).max(300).optional().describe('Shown to whoever is refused.'),
  })
  .refine((rule) => (rule.allow === undefined) !== (rule.deny === undefined), { error: 'write either allow or deny' });
export type AccessRule = z.infer<typeof accessRule>;

const named = (what: string) =>
  z
    .array(z.string().min(1))
    .default([])
    .describe(
      `Which ${what} it may use, named as in access rules: first words, "class:read", "skill:alerts" or "*". Default: none.`,
    );

const apiToken = z.strictObject({
  token: z
    .union([secretReference.transform((one) => [one]), z.array(secretReference).min(1, 'names no secret')])
    .describe('Secret that opens the API, at least 16 characters, or a list of them, to change it without a gap.'),
  commands: named('commands'),
  queries: named('queries'),
});

const timeInterval = z.strictObject({
  days: days.optional().describe('Days such as Mon-Fri; default: all.'),
  hours: hours.optional().describe('Hours such as 09:00-18:00; default: all day.'),
  timeZone: timeZone.optional().describe("Time zone; default: the bot's."),
});

const layer = z.strictObject({
  rotation: z
    .union([z.enum(['daily', 'weekly']), duration], {
      error: 'is not a rotation: write daily, weekly or a duration such as 12h',
    })
    .describe('How long one turn is: daily, weekly or a duration.'),
  handover: dayAndTime.describe('When turns change: Mon 09:00, or 09:00.'),
  start: date.describe('First day of the first turn.'),
  people: z.array(name).min(1, 'names nobody').describe('Who takes turns, in this order.'),
  during: name.optional().describe('Time interval to which this layer is limited.'),
});

const schedule = z.strictObject({
  timeZone: timeZone.optional().describe("Time zone of the times below; default: the bot's."),
  layers: z.array(layer).min(1, 'has no layer').describe('Later layers win where they overlap.'),
});
export type ScheduleConfig = z.infer<typeof schedule>;

const ENTRIES = 'One entry an account on a chat platform.';

/** The core's own words; entries of `connectors` are checked further by `configSchemaOf`, options of skills by `readSkills`. */
export const configSchema = z.strictObject({
  name: name.default('watchbell').describe('Also a name it answers to: "watchbell help". Default watchbell.'),
  timeZone: timeZone.default('UTC').describe('Of schedules and of printed times. Default UTC.'),
  database: database.optional().describe('Where Postgres is; left out: an embedded one in ./data.'),
  http: http.prefault({}).describe('Ports, and the address for links.'),
  connectors: z.record(name, anyConnector).default({}).describe(ENTRIES),
  rooms: z
    .record(name, room)
    .default({})
    .describe('Names for rooms, used everywhere else; one name may stand for rooms on several platforms.'),
  people: z.record(name, person).default({}).describe('One entry a person, with all accounts.'),
  access: z.array(accessRule).default([]).describe('Who may do what; the first rule that matches decides.'),
  timeIntervals: z.record(name, timeInterval).default({}).meta({
    description: 'Named times of the week.',
    noEffect: 'only layers of schedules know them; routes apply at all hours',
  }),
  schedules: z.record(name, schedule).default({}).meta({
    description: 'On-call schedules.',
    noEffect: 'nobody is paged by them; skills of your own may ask who is on call',
  }),
  api: z
    .strictObject({
      tokens: z
        .record(name, apiToken)
        .default({})
        .describe('One entry a program; `token:NAME` is what access rules and the audit call it.'),
    })
    .prefault({})
    .describe('Who may use the REST API: see docs/api.md.'),
  skills: z.record(name, z.unknown()).default({}).describe("Each skill's own options; `false` switches a skill off."),
  skillDirectories: z
    .array(z.string().min(1))
    .default([])
    .describe('Further directories with skills; relative ones lie beside this file.'),
  backlog: z
    .strictObject({
      maxAge: duration
        .default(600_000)
        .describe('Older commands that are found after a gap are asked about instead of run. Default 10m.'),
    })
    .prefault({})
    .describe('What was said while the bot was away.'),
  keep: z
    .strictObject({
      events: duration
        .refine((ms) => ms >= 7 * DAY_MS, 'is too short: at least 7d, or repeats would not be recognised')
        .default(7 * DAY_MS)
        .describe('How long handled events are remembered, to recognise repeats. At least and by default 7d.'),
      history: duration
        .default(90 * DAY_MS)
        .describe(
          'How long messages, errors and the audit are kept; finished alerts: skills.alerts.keep. Default 90d.',
        ),
    })
    .prefault({})
    .describe('When old rows are pruned.'),
});

/** The whole schema, with the options of these platforms. */
export function configSchemaOf(platforms: readonly PlatformOptions[]): typeof configSchema {
  const connectors = z.record(name, connectorOf(platforms)).default({}).describe(ENTRIES);
  return configSchema.extend({ connectors }) as unknown as typeof configSchema;
}

/**
 * A loaded configuration. `skills` holds the parsed options of each skill that is on, by name, whether mentioned or not.
 * Durations (`backlog.maxAge`, `keep.*`) are milliseconds, `http.maxBody` is bytes.
 */
export type Config = z.infer<typeof configSchema>;
