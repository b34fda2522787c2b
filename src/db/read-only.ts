import type { Database } from './database.ts';

/** Runs one statement of a skill outside any transaction of the program; one that writes fails. */
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
