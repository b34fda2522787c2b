import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import pg from 'pg';
import { createDatabase, type TestDatabase } from '../../test/harness/postgres.ts';
import type { Sql } from '../skill.ts';
import { latestGeneration, storeGeneration } from './generations.ts';

let database: TestDatabase;
let pool: pg.Pool;
beforeAll(async () => {
  database = await createDatabase();
  pool = new pg.Pool({ connectionString: database.url });
  await pool.query(await readFile(resolve(import.meta.dirname, '../db/migrations/001-core.sql'), 'utf8'));
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});
beforeEach(() => pool.query('truncate config_generations'));

async function transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  const sql: Sql = async (text, parameters = []) => (await client.query(text, [...parameters])).rows;
  try {
    await client.query('begin');
    const result = await work(sql);
    await client.query('commit');
    return result;
  } finally {
    client.release();
  }
}

test('on the first start there is no generation', async () => {
  expect(await transaction(latestGeneration)).toBeUndefined();
});

test('the same configuration keeps its generation, a different one gets a higher one, and so does going back', async () => {
  const a = await transaction((sql) => storeGeneration(sql, { hash: 'a', content: '{"name":"a"}' }));
  expect(await transaction((sql) => storeGeneration(sql, { hash: 'a', content: '{"name":"a"}' }))).toBe(a);
  const b = await transaction((sql) => storeGeneration(sql, { hash: 'b', content: '{}' }));
  const again = await transaction((sql) => storeGeneration(sql, { hash: 'a', content: '{"name":"a"}' }));
  expect(b).toBeGreaterThan(a);
  expect(again).toBeGreaterThan(b);
  expect(await transaction(latestGeneration)).toMatchObject({
    generation: again,
    hash: 'a',
    content: '{"name":"a"}',
    loadedAt: expect.any(Date),
  });
});

test('replicas that load the same change at once agree on one generation', async () => {
  const numbers = await Promise.all(
    Array.from({ length: 8 }, () => transaction((sql) => storeGeneration(sql, { hash: 'x', content: '{}' }))),
  );
  expect(new Set(numbers).size).toBe(1);
});
