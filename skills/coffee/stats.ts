import { escape, type Command, type Message } from '#skill';
import { roundsNamed, type CoffeeOptions } from './options.ts';
import { drawPicture } from './picture.ts';
import { textChart, type PairCount } from './text-chart.ts';
import { nameOf, personOf } from './person-ids.ts';

interface Totals {
  readonly rounds: number;
  readonly groups: number;
  readonly met: number;
  readonly planned: number;
  readonly no: number;
}

/** A handler has 5 s in all. */
const DRAWING_MS = 3000;

/** Counts rounds and meetings, and shows who has met whom. */
export const stats: Command<CoffeeOptions> = {
  help: 'shows how many met, and a picture of who has met whom',
  async run(context): Promise<Message | string> {
    const { sql, options, args, room } = context;
    const word = args['name'] === undefined ? room.name : String(args['name']);
    const names = word === undefined ? [] : roundsNamed(options, word);
    const [name] = names.length > 0 ? names : args['name'] === undefined ? Object.keys(options.rounds) : [];
    if (name === undefined)
      return `There is no coffee round called "${escape(word ?? '')}". Configured rounds: ${Object.keys(options.rounds).map(escape).join(', ') || 'none'}.`;
    const [totals] = await sql<Totals>(
      `select count(distinct r.id)::int as rounds, count(g.number)::int as groups,
         count(*) filter (where answer = 'met')::int as met, count(*) filter (where answer = 'planned')::int as planned, count(*) filter (where answer = 'no')::int as no
       from coffee_rounds r join coffee_groups g on g.round_id = r.id where r.name = $1`,
      [name],
    );
    if (!totals || totals.rounds === 0) return `There has been no coffee round called ${escape(name)} yet.`;
    const seats = await sql<{ person: string }>('select person from coffee_seats where name = $1', [name]);
    const people = new Set(seats.map(({ person }) => personOf(context.people, person)));
    const met = together(
      await sql<PairCount>('select one, other, times from coffee_met where name = $1', [name]),
      (id) => personOf(context.people, id),
    );
    const answers = totals.met + totals.planned + totals.no;
    const attendees = [...people].map((id) => ({ id, name: nameOf(context, id) }));
    const chart = textChart(attendees, met);
    const image = await drawPicture(attendees, met, AbortSignal.timeout(DRAWING_MS)).catch((error: unknown) => {
      context.log.warn({ err: error }, 'could not draw who has met whom; replied with the text chart');
      return undefined;
    });
    return {
      title: `Coffee in ${name}`,
      fields: [
        { label: 'Rounds', value: String(totals.rounds) },
        {
          label: 'Groups',
          value: `${totals.groups}: ${totals.met} met, ${totals.planned} planned, ${totals.no} did not meet, ${totals.groups - answers} did not answer`,
        },
        {
          label: 'Pairs who have met',
          value: `${chart.known} of ${chart.possible} (${percent(chart.known, chart.possible)})`,
        },
      ],
      ...(image && { image }),
      // A picture says it better, where it can be chart.
      ...(!image && chart.text !== '' && { code: chart.text }),
    };
  },
};

/** Adds up the rows of two people who met under several of their accounts. */
function together(rows: readonly PairCount[], personOfId: (id: string) => string): PairCount[] {
  const pairs = new Map<string, PairCount>();
  for (const { times, ...ids } of rows) {
    const [one = '', other = ''] = [personOfId(ids.one), personOfId(ids.other)].toSorted();
    const key = `${one}\n${other}`;
    if (one !== other) pairs.set(key, { one, other, times: times + (pairs.get(key)?.times ?? 0) });
  }
  return [...pairs.values()];
}

function percent(part: number, whole: number): string {
  return whole === 0 ? '0 %' : `${Math.round((part * 100) / whole)} %`;
}
