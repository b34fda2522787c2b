import { parseDuration, z } from '#skill';
import { parseMatchers, type Matcher } from './matchers.ts';
import { linkProblem } from './text.ts';

const duration = z.string().transform((text, context) => {
  const ms = parseDuration(text);
  if (ms !== undefined) return ms;
  context.addIssue({ code: 'custom', message: `"${text}" is not a time span like 90s, 15m, 4h or 5d` });
  return z.NEVER;
});

/** Like `duration`, and `0m` is allowed: at once. */
const delay = z.string().transform((text, context) => {
  const ms = /^0[smhdw]$/.test(text) ? 0 : parseDuration(text);
  if (ms !== undefined) return ms;
  context.addIssue({ code: 'custom', message: `"${text}" is not a time span like 0m, 15m or 4h` });
  return z.NEVER;
});

const matchers = z
  .array(
    z.string().transform((text, context): Matcher[] => {
      try {
        return parseMatchers(text);
      } catch (error) {
        context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
        return z.NEVER;
      }
    }),
  )
  .transform((lists): readonly Matcher[] => lists.flat());

const link = z.string().superRefine((template, context) => {
  const message = linkProblem(template);
  if (message !== undefined) context.addIssue({ code: 'custom', message });
});

const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'a name has letters, digits, ".", "_" and "-"');
const secret = z.union([
  z.strictObject({ file: z.string().describe('File below WATCHBELL_SECRETS, or an absolute path.') }),
  z.strictObject({ env: z.string().describe('Environment variable; for trials.') }),
]);

const source = z.strictObject({
  tokens: z.array(secret).min(1).describe('Any of them is accepted, so that one can be replaced without a gap.'),
  api: z
    .strictObject({
      urls: z.array(z.url()).min(1).describe('The peers of one Alertmanager cluster.'),
      token: secret.optional().describe('Token for them.'),
    })
    .optional()
    .meta({
      description: 'Where this Alertmanager answers.',
      noEffect: 'the bot asks Alertmanager nothing, and makes no silences there',
    }),
  labels: z.record(z.string(), z.string()).default({}).describe('Labels added to an alert that lacks them.'),
  watchdog: z
    .strictObject({
      matchers: matchers.describe('Which alert proves that the source works.'),
      within: duration.describe('How often it must come.'),
    })
    .optional()
    .meta({
      description: 'An alert that always fires.',
      noEffect:
        'a source that falls silent is not told in a room; alert on watchbell_webhook_last_received_timestamp_seconds',
    }),
});

const message = z.strictObject({
  severity: z
    .strictObject({
      label: z.string().default('severity').describe('Label that says how bad it is. Default severity.'),
      critical: z
        .array(z.string())
        .default(['critical', 'page', 'p1'])
        .describe('Its values that mean critical. Default critical, page, p1.'),
      warning: z
        .array(z.string())
        .default(['warning', 'p2'])
        .describe('Its values that mean warning, as does every value in no list, and none. Default warning, p2.'),
      info: z.array(z.string()).default(['info', 'none']).describe('Its values that mean info. Default info, none.'),
    })
    .prefault({})
    .describe('Whether an alert is shown as critical, warning or info.'),
  origin: z
    .string()
    .default('{cluster}/{namespace}')
    .describe('Where it comes from, made of its labels. Default {cluster}/{namespace}.'),
  text: z
    .array(z.string())
    .default(['summary', 'message', 'description'])
    .describe('Annotations; the first that is there is shown. Default summary, message, description.'),
  labels: z.array(z.string()).default(['pod', 'instance']).describe('Labels that are shown. Default pod, instance.'),
  links: z
    .record(
      z.string(),
      link.describe('An address with labels in braces behind its host; their values are percent-encoded.'),
    )
    .default({})
    .describe('Further links, by the word that is shown.'),
});

