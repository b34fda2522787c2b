import { escape, type Command, type Message } from '#skill';
import { chart } from './chart.ts';
import { picture } from './picture.ts';
import { roundsCalled, type CoffeeOptions } from './options.ts';
import { nameOf } from './words.ts';

interface Totals {
  readonly rounds: number;
  readonly groups: number;
  readonly met: number;
  readonly planned: number;
  readonly no: number;
}

/** How many rounds and meetings there were, and who has met whom. */
export const stats: Command<CoffeeOptions> = {
  help: 'shows how many met, and a chart of who has met whom',
  async run(context): Promise<Message | string> {
    const { sql, options, args, room } = context;
    const word = args['name'] === undefined ? room.name : String(args['name']);
    const names = word === undefined ? [] : roundsCalled(options, word);
    const [name] = names.length > 0 ? names : args['name'] === undefined ? Object.keys(options.rounds) : [];
    if (name === undefined)
      return `There is no coffee round called "${escape(word ?? '')}". There are: ${Object.keys(options.rounds).map(escape).join(', ') || 'none'}.`;
    const [totals] = await sql<Totals>(
      `select count(distinct r.id)::int as rounds, count(g.number)::int as groups,
         count(*) filter (where answer = 'met')::int as met, count(*) filter (where answer = 'planned')::int as planned, count(*) filter (where answer = 'no')::int as no
       from coffee_rounds r join coffee_groups g on g.round_id = r.id where r.name = $1`,
      [name],
    );
    if (!totals || totals.rounds === 0) return `There has been no coffee round of ${escape(name)} yet.`;
    const people = await sql<{ person: string }>('select person from coffee_seats where name = $1', [name]);
    const met = await sql<{ one: string; other: string; times: number }>(
      'select one, other, times from coffee_met where name = $1',
      [name],
    );
    const answers = totals.met + totals.planned + totals.no;
    const charted = people.map(({ person }) => ({ id: person, name: nameOf(context, person) }));
    const image = picture(charted, met);
    const drawn = chart(charted, met);
    return {
      title: `Coffee in ${name}`,
      fields: [
        { label: 'Rounds', value: String(totals.rounds) },
        {
          label: 'Groups',
          value: `${totals.groups}, of which ${totals.met} met, ${totals.planned} planned, ${totals.no} did not, ${totals.groups - answers} have not said`,
        },
        {
          label: 'Pairs who were together',
          value: `${drawn.known} of ${drawn.possible} (${percent(drawn.known, drawn.possible)})`,
        },
      ],
      ...(image && { image }),
      // A picture says it better, where it can be drawn.
      ...(!image && drawn.text !== '' && { code: drawn.text }),
    };
  },
};

function percent(part: number, whole: number): string {
  return whole === 0 ? '0 %' : `${Math.round((part * 100) / whole)} %`;
}
