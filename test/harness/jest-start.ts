import { startPostgres } from './postgres.ts';

export default async function start(): Promise<void> {
  const server = await startPostgres();
  process.env['WATCHBELL_TEST_POSTGRES'] = server.url;
  Object.assign(globalThis, { watchbellTestPostgres: server });
}
