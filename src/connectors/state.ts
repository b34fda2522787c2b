import type { Database } from '../db/database.ts';
import type { ConnectorEnvironment, JsonValue } from './connector.ts';

/** Small durable state of one connector, such as a device id. */
export function createConnectorState(database: Database, connector: string): ConnectorEnvironment['state'] {
  return {
    async get(key) {
      const [row] = await database.query<{ value: string }>(
        'select value from connector_state where connector = $1 and key = $2',
        [connector, key],
      );
      return row && (JSON.parse(row.value) as JsonValue);
    },
    async set(key, value) {
      await database.query(
        'insert into connector_state (connector, key, value) values ($1, $2, $3) on conflict (connector, key) do update set value = excluded.value',
        [connector, key, JSON.stringify(value)],
      );
    },
  };
}
