/** Statements are prepared while tables are empty, and go on when they are not. */
import type { TestBot } from '../../src/testing/index.ts';
import { bodyOf, startAlertsBot } from '../../skills/alerts/test-bot.ts';
import { until } from '../harness/until.ts';

let bot: TestBot;
beforeEach(async () => {
  bot = await startAlertsBot();
});
afterEach(() => bot.stop());

const FILLED = ['events', 'messages', 'alerts', 'alert_episodes', 'alert_timeline', 'timers'];

/** As after a busy week. */
async function fill(): Promise<void> {
  const copies = async (table: string, changes: Record<string, string>, count = 9000): Promise<void> => {
    const columns = await bot.query<{ name: string }>(
      `select column_name as name from information_schema.columns where table_name = $1 and is_generated = 'NEVER' and identity_generation is null order by ordinal_position`,
      [table],
    );
    const names = columns.map(({ name }) => name);
    await bot.query(
      `insert into ${table} (${names.join(', ')}) select ${names.map((name) => changes[name] ?? `t.${name}`).join(', ')}
       from (select * from ${table} limit 1) t, generate_series(1, ${count}) n`,
    );
  };
  await copies('events', { source_id: `'filled ' || n` });
  await copies('messages', { id: 'gen_random_uuid()', key: `'filled ' || n`, position: `nextval('message_position')` });
  await copies('alerts', { id: '1000000 + n', fingerprint: `'filled ' || n`, number: '1000000 + n' });
  await copies('alert_episodes', { alert_id: '1000000 + n', number: '1000000 + n' });
  await copies('alert_timeline', { alert_id: '1000000 + n', number: '1000000 + n' });
  await copies('timers', { id: 'gen_random_uuid()', key: `'filled ' || n`, due_at: `'2100-01-01'` });
}

interface Plan {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly Plans?: readonly Plan[];
}

const readWhole = (plan: Plan): string[] => [
  ...(plan['Node Type'] === 'Seq Scan' && FILLED.includes(plan['Relation Name'] ?? '')
    ? [plan['Relation Name'] ?? '']
    : []),
  ...(plan.Plans ?? []).flatMap(readWhole),
];

/** Which large tables the plans that are kept read whole, and by which statements. */
function wholeTables(): Promise<string[]> {
  return bot.app.database.connection(async ({ script }) => {
    // Plans that are made anew for each run go by the size of the tables.
    await script('set plan_cache_mode = force_generic_plan');
    const found: string[] = [];
    for (const { name, statement, types } of await script<{ name: string; statement: string; types: string[] }>(
      'select name, statement, parameter_types::text[] as types from pg_prepared_statements',
    )) {
      const given = types.length > 0 ? `(${types.map((type) => `null::${type}`).join(', ')})` : '';
      const [row] = await script<{ 'QUERY PLAN': { Plan: Plan }[] }>(`explain (format json) execute ${name}${given}`);
      const tables = row?.['QUERY PLAN'].flatMap(({ Plan: plan }) => readWhole(plan)) ?? [];
      if (tables.length > 0) found.push(`${tables.join(', ')}: ${statement}`);
    }
    await script('reset plan_cache_mode');
    return found;
  });
}

test('what was planned while tables were empty goes by their indexes once they are not', async () => {
  for (let n = 0; n < 12; n++) {
    await bot.webhook('alertmanager/prod', bodyOf([{ pod: `p${n}`, team: n % 2 ? 'groups' : 'both' }]), 'secret');
    await bot.say(`ack ${n + 1}`);
  }
  await fill();
  expect(await wholeTables()).not.toEqual([]);
  await until(async () => (await wholeTables()).length === 0);
}, 60_000);
