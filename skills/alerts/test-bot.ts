import { join } from 'node:path';
import { startTestBot, type TestBot } from '../../src/testing/index.ts';
import alerts from './index.ts';
import { samplePayload } from './sample.ts';

export const OPTIONS = {
  sources: { prod: { tokens: [{ file: 'token' }], labels: { cluster: 'prod-eu' } } },
  route: {
    rooms: ['lobby'],
    routes: [
      { matchers: ['alertname=~"Watchdog|InfoInhibitor"'], drop: true },
      { matchers: ['team="groups"'], show: 'group' },
      { matchers: ['team="grouppage"'], show: 'group', policy: 'page' },
      { matchers: ['team="both"'], rooms: ['lobby', 'annex'] },
      { matchers: ['severity="critical"'], policy: 'page' },
    ],
  },
  policies: { page: { remindEvery: '30m', ackTimeout: '4h' } },
};

/** A bot with the alerts skill, two rooms, Ann (admin) and Bob (listed). */
export function startAlertsBot(
  options: Record<string, unknown> = {},
  config: Record<string, unknown> = {},
): Promise<TestBot> {
  return startTestBot({
    skills: [alerts],
    migrations: { alerts: join(import.meta.dirname, 'migrations') },
    options: { alerts: { ...OPTIONS, ...options } },
    secrets: { token: 'secret' },
    config: {
      rooms: { lobby: { in: { memory: 'lobby' } }, annex: { in: { memory: 'annex' } } },
      people: {
        ann: { name: 'Ann', accounts: { memory: '@ann:test' }, groups: ['admins'] },
        bob: { name: 'Bob', accounts: { memory: '@bob:test' } },
      },
      ...config,
    },
  });
}

export interface OneAlert {
  readonly pod: string;
  readonly status?: 'firing' | 'resolved';
  readonly severity?: string;
  readonly name?: string;
  readonly team?: string;
  readonly startsAt?: Date;
  readonly endsAt?: Date;
  readonly summary?: string;
}

/** Posts alerts as one notification and waits until everything that follows is done. */
export async function post(bot: TestBot, ...list: readonly OneAlert[]): Promise<number> {
  const response = await bot.webhook('alertmanager/prod', bodyOf(list), 'secret');
  return response.status;
}

export function bodyOf(list: readonly OneAlert[]): Record<string, unknown> {
  const payloads = list.map(({ pod, team, severity = 'critical', ...rest }) =>
    samplePayload({ ...rest, severity, labels: { pod, ...(team && { team }) } }),
  );
  const alerts = payloads.flatMap((payload) => payload['alerts'] as unknown[]);
  return { ...payloads[0], alerts };
}
