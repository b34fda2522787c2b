import { CommandError, defineQuery, listInput, listOf, listOutput, z, type QueryContext, type Sql } from '#skill';
import type { Ack, StoredAlert } from './alert.ts';
import { textOf } from './message.ts';
import type { AlertOptions } from './options.ts';

type AlertQueryContext = QueryContext<AlertOptions>;

const time = z.iso.datetime();
const alertShape = {
  id: z.int().describe('What people type: `ack 12`.'),
  name: z.string(),
  severity: z.enum(['critical', 'warning', 'info']),
  state: z.enum(['firing', 'acked', 'resolved', 'closed']),
  source: z.string(),
  labels: z.record(z.string(), z.string()),
  text: z.string().describe('The first of the annotations in `message.text`, as sent.'),
  since: time,
  acked: z
    .object({
      by: z.string(),
      with: z.array(z.string()),
      at: time,
      until: time.nullable(),
      note: z.string().nullable(),
    })
    .nullable()
    .describe('Who acknowledged it; null: nobody.'),
  rooms: z.array(z.string()).describe('The rooms that show it, of those you may read.'),
};
const alert = z.object(alertShape);
const RANKS = { critical: 0, warning: 1, info: 2 } as const;

const open = defineQuery({
  help: 'lists open alerts, worst first',
  input: z.object({
    ...listInput(z.string().regex(/^[0-2]-[0-9]{1,9}$/)),
    severity: z.enum(['critical', 'warning', 'info']).optional().describe('Only alerts of this severity.'),
    acked: z.boolean().optional().describe('Only acknowledged alerts, or only unacknowledged ones.'),
    room: z.string().min(1).max(63).optional().describe('Only alerts that are shown in this room.'),
  }),
  output: listOutput(alert),
  async run(context: AlertQueryContext, { limit, cursor, severity, acked, room }) {
    const [rank = -1, number = 0] = (cursor ?? '').split('-').map(Number);
    const rows = await context.sql<AnswerRow>(
      `select * from (select ${ANSWER_COLUMNS}, case a.severity when 'critical' then 0 when 'warning' then 1 else 2 end as rank
         from alerts a where a.phase = 'firing' and ${SHOWN} and ($4::text is null or a.severity = $4)
           and ($5::boolean is null or (a.ack is not null) = $5)) open
       where (rank, number) > ($6, $7) order by rank, number limit $8`,
      [...placesOf(context, room), severity ?? null, acked ?? null, rank, number, limit + 1],
    );
    const { items, next } = listOf(rows, limit, (row) => `${RANKS[row.severity]}-${row.number}`);
    return { items: items.map((row) => described(context, row)), ...(next !== undefined && { next }) };
  },
});

const one = defineQuery({
  help: 'shows one alert and its history',
  input: z.object({ id: z.int().min(1).max(2_147_483_647).describe('Its number.') }),
  output: z.object({
    ...alertShape,
    ended: time.nullable(),
    history: z.array(
      z.object({ at: time, what: z.string(), who: z.string().nullable(), detail: z.string().nullable() }),
    ),
  }),
  async run(context: AlertQueryContext, { id }) {
    const [found] = await context.sql<AnswerRow>(
      `select ${ANSWER_COLUMNS} from alerts a where a.number = $4 and ${SHOWN}`,
      [...placesOf(context), id],
    );
    if (!found) throw new CommandError(`there is no alert #${id} that you may read`);
    return {
      ...described(context, found),
      ended: found.endedAt?.toISOString() ?? null,
      history: (await historyOf(context.sql, id)).map(({ at, ...rest }) => ({ at: at.toISOString(), ...rest })),
    };
  },
});

/** Only the columns that are returned, since the others are most of a row. */
const ANSWER_COLUMNS = `a.number, a.name, a.severity, a.phase, a.ack, a.source, a.labels, a.annotations, a.places, a.started_at as "startedAt", a.ended_at as "endedAt"`;
type AnswerRow = Pick<
  StoredAlert,
  | 'number'
  | 'name'
  | 'severity'
  | 'phase'
  | 'ack'
  | 'source'
  | 'labels'
  | 'annotations'
  | 'places'
  | 'startedAt'
  | 'endedAt'
>;

/** Shown in one of the rooms `$1`. Alerts without a room among the configured ones, `$2`, are shown by the root route: `$3`. */
const SHOWN = `exists (select 1 from jsonb_array_elements(a.places) p where p->'rooms' ?| $1::text[] or ($3 and not p->'rooms' ?| $2::text[]))`;

function placesOf({ options, rooms, canIn }: AlertQueryContext, room?: string): [string[], string[], boolean] {
  const configured = rooms.all().map(({ name }) => name);
  const mine = configured.filter((name) => (room === undefined || name === room) && canIn(name));
  return [mine, configured, options.route?.rooms.some((name) => mine.includes(name)) ?? false];
}

function historyOf(sql: Sql, number: number) {
  return sql<{ at: Date; what: string; who: string | null; detail: string | null }>(
    'select at, what, who, detail from (select * from alert_timeline where number = $1 order by id desc limit 200) t order by id',
    [number],
  );
}

function described({ options, rooms, canIn }: AlertQueryContext, row: AnswerRow): z.output<typeof alert> {
  const shownIn = row.places.flatMap((place) => {
    const known = place.rooms.filter((room) => rooms.byName(room));
    return known.length > 0 ? known : (options.route?.rooms ?? []);
  });
  return {
    id: row.number,
    name: row.name,
    severity: row.severity,
    state: row.phase === 'firing' ? (row.ack ? 'acked' : 'firing') : row.phase === 'closed' ? 'closed' : 'resolved',
    source: row.source,
    labels: row.labels,
    text: textOf(row, options.message),
    since: row.startedAt.toISOString(),
    acked: row.ack && ackOf(row.ack),
    rooms: [...new Set(shownIn)].filter(canIn),
  };
}

function ackOf({ owner, others, at, until, note }: Ack) {
  return { by: owner.name, with: others.map(({ name }) => name), at, until, note };
}

export const queries = { open, one };
