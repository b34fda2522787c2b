import { parseDuration, z } from '#skill';
import { parseMatchers, type Matcher } from './matchers.ts';

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

const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'a name has letters, digits, ".", "_" and "-"');
const secret = z.union([z.strictObject({ file: z.string() }), z.strictObject({ env: z.string() })]);

const source = z.strictObject({
  tokens: z.array(secret).min(1),
  api: z.strictObject({ urls: z.array(z.url()).min(1), token: secret.optional() }).optional(),
  labels: z.record(z.string(), z.string()).default({}),
  watchdog: z.strictObject({ matchers, within: duration }).optional(),
});

const message = z.strictObject({
  severity: z
    .strictObject({
      label: z.string().default('severity'),
      critical: z.array(z.string()).default(['critical', 'page', 'p1']),
      warning: z.array(z.string()).default(['warning', 'p2']),
      info: z.array(z.string()).default(['info', 'none']),
    })
    .prefault({}),
  origin: z.string().default('{cluster}/{namespace}'),
  text: z.array(z.string()).default(['summary', 'message', 'description']),
  labels: z.array(z.string()).default(['pod', 'instance']),
  links: z.record(z.string(), z.string()).default({}),
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
  rooms: z.array(z.string()).min(1).optional(),
  show: z.enum(['alert', 'group']).optional(),
  policy: z.string().nullable().optional(),
  schedule: z.string().optional(),
};

const child: z.ZodType<Route> = z.strictObject({
  ...inherited,
  matchers: matchers.optional(),
  from: z.strictObject({ source: z.string().optional(), receiver: z.string().optional() }).optional(),
  active: z.array(z.string()).optional(),
  drop: z.boolean().optional(),
  continue: z.boolean().optional(),
  get routes(): z.ZodType<readonly Route[] | undefined> {
    return z.array(child).optional();
  },
});

const root = z.strictObject({ ...inherited, rooms: z.array(z.string()).min(1), routes: z.array(child).optional() });

const whom = z.union([
  z.strictObject({ oncall: z.string() }),
  z.strictObject({ room: z.string() }),
  z.strictObject({ person: z.string() }),
  z.strictObject({ group: z.string() }),
]);

const policy = z.strictObject({
  remindEvery: duration.optional(),
  ackTimeout: duration.optional(),
  steps: z.array(z.strictObject({ after: delay, notify: z.array(whom).min(1) })).default([]),
  repeat: z.int().min(0).max(100).default(0),
});

export const alertOptions = z.strictObject({
  sources: z.record(name, source).default({}),
  message: message.prefault({}),
  /** Required once there is a source; `check` says so, since a bot without alerts needs none. */
  route: root.optional(),
  policies: z.record(name, policy).default({}),
  /** History older than this is deleted, never what is open. */
  keep: duration.prefault('90d'),
});

export type AlertOptions = z.output<typeof alertOptions>;
export type Policy = AlertOptions['policies'][string];
export type MessageOptions = AlertOptions['message'];
