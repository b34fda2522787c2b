import type { ConnectorModule } from './connector.ts';

/** Imported only when configured, so that an unused platform costs no memory. */
const MODULES: Readonly<Record<string, () => Promise<ConnectorModule<never>>>> = {
  matrix: () => import('./matrix/index.ts'),
  web: () => import('./web/index.ts'),
  console: () => import('./console/index.ts'),
  memory: () => import('./memory/index.ts'),
};

/** Connector types without a remote: what is committed is shown, and every replica serves them. */
export const LOCAL_TYPES: ReadonlySet<string> = new Set(['web']);

/** @throws {Error} for a type that the configuration should have refused. */
export async function importConnector(type: string): Promise<ConnectorModule<unknown>> {
  const load = MODULES[type];
  if (!load) throw new Error(`this release has no connector of type "${type}"`);
  return (await load()) as ConnectorModule<unknown>;
}
