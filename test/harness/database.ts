import { createDatabase as connect, type Database } from '../../src/db/database.ts';
import { createMigratedDatabase } from '../../src/testing/test-database.ts';

export interface OpenDatabase {
  readonly database: Database;
  readonly url: string;
  /** Closes the connections and drops the database. */
  close(): Promise<void>;
}

/** A separate database with the core's tables, opened like in the program. */
export async function openDatabase(): Promise<OpenDatabase> {
  const server = process.env['WATCHBELL_TEST_POSTGRES'];
  if (!server) throw new Error('WATCHBELL_TEST_POSTGRES is not set: run the tests with `npm test`');
  const { url, drop } = await createMigratedDatabase(server);
  const database = connect({
    url: async () => ({ connectionString: url }),
    poolSize: 6,
    // Longer than any stall of the machine: these tests are not about the effect of a stall on a transaction.
    idleInTransactionMs: 30_000,
    statementTimeoutMs: 30_000,
  });
  return {
    database,
    url,
    async close() {
      await database.close();
      await drop();
    },
  };
}
