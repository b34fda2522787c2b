import type { TestPostgres } from './postgres.ts';

export default async function stop(): Promise<void> {
  const { watchbellTestPostgres } = globalThis as unknown as { watchbellTestPostgres?: TestPostgres };
  await watchbellTestPostgres?.stop();
}