/** What a part of the route tree says; what it leaves out it inherits. `policy: null` takes an inherited policy away. */
export interface Route {
  readonly matchers?: readonly Matcher[] | undefined;
  readonly from?: { readonly source?: string | undefined; readonly receiver?: string | undefined } | undefined;
  readonly rooms?: readonly string[] | undefined;
  readonly show?: 'alert' | 'group' | undefined;
  readonly policy?: string | null | undefined;
  readonly schedule?: string | undefined;
  readonly active?: readonly string[] | undefined;
  readonly drop?: boolean | undefined;
  readonly continue?: boolean | undefined;
  readonly routes?: readonly Route[] | undefined;
}

const inherited = {
  rooms: z.array(z.string()).min(1).optional().describe('Rooms it is shown in; default: as above.'),
  show: z
    .enum(['alert', 'group'])
    .optional()
    .describe("One message for each alert, or for each group of Alertmanager's; default: as above, at the top alert."),
  policy: z
    .string()
    .nullable()
    .optional()
    .describe('Policy while nobody has it; default: as above. `null` takes that away.'),
  schedule: z
    .string()
    .optional()
    .meta({ description: 'Schedule of who is on call for it; default: as above.', noEffect: 'nobody is paged' }),
};

const child: z.ZodType<Route> = z.strictObject({
  ...inherited,
  matchers: matchers
    .optional()
    .describe("What it takes, in Alertmanager's syntax; all must match. Default: everything."),
  from: z
    .strictObject({
      source: z.string().optional().describe('The source.'),
      receiver: z.string().optional().describe('The receiver in Alertmanager.'),
    })
    .optional()
    .describe('What it must come from.'),
  active: z
    .array(z.string())
    .optional()
    .meta({ description: 'Time intervals in which the route counts.', noEffect: 'it counts at all hours' }),
  drop: z.boolean().optional().describe('What it takes is not shown.'),
  continue: z
    .boolean()
    .optional()
    .describe('The next routes are looked at as well; otherwise the first match decides.'),
  get routes(): z.ZodType<readonly Route[] | undefined> {
    return z.array(child).optional().describe('Routes below this one, with the same keys.');
  },
});

const root = z.strictObject({
  ...inherited,
  rooms: z.array(z.string()).min(1).describe('Rooms in which alerts are shown.'),
  routes: z.array(child).optional().describe('The first that matches decides; what it leaves out is as above.'),
});

const whom = z.union([
  z.strictObject({ oncall: z.string().describe("Whoever a schedule says; `route` is the route's own.") }),
  z.strictObject({ room: z.string().describe('Or a room.') }),
  z.strictObject({ person: z.string().describe('Or a person.') }),
  z.strictObject({ group: z.string().describe('Or everybody in a group.') }),
]);

const policy = z.strictObject({
  remindEvery: duration.optional().describe('How often it is shown again until somebody has it; left out: never.'),
  ackTimeout: duration
    .optional()
    .describe('After this time whoever has it is asked whether they are still on it; left out: never.'),
  steps: z
    .array(
      z.strictObject({
        after: delay.describe('Since it was first shown; rises from step to step.'),
        notify: z.array(whom).min(1).describe('Who is told then.'),
      }),
    )
    .default([])
    .meta({
      description: 'Who is told while nobody has it.',
      noEffect: 'nobody is paged; remindEvery reminds the room',
    }),
  repeat: z
    .int()
    .min(0)
    .max(100)
    .default(0)
    .meta({ description: 'How often the steps begin again. Default 0.', noEffect: 'nobody is paged' }),
});

export const alertOptions = z.strictObject({
  sources: z.record(name, source).default({}).describe('One entry an Alertmanager: POST /webhooks/alertmanager/NAME.'),
  message: message.prefault({}).describe('What a message shows of an alert.'),
  /** Required once there is a source; `check` says so, since a bot without alerts needs none. */
  route: root.optional().describe('Which alerts are shown where; required once there is a source.'),
  policies: z.record(name, policy).default({}).describe('What happens while nobody has an alert, by a name.'),
  keep: duration.prefault('90d').describe('How long finished alerts are kept, never what is open. Default 90d.'),
});

export type AlertOptions = z.output<typeof alertOptions>;
export type Policy = AlertOptions['policies'][string];
export type MessageOptions = AlertOptions['message'];
