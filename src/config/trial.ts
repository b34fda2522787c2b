import { loadContent, type LoadResult, type ReadOptions } from './load.ts';

export interface TrialOptions extends ReadOptions {
  /** Whether there is a terminal to chat in. */
  readonly console: boolean;
  /** Absolute path of the file with the token of the webhook. */
  readonly tokenFile: string;
}

/** The configuration when there is no file: one room, one user who may do everything, alerts posted with a token. */
export function loadTrialConfig(options: TrialOptions): LoadResult {
  return loadContent(JSON.stringify(trialConfig(options)), 'the trial configuration', options);
}

export function trialConfig({ console, tokenFile }: Pick<TrialOptions, 'console' | 'tokenFile'>): object {
  const connectors = console ? ['web', 'console'] : ['web'];
  const each = <T>(value: T): Record<string, T> => Object.fromEntries(connectors.map((name) => [name, value]));
  return {
    name: 'watchbell',
    connectors: each({ opsRoom: 'lobby' }),
    rooms: { lobby: { in: each('lobby') } },
    people: { you: { name: 'Local user', accounts: each('local'), groups: ['admins'] } },
    skills: {
      alerts: {
        sources: { default: { tokens: [{ file: tokenFile }] } },
        route: { rooms: ['lobby'], policy: 'remind' },
        policies: { remind: { remindEvery: '30m', ackTimeout: '4h' } },
      },
    },
  };
}
