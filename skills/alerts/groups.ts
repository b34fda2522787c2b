import { createHash } from 'node:crypto';
import type { Sql } from '#skill';
import { COLUMNS, type Numbered } from './alert.ts';

/** A message for several alerts: a group of Alertmanager's, as far as it goes to the same rooms under the same policy. */
export interface Group {
  readonly id: number;
  readonly source: string;
  readonly keyHash: string;
  readonly title: string;
  readonly rooms: readonly string[];
  readonly policy: string | null;
  readonly open: boolean;
  readonly acked: boolean;
  readonly truncated: number;
  readonly openedAt: Date | null;
  readonly closedAt: Date | null;
}

const COLUMNS_OF_GROUP = `g.id, g.source, g.key_hash as "keyHash", g.title, g.rooms, g.policy, g.open, g.acked, g.truncated,
  g.opened_at as "openedAt", g.closed_at as "closedAt"`;

export interface WantedGroup {
  readonly keyHash: string;
  readonly title: string;
  readonly rooms: readonly string[];
  readonly policy: string | null;
}

export function groupHash(groupKey: string, rooms: readonly string[], policy: string | null): string {
  return createHash('sha256')
    .update(JSON.stringify([groupKey, rooms, policy]))
    .digest('hex')
    .slice(0, 40);
}

/** Locks the groups, making those that are missing. Groups are locked before the alerts in them, always. */
export async function lockGroups(sql: Sql, source: string, wanted: readonly WantedGroup[]): Promise<Group[]> {
  if (wanted.length === 0) return [];
  const hashes = wanted.map((one) => one.keyHash);
  const select = (): Promise<Group[]> =>
    sql<Group>(
      `select ${COLUMNS_OF_GROUP} from alert_groups g where source = $1 and key_hash = any($2) order by id for update`,
      [source, hashes],
    );
  const found = await select();
  if (found.length === wanted.length) return found;
  const known = new Set(found.map((group) => group.keyHash));
  const missing = wanted.filter((one) => !known.has(one.keyHash)).sort((a, b) => (a.keyHash < b.keyHash ? -1 : 1));
  await sql(
    `insert into alert_groups (source, key_hash, title, rooms, policy)
     select $1, x."keyHash", x.title, array(select jsonb_array_elements_text(x.rooms)), x.policy
     from jsonb_to_recordset($2::jsonb) as x("keyHash" text, title text, rooms jsonb, policy text) on conflict (source, key_hash) do nothing`,
    [source, JSON.stringify(missing)],
  );
  return select();
}

export function lockGroupsById(sql: Sql, ids: readonly number[]): Promise<Group[]> {
  if (ids.length === 0) return Promise.resolve([]);
  return sql<Group>(`select ${COLUMNS_OF_GROUP} from alert_groups g where id = any($1) order by id for update`, [ids]);
}

/** Which groups show these alerts; not locked, to know what to lock first. */
export async function groupsShowing(sql: Sql, numbers: readonly number[]): Promise<number[]> {
  const rows = await sql<{ id: number }>(
    `select distinct m.group_id as id from alert_group_members m join alerts a on a.id = m.alert_id where a.number = any($1)`,
    [numbers],
  );
  return rows.map((row) => row.id);
}

export async function addMembers(
  sql: Sql,
  members: readonly { readonly group: number; readonly alert: number }[],
): Promise<void> {
  if (members.length === 0) return;
  const sorted = [...members].sort((a, b) => a.group - b.group || a.alert - b.alert);
  await sql(
    'insert into alert_group_members (group_id, alert_id) select * from unnest($1::integer[], $2::integer[]) on conflict do nothing',
    [sorted.map((member) => member.group), sorted.map((member) => member.alert)],
  );
}

/** What a group's message shows: numbers over all its alerts, and the first of them. */
export interface Summary {
  readonly firing: number;
  /** Firing, and nobody has them. */
  readonly unacked: number;
  readonly over: number;
  readonly owners: readonly string[];
  /** The earliest end of an acknowledgement that nobody was asked about yet. */
  readonly ackUntil: Date | null;
  readonly startedAt: Date;
  readonly endedAt: Date | null;
  readonly first: readonly Numbered[];
}

/** How many alerts are named in one message, and frozen in its actions. */
export const NAMED = 20;

/**
 * An ended alert leaves the message of a group that stays open after a day: with pods that come and go it would grow for
 * ever. What is heard of after `since` counts, also when it ended before: senders' clocks differ, and we may come late.
 */
export async function summarise(sql: Sql, group: number, since: Date): Promise<Summary | undefined> {
  const rows = await sql<
    Numbered & Omit<Summary, 'first' | 'startedAt' | 'endedAt'> & { firstStart: Date; lastEnd: Date | null }
  >(
    `select ${COLUMNS}, t.* from alerts a join alert_group_members m on m.alert_id = a.id cross join (
       select count(*) filter (where phase = 'firing') as firing, count(*) filter (where phase = 'firing' and ack is null) as unacked,
         count(*) filter (where phase <> 'firing') as over,
         coalesce(array_agg(distinct ack->'owner'->>'name') filter (where ack is not null), '{}') as owners,
         min((ack->>'until')::timestamptz) filter (where phase = 'firing' and ack->>'askedAt' is null) as "ackUntil",
         min(started_at) as "firstStart", max(ended_at) filter (where phase <> 'firing') as "lastEnd"
       from alerts b join alert_group_members n on n.alert_id = b.id
       where n.group_id = $1 and b.number is not null and (b.phase = 'firing' or b.ended_at >= $2 or b.changed_at > $2)) t
     where m.group_id = $1 and a.number is not null and (a.phase = 'firing' or a.ended_at >= $2 or a.changed_at > $2)
     order by a.phase <> 'firing', a.ack is not null, case a.severity when 'critical' then 0 when 'warning' then 1 else 2 end, a.number
     limit ${NAMED}`,
    [group, since],
  );
  const [row] = rows;
  if (!row) return undefined;
  const { firing, unacked, over, owners, ackUntil, firstStart, lastEnd } = row;
  return {
    firing: Number(firing),
    unacked: Number(unacked),
    over: Number(over),
    owners,
    ackUntil,
    startedAt: firstStart,
    endedAt: lastEnd,
    first: rows,
  };
}

export async function saveGroup(sql: Sql, group: Group, now: Date): Promise<void> {
  await sql(
    `update alert_groups set open = $2, acked = $3, truncated = $4, opened_at = $5, closed_at = $6, changed_at = $7 where id = $1`,
    [group.id, group.open, group.acked, group.truncated, group.openedAt, group.closedAt, now],
  );
}
