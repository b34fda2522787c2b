import { join } from 'node:path';
import type { Answers } from './init-answers.ts';
import { ALERTS_TOKEN_FILE } from './init-config.ts';
import { sampleAlert } from './welcome.ts';

/** The same three steps as in a trial, with the new configuration. */
export function nextSteps(
  { room, account }: Answers,
  { configFile, secretsDirectory }: { readonly configFile: string; readonly secretsDirectory: string },
  now: Date,
): string {
  const config = configFile === 'watchbell.yaml' ? '' : `WATCHBELL_CONFIG=${quoted(configFile)} `;
  const token = quoted(join(secretsDirectory, ALERTS_TOKEN_FILE));
  // Commands that change something are only for listed people.
  const demo =
    account === undefined
      ? 'In the web chat (npm run watchbell sign-in prints its address), type: demo alert'
      : `In ${room}, type: !demo alert`;
  return `
Three things to do:

1. Start the bot:   ${config}WATCHBELL_SECRETS=${quoted(secretsDirectory)} npm start
2. Post an alert:   curl -H "Authorization: Bearer $(cat ${token})" -d '${sampleAlert(now)}' http://127.0.0.1:8080/webhooks/alertmanager
3. ${demo}
`;
}

/** Quotes an argument for a shell. */
function quoted(text: string): string {
  return /^[\w./@%+=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
