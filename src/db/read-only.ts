import type { Database } from './database.ts';

/** Runs one statement of a skill in a read-only transaction; one that writes fails. */
export function readOnly(
  database: Database,
  text: string,
  parameters: readonly unknown[] | undefined,
): Promise<object[]> {
  return database.transaction(async ({ query }) => {
    await query('set transaction read only');
    return query(text, parameters);
  });
}
