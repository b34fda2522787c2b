import { parseDuration, z } from '#skill';
import { parseMatchers, type Matcher } from './matchers.ts';
import { linkProblem } from './text.ts';

const duration = z.string().transform((text, context) => {
  const ms = parseDuration(text);
  if (ms !== undefined) return ms;
  context.addIssue({ code: 'custom', message: `"${text}" is not a duration like 90s, 15m, 4h or 5d` });
  return z.NEVER;
});

/** Like `duration`, but `0m` is allowed. */
const delay = z.string().transform((text, context) => {
  const ms = /^0[smhdw]$/.test(text) ? 0 : parseDuration(text);
  if (ms !== undefined) return ms;
  context.addIssue({ code: 'custom', message: `"${text}" is not a duration like 0m, 15m or 4h` });
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

const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'a name may have letters, digits, ".", "_" and "-"');
const secret = z.union([
  z.strictObject({ file: z.string().describe('File under WATCHBELL_SECRETS, or an absolute path.') }),
  z.strictObject({ env: z.string().describe('Environment variable; for trials.') }),
]);

const source = z.strictObject({
  tokens: z.array(secret).min(1).describe('Any of them is accepted, so that tokens can be rotated without a gap.'),
  api: z
    .strictObject({
      urls: z.array(z.url()).min(1).describe('The peers of one Alertmanager cluster.'),
      token: secret.optional().describe('Token for the API.'),
    })
    .optional()
    .meta({
      description: 'The API of this Alertmanager.',
      noEffect: 'the bot neither queries Alertmanager nor creates silences',
    }),
  labels: z.record(z.string(), z.string()).default({}).describe('Labels that are added where an alert lacks them.'),
  watchdog: z
    .strictObject({
      matchers: matchers.describe('The alert that proves that the source works.'),
      within: duration.describe('Longest time between two notifications.'),
    })
    .optional()
    .meta({
      description: 'An alert that always fires.',
      noEffect: 'a silent source is not reported in a room; alert on watchbell_webhook_last_received_timestamp_seconds',
    }),
});

const message = z.strictObject({
  severity: z
    .strictObject({
      label: z.string().default('severity').describe('Label with the severity. Default severity.'),
      critical: z
        .array(z.string())
        .default(['critical', 'page', 'p1'])
        .describe('Values that mean critical. Default critical, page, p1.'),
      warning: z
        .array(z.string())
        .default(['warning', 'p2'])
        .describe('Values that mean warning, as do a missing label and any value in no list. Default warning, p2.'),
      info: z.array(z.string()).default(['info', 'none']).describe('Values that mean info. Default info, none.'),
    })
    .prefault({})
    .describe('How severities map to critical, warning and info.'),
  origin: z
    .string()
    .default('{cluster}/{namespace}')
    .describe('Origin of an alert, a template of its labels. Default {cluster}/{namespace}.'),
  text: z
    .array(z.string())
    .default(['summary', 'message', 'description'])
    .describe('Annotations; the first that exists is shown. Default summary, message, description.'),
  labels: z
    .array(z.string())
    .default(['pod', 'instance'])
    .describe('Labels whose values are shown. Default pod, instance.'),
  links: z
    .record(
      z.string(),
      link.describe('An address with labels in braces after its host; their values are percent-encoded.'),
    )
    .default({})
    .describe('Additional links, by the text that is shown.'),
});

/** A route of the tree. Keys that are left out are inherited; `policy: null` removes an inherited policy. */
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
  rooms: z.array(z.string()).min(1).optional().describe('Rooms that show the alerts; default: inherited.'),
  show: z
    .enum(['alert', 'group'])
    .optional()
    .describe('One message for each alert, or for each Alertmanager group; default: inherited, at the root alert.'),
  policy: z
    .string()
    .nullable()
    .optional()
    .describe('Policy for unacknowledged alerts; default: inherited. `null` removes an inherited one.'),
  schedule: z
    .string()
    .optional()
    .meta({ description: 'On-call schedule; default: inherited.', noEffect: 'nobody is paged' }),
};

const child: z.ZodType<Route> = z.strictObject({
  ...inherited,
  matchers: matchers
    .optional()
    .describe("Conditions in Alertmanager's syntax; all must match. Default: everything matches."),
  from: z
    .strictObject({
      source: z.string().optional().describe('The source.'),
      receiver: z.string().optional().describe('The receiver in Alertmanager.'),
    })
    .optional()
    .describe('Where the alert must come from.'),
  active: z
    .array(z.string())
    .optional()
    .meta({ description: 'Time intervals in which the route applies.', noEffect: 'the route always applies' }),
  drop: z.boolean().optional().describe('Matching alerts are not shown.'),
  continue: z
    .boolean()
    .optional()
    .describe('The following routes are tried as well; otherwise the first match decides.'),
  get routes(): z.ZodType<readonly Route[] | undefined> {
    return z.array(child).optional().describe('Child routes, with the same keys.');
  },
});

const root = z.strictObject({
  ...inherited,
  rooms: z.array(z.string()).min(1).describe('Rooms that show the alerts.'),
  routes: z
    .array(child)
    .optional()
    .describe('Child routes; the first match decides, and keys that are left out are inherited.'),
});

const whom = z.union([
  z.strictObject({ oncall: z.string().describe("Whoever is on call in a schedule; `route` means the route's own.") }),
  z.strictObject({ room: z.string().describe('A room.') }),
  z.strictObject({ person: z.string().describe('A person.') }),
  z.strictObject({ group: z.string().describe('Everyone in a group.') }),
]);

const policy = z.strictObject({
  remindEvery: duration.optional().describe('How often an unacknowledged alert is posted again. Default: never.'),
  ackTimeout: duration
    .optional()
    .describe('After this time the owner of an acknowledgement is asked whether they are still on it. Default: never.'),
  steps: z
    .array(
      z.strictObject({
        after: delay.describe('Time since the alert was first shown; longer in each step.'),
        notify: z.array(whom).min(1).describe('Who is notified.'),
      }),
    )
    .default([])
    .meta({
      description: 'Escalation steps for an unacknowledged alert.',
      noEffect: 'nobody is paged; remindEvery reminds the room',
    }),
  repeat: z
    .int()
    .min(0)
    .max(100)
    .default(0)
    .meta({ description: 'How often the steps are repeated. Default 0.', noEffect: 'nobody is paged' }),
});

export const alertOptions = z.strictObject({
  sources: z
    .record(name, source)
    .default({})
    .describe('One entry for each Alertmanager: POST /webhooks/alertmanager/NAME.'),
  message: message.prefault({}).describe('Content of messages.'),
  /** Required when there is a source, which `check` enforces, since a bot without alerts needs none. */
  route: root.optional().describe('Which alerts are shown in which rooms; required when there is a source.'),
  policies: z.record(name, policy).default({}).describe('What happens until an alert is acknowledged, by name.'),
  keep: duration.prefault('90d').describe('How long ended alerts are kept; open ones always are. Default 90d.'),
});

export type AlertOptions = z.output<typeof alertOptions>;
export type Policy = AlertOptions['policies'][string];
export type MessageOptions = AlertOptions['message'];
