import type { Override, OverrideRequest } from '../contract/people.ts';
import type { Query } from '../db/database.ts';

interface Row {
  readonly id: number;
  readonly schedule: string;
  readonly person: string;
  readonly from_at: Date;
  readonly until_at: Date;
  readonly made_by: string | null;
}

const COLUMNS = 'id, schedule, person, from_at, until_at, made_by';

export async function writeOverride(
  query: Query,
  { schedule, person, from, until, by }: OverrideRequest,
): Promise<Override> {
  const [row] = await query<Row>(
    `insert into overrides (schedule, person, from_at, until_at, made_by) values ($1, $2, $3, $4, $5) returning ${COLUMNS}`,
    [schedule, person, from, until, by ?? null],
  );
  if (!row) throw new Error('the override was not stored');
  return overrideOf(row);
}

/** Overrides that end after an instant and were not withdrawn. */
export async function readOverrides(query: Query, schedule: string, at: Date): Promise<Override[]> {
  const rows = await query<Row>(
    `select ${COLUMNS} from overrides where schedule = $1 and until_at > $2 and withdrawn_at is null order by from_at, id`,
    [schedule, at],
  );
  return rows.map(overrideOf);
}

export async function withdrawOverride(query: Query, id: number, now: Date): Promise<Override | undefined> {
  const [row] = await query<Row>(
    `update overrides set withdrawn_at = $2 where id = $1 and withdrawn_at is null and until_at > $2 returning ${COLUMNS}`,
    [id, now],
  );
  return row && overrideOf(row);
}

function overrideOf({ id, schedule, person, from_at: from, until_at: until, made_by }: Row): Override {
  return { id, schedule, person, from, until, ...(made_by !== null && { by: made_by }) };
}
