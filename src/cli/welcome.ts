import { join } from 'node:path';
import type { App } from '../app.ts';
import type { ProgramSetup } from './program-setup.ts';

/** Exactly three things to do. */
export async function welcome(app: App, setup: ProgramSetup): Promise<void> {
  const address = `http://127.0.0.1:${app.port}`;
  const token = await setup.secrets.read({ file: join(setup.dataDirectory, 'webhook-token') });
  console.log(`
Watchbell is running. Three things to do:

1. Open the chat:   ${address}/sign-in#${await app.createSignIn()}
2. Post an alert:   curl -H 'Authorization: Bearer ${token}' -d '${sampleAlert(app.clock.now())}' ${address}/webhooks/alertmanager
3. In the chat,     type: demo alert
`);
}

/** The body of a first alert to post by hand. */
export function sampleAlert(now: Date): string {
  return JSON.stringify({
    version: '4',
    status: 'firing',
    receiver: 'watchbell',
    groupKey: 'try',
    alerts: [
      {
        status: 'firing',
        labels: { alertname: 'TryIt', severity: 'warning', namespace: 'demo' },
        annotations: { summary: 'My first alert' },
        startsAt: now.toISOString(),
      },
    ],
  });
}
