/**
 * The configuration schema: the only source of its types, of the JSON Schema and of the reference in docs/reference.
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
    url: secretReference.optional().describe('Secret with a postgres:// address; used instead of the keys below.'),
    host: z
      .string()
      .min(1)
      .refine((value) => !/[,\s]|:\/\//.test(value), {
        error:
          'is not a single host: an address belongs in url; of several hosts, write the one that points to the primary',
      })
      .optional()
      .describe('Host name, or the directory of a Unix socket.'),
    port: port.optional().describe('Port; default 5432.'),
    name: z.string().min(1).optional().describe('Database name; default watchbell.'),
    user: z.string().min(1).optional().describe('User; default watchbell.'),
    password: secretReference.optional().describe("The user's password."),
    tls: z
      .strictObject({
        mode: z
          .enum(['disable', 'require', 'verify-ca', 'verify-full'])
          .default('verify-full')
          .describe('TLS mode, as in Postgres.'),
        ca: secretReference.optional().describe('Certificate authority in PEM; default: those of the system.'),
      })
      .optional()
      .describe('TLS for the connection.'),
  })
  .refine((value) => (value.url === undefined) !== (value.host === undefined), {
    error: 'write either url, or host (with port, name, user, password, tls)',
  })
  .refine(
    (value) => value.url === undefined || (value.port ?? value.name ?? value.user ?? value.password) === undefined,
    {
      error: 'url already includes port, name, user and password: set them in one place',
    },
  );
export type DatabaseConfig = z.infer<typeof database>;

const http = z.strictObject({
  port: port.optional().describe('Public port: webhooks, API, web pages. Default 8080, or the next free one.'),
  opsPort: port
    .optional()
    .describe('Port for probes and metrics; do not expose it. Default 8081, or the next free one.'),
  publicUrl: z
    .url({ protocol: /^https?$/, error: 'is not an address: write https://bell.example.org' })
    .transform((url) => url.replace(/\/+$/, ''))
    .optional()
    .describe('Public address, for links in messages; including `basePath`, if there is one.'),
  basePath: z
    .string()
    .regex(/^(?:\/[A-Za-z0-9][A-Za-z0-9._~-]*)*\/?$/, 'is not a path: write /bell, or /tools/bell')
    .transform((path) => path.replace(/\/$/, ''))
    // Whether a proxy strips the path is detected by what follows it.
    .refine((path) => path !== '/webhooks', 'is the path of webhooks: choose another one, or none')
    .default('')
    .describe(
      'Path below which an ingress serves the public port, such as /bell; applies to webhooks, pages and cookies, but not to the ops port. Default: none.',
    ),
  maxBody: size
    .default(32 * 1024 ** 2)
    .describe('Maximum size of a webhook body from a sender with a valid token. Default 32MiB.'),
});

const room = z.strictObject({
  in: z
    .record(name, z.union([id.transform((one) => [one]), z.array(id).min(1, 'names no room')]))
    .describe('Maps a connector to the id (or alias) of the room there, or a list of them.'),
  failover: name.optional().describe('Room that gets messages that could not be shown in this one.'),
});
export type RoomConfig = z.infer<typeof room>;

const person = z.strictObject({
  name: z.string().min(1).max(200).optional().describe('Name shown in messages; default: the key.'),
  accounts: z.record(name, id).default({}).describe('Maps a connector to the id of the account there.'),
  contact: z
    .array(name)
    .optional()
    .describe('Order of connectors for direct messages; default: the order of accounts.'),
  timeZone: timeZone.optional().describe("The person's time zone; default: the bot's."),
  hours: workingHours.optional().describe('Working hours, in that time zone.'),
  groups: z.array(name).default([]).describe('Groups the person is in; "admins" can use commands of class admin.'),
});
export type PersonConfig = z.infer<typeof person>;

const who = z
  .string()
  .min(1)
  .describe('A group, a person, "everyone", "guests", "platform:matrix", or "token:ci" for an API token.');
const accessRule = z
  .strictObject({
    allow: z.array(who).min(1, 'names nobody').optional().describe('Who is allowed.'),
    deny: z.array(who).min(1, 'names nobody').optional().describe('Who is denied.'),
    commands: z
      .array(z.string().min(1))
      .min(1, 'names no command')
      .default(['*'])
      .describe(
        'First words of commands, skill and name of queries ("alerts open"), "class:act", "skill:alerts" or "*" (the default).',
      ),
    in: z
      .array(name)
      .min(1, 'names no room')
      .optional()
      .describe('Rooms in which the rule applies; default: everywhere.'),
    on: z
      .array(z.string().min(1))
      .min(1, 'names nothing')
      .optional()
      .describe(
        'What a command acts on, such as "job:site/deploy"; * matches any characters: "job:site/*". Default: anything.',
      ),
    reason: z.string().min(1).max(300).optional().describe('Shown to anyone who is denied.'),
  })
  .refine((rule) => (rule.allow === undefined) !== (rule.deny === undefined), { error: 'write either allow or deny' });
export type AccessRule = z.infer<typeof accessRule>;

const named = (what: string) =>
  z
    .array(z.string().min(1))
    .default([])
    .describe(
      `The ${what} it can use, as in access rules: first words, "class:read", "skill:alerts" or "*". Default: none.`,
    );

const apiToken = z.strictObject({
  token: z
    .union([secretReference.transform((one) => [one]), z.array(secretReference).min(1, 'names no secret')])
    .describe('API token of at least 16 characters, or a list of them for rotation without downtime.'),
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
    .describe('Length of a turn: daily, weekly or a duration.'),
  handover: dayAndTime.describe('When turns change: Mon 09:00, or 09:00.'),
  start: date.describe('First day of the first turn.'),
  people: z.array(name).min(1, 'names nobody').describe('People who take turns, in this order.'),
  during: name.optional().describe('Time interval in which this layer applies.'),
});

const schedule = z.strictObject({
  timeZone: timeZone.optional().describe("Time zone of the times below; default: the bot's."),
  layers: z.array(layer).min(1, 'has no layer').describe('Where layers overlap, later ones take precedence.'),
});
export type ScheduleConfig = z.infer<typeof schedule>;

const ENTRIES = 'One entry per account on a chat platform.';

/** The core's keys; entries of `connectors` are checked by `configSchemaOf`, options of skills by `readSkills`. */
export const configSchema = z.strictObject({
  name: name
    .default('watchbell')
    .describe(`The bot's name; it also responds to it: "watchbell help". Default watchbell.`),
  timeZone: timeZone.default('UTC').describe('Time zone of schedules and printed times. Default UTC.'),
  database: database.optional().describe('Postgres connection; default: an embedded Postgres in ./data.'),
  http: http.prefault({}).describe('Ports, and the address for links.'),
  connectors: z.record(name, anyConnector).default({}).describe(ENTRIES),
  rooms: z
    .record(name, room)
    .default({})
    .describe('Room names, used everywhere else; one name can stand for rooms on several platforms.'),
  people: z
    .record(name, person)
    .default({})
    .describe('One entry per person, with all accounts; with `link`, people add further ones themselves.'),
  access: z.array(accessRule).default([]).describe('Access rules; the first one that matches decides.'),
  timeIntervals: z.record(name, timeInterval).default({}).meta({
    description: 'Named times of the week.',
    noEffect: 'only layers of schedules use them; routes apply at all hours',
  }),
  schedules: z.record(name, schedule).default({}).meta({
    description: 'On-call schedules.',
    noEffect: 'they page nobody; custom skills can ask who is on call',
  }),
  api: z
    .strictObject({
      tokens: z
        .record(name, apiToken)
        .default({})
        .describe('One entry per program; access rules and the audit log call it `token:NAME`.'),
    })
    .prefault({})
    .describe('Access to the REST API: see docs/api.md.'),
  skills: z.record(name, z.unknown()).default({}).describe('Options of each skill; `false` turns a skill off.'),
  skillDirectories: z
    .array(z.string().min(1))
    .default([])
    .describe('Additional directories with skills; relative paths start from this file.'),
  backlog: z
    .strictObject({
      maxAge: duration
        .default(600_000)
        .describe(
          'Commands from an outage that are older than this are not run; the bot asks for them again. Default 10m.',
        ),
    })
    .prefault({})
    .describe('Commands sent while the bot was offline.'),
  keep: z
    .strictObject({
      events: duration
        .refine((ms) => ms >= 7 * DAY_MS, 'is too short: at least 7d, or repeats would not be recognised')
        .default(7 * DAY_MS)
        .describe('How long handled events are kept, to recognise repeats. Minimum and default 7d.'),
      history: duration
        .default(90 * DAY_MS)
        .describe(
          'How long messages, errors and the audit log are kept; for finished alerts see skills.alerts.keep. Default 90d.',
        ),
    })
    .prefault({})
    .describe('Retention of old rows.'),
});

/** The complete schema, with the options of these platforms. */
export function configSchemaOf(platforms: readonly PlatformOptions[]): typeof configSchema {
  const connectors = z.record(name, connectorOf(platforms)).default({}).describe(ENTRIES);
  return configSchema.extend({ connectors }) as unknown as typeof configSchema;
}

/**
 * A loaded configuration. `skills` holds the parsed options of each enabled skill, by name, whether mentioned or not.
 * Durations (`backlog.maxAge`, `keep.*`) are milliseconds, `http.maxBody` is bytes.
 */
export type Config = z.infer<typeof configSchema>;
