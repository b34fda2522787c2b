import {
  CommandError,
  defineTimer,
  escape,
  z,
  type Command,
  type Context,
  type Message,
  type RoomAddress,
} from '#skill';
import type { CoffeeOptions } from './options.ts';
import { listeningRoomOf } from './rounds.ts';
import { myIds, type GroupMember } from './person-ids.ts';

type Answer = 'met' | 'planned' | 'no';

const asked = z.object({ group: z.int(), place: z.object({ connector: z.string(), room: z.string() }) });

/** How often a group is asked while the answer is "planned". */
const MAX_QUESTIONS = 3;

interface GroupRow {
  readonly number: number;
  readonly people: readonly GroupMember[];
  readonly answer: Answer | null;
  readonly answered_by: string | null;
  readonly asked: number;
  readonly followUpMs: number | null;
}

/** Asks a group whether they met, with buttons. */
export const followUpTimer = defineTimer<CoffeeOptions, z.output<typeof asked>>({
  payload: asked,
  async run(context, { payload: { group, place } }) {
    const [row] = await context.sql<GroupRow & { name: string; rooms: readonly string[]; conversation: string | null }>(
      `select g.number, g.people, g.answer, g.answered_by, g.asked, r.follow_up_ms as "followUpMs", r.name, r.rooms, c.room as conversation
       from coffee_groups g join coffee_rounds r on r.id = g.round_id join coffee_conversations c on c.id = g.conversation_id
       where g.number = $1 and (g.answer is null or g.answer = 'planned') for update of g`,
      [group],
    );
    if (!row) return;
    // If no room of the round is configured any more, the bot would not hear the answer, so it does not ask.
    const home =
      row.conversation === null ? context.rooms.byAddress(place)?.name : listeningRoomOf(context.options, row);
    if (home === undefined) return;
    if (row.conversation !== null) await context.listen(place, home);
    await context.sql('update coffee_groups set asked = asked + 1 where number = $1', [group]);
    await context.post(place, keyOf(group), question(row), { ring: true });
  },
});

const keyOf = (group: number): string => `followUp:${group}`;

function question({ number, people, answer, answered_by: by }: GroupRow): Message {
  const said = answer === 'planned' ? `${escape(by ?? '')} said it was planned. ` : '';
  return {
    text: `☕ ${said}Did you meet? Tap ✅ met, 📅 planned or ❌ no, or say \`!coffee met ${number}\`.`,
    mentions: people.map(({ accountId, name }) => ({ accountId, name })),
    actions: [
      { label: 'Met', emoji: '✅', command: `coffee met ${number}` },
      { label: 'Planned', emoji: '📅', command: `coffee planned ${number}` },
      { label: 'No', emoji: '❌', command: `coffee no ${number}` },
    ],
  };
}

const WORDS: Readonly<Record<Answer, string>> = {
  met: '✅ You met. Thank you, {}!',
  planned: '📅 {} says it is planned.',
  no: '❌ {} says it did not work out. Maybe another time.',
};

/** `coffee met`, `coffee planned`, `coffee no`: sent by a member of the group, for the given group or their latest one. */
export function answerCommand(answer: Answer, help: string): Command<CoffeeOptions> {
  return {
    help,
    class: 'respond',
    late: 'run',
    async run(context) {
      const { sql, sender, args, room, tapped } = context;
      const [group] = await sql<GroupRow & { place: string | null; connector: string }>(
        `select g.number, g.people, g.answer, g.answered_by, g.asked, r.follow_up_ms as "followUpMs", c.room as place, c.connector
         from coffee_groups g join coffee_rounds r on r.id = g.round_id join coffee_conversations c on c.id = g.conversation_id
         where ($1::integer is null or g.number = $1) and g.state = 'told'
           and g.number in (select group_number from coffee_members where person = any($2))
         order by g.number desc limit 1 for update of g`,
        [args['n'] ?? null, myIds(context)],
      );
      if (!group)
        throw new CommandError(
          args['n'] === undefined
            ? 'You have not been in a coffee round yet.'
            : `You were not in coffee group ${args['n']}; \`!coffee history\` lists yours.`,
        );
      const changed = group.answer !== answer;
      await sql('update coffee_groups set answer = $2, answered_by = $3 where number = $1', [
        ...[group.number, answer, sender.name],
      ]);
      const place: RoomAddress = group.place === null ? room : { connector: group.connector, room: group.place };
      if (group.asked > 0 && changed)
        await context.post(place, keyOf(group.number), thanks(answer, sender.name, group));
      await scheduleQuestion(context, group, answer, place);
      // Here the question itself is edited, which is reply enough.
      const isHere = place.connector === room.connector && place.room === room.room;
      return tapped || (isHere && group.asked > 0 && changed) ? undefined : words(answer, sender.name);
    },
  };
}

/** The buttons stay, so that people can correct a mistake, and report a planned meeting later. */
function thanks(answer: Answer, name: string, group: GroupRow): Message {
  return { ...question(group), mentions: [], text: words(answer, name) };
}

function words(answer: Answer, name: string): string {
  return WORDS[answer].replace('{}', () => escape(name));
}

async function scheduleQuestion(
  context: Context<CoffeeOptions>,
  group: GroupRow,
  answer: Answer,
  place: RoomAddress,
): Promise<void> {
  if (answer !== 'planned' || group.followUpMs === null || group.asked >= MAX_QUESTIONS)
    return context.cancel(`followUp:${group.number}`);
  await context.at(`followUp:${group.number}`, new Date(context.now.getTime() + group.followUpMs), 'followUp', {
    group: group.number,
    place: { connector: place.connector, room: place.room },
  });
}
