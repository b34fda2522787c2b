import { stringify } from 'yaml';
import type { Answers } from './init-answers.ts';

export const ALERTS_TOKEN_FILE = 'alerts-token';
const ROOM = 'ops';
/** The account of whoever opens the link of `watchbell sign-in`. */
const WEB_ACCOUNT = 'local';

/** The text of `watchbell.yaml`: the account, one room, and the web chat for `watchbell sign-in`. */
export function configText({ type, options, room, account }: Answers): string {
  const entry = Object.entries(options).map(([key, value]) => `    ${key}: ${valueText(value)}\n`);
  const isWeb = type === 'web';
  const rooms = isWeb ? `web: ${valueText(room)}` : `${type}: ${valueText(room)}, web: ${ROOM}`;
  const accounts = account === undefined ? '' : `${type}: ${valueText(account)}, `;
  return `# Written by \`watchbell init\`. All keys: docs/reference/configuration.md
# Without a database: Postgres in ./data, for trials.
# database: { url: { file: database-uri } }
connectors:
  ${type}:
${entry.join('')}    opsRoom: ${ROOM} # where the bot reports its own problems
${isWeb ? '' : '  web: {} # `watchbell sign-in` prints its address\n'}rooms:
  ${ROOM}: { in: { ${rooms} } }
people: # those listed may use all commands except those for admins
  ${personKey(account)}: { accounts: { ${accounts}web: ${WEB_ACCOUNT} }, groups: [admins] }
skills:
  alerts:
    sources:
      default: # POST /webhooks/alertmanager
        tokens: [{ file: ${ALERTS_TOKEN_FILE} }]
    route:
      rooms: [${ROOM}]
      policy: remind
      routes: [{ matchers: ['alertname="Watchdog"'], drop: true }] # received, but not shown
    policies:
      remind: { remindEvery: 30m, ackTimeout: 4h }
`;
}

/** Quoted, because a bare id could be a number; `$$` means `$` in a configuration file. */
function valueText(value: Answers['options'][string]): string {
  if (typeof value === 'object') return `{ file: ${value.file} }`;
  return stringify(typeof value === 'string' ? value.replaceAll('$', '$$$$') : value, {
    defaultStringType: 'QUOTE_SINGLE',
    lineWidth: 0,
  }).trimEnd();
}

/** `ann` for `@ann:example.org`: the name in messages. */
function personKey(account: string | undefined): string {
  return /[A-Za-z][A-Za-z0-9_.-]{0,62}/.exec(account ?? '')?.[0] ?? 'you';
}
