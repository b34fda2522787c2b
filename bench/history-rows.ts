import type { World } from './harness/world.ts';

/** Shares of the rows, by table, and how each is filled; `$1` is the number of rows. All rows are within the retention times. */
const TABLES: readonly [share: number, sql: string][] = [
  [
    0.3,
    `insert into events (source, source_id, lane, kind, skill, name, state, result, happened_at, accepted_at, handled_at)
     select 'webhook', gen_random_uuid()::text, 'webhook:alertmanager:' || n % 1000, 'webhook', 'alerts', 'alertmanager', 'done', 'ok', at, at, at
     from (select n, clock_timestamp() - n * interval '1.5 seconds' as at from generate_series(1, $1) n) x`,
  ],
  [
    0.2,
    `insert into messages (id, connector, room, skill, key, queue, content, line, ring_version, delivered_version, delivered_ring, sends, copies, shown_actions, created_at, wanted_at, shown_at)
     select gen_random_uuid(), 'matrix', $2, 'alerts', 'alert:' || (n + 10000000), 0, repeat('{"title":"an old alert"}', 20), 'an old alert', 1, 1, 1, 1,
       '[{"ring":1,"parts":[{"remoteId":"$old' || n || '","hash":"x"}]}]', '[]', at, at, at
     from (select n, clock_timestamp() - n * interval '20 seconds' as at from generate_series(1, $1) n) x`,
  ],
  [
    0.2,
    `insert into message_remotes (connector, room, remote_id, message_id) select 'matrix', room, '$old-' || row_number() over (), id from messages where key like 'alert:1%' limit $1`,
  ],
  [
    0.05,
    `insert into alerts (source, fingerprint, number, phase, severity, name, labels, annotations, started_at, ended_at, last_ends_at, firing_received_at, resolved_received_at, changed_at)
     select 'bench', md5(n::text), n + 10000000, 'resolved', 'warning', 'Old' || n, jsonb_build_object('alertname', 'Old' || n, 'namespace', 'team-' || n % 100),
       '{"summary":"it was something"}', at, at + interval '5 minutes', at + interval '5 minutes', at, at, at
     from (select n, clock_timestamp() - n * interval '80 seconds' as at from generate_series(1, $1) n) x`,
  ],
  [
    0.1,
    `insert into alert_episodes (alert_id, number, opened_at, started_at, ended_at, end_reason)
     select id, number, started_at - turn * interval '1 day', started_at - turn * interval '1 day', ended_at - turn * interval '1 day', 'resolved'
     from alerts, generate_series(0, 1) turn where number > 10000000 limit $1`,
  ],
  [
    0.1,
    `insert into alert_timeline (alert_id, number, at, what) select id, number, started_at, what from alerts, unnest(array['fired', 'resolved']) what where number > 10000000 limit $1`,
  ],
  [
    0.05,
    `insert into audit (at, event_id, connector, room, account, skill, command, text, result, because)
     select clock_timestamp() - n * interval '1 minute', n, 'matrix', $2, '@ann:fake.test', 'alerts', 'ack', 'ack ' || n, 'ok', 'class respond' from generate_series(1, $1) n`,
  ],
];

/** Fills the bot's database with the rows of months of use, as fast as Postgres can; resolves to the number of rows. */
export async function fillHistory(world: World, rows: number): Promise<number> {
  let written = 0;
  for (const [share, sql] of TABLES) {
    const count = Math.round(rows * share);
    await world.query(sql, sql.includes('$2') ? [count, world.room] : [count]);
    written += count;
  }
  // Autovacuum does this within a minute.
  await world.query('vacuum analyze');
  return written;
}
