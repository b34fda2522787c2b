import type { Action } from '../chat/message.ts';
import type { IncomingEvent } from '../connectors/connector.ts';
import type { Query } from '../db/database.ts';
import { actionsOf, offeredCommand } from '../messages/offered-actions.ts';

/** A message of the bot that somebody replies to, taps or presses. */
interface ShownMessage {
  /** The key that commands on it refer to: its own, that of its thread's first message, or that of the message it is the failover of. */
  readonly about: string | null;
  readonly offered: string | null;
  readonly version: number;
  /** A request for it has not been confirmed yet. */
  readonly hasAttempt: boolean;
}

const SHOWN = `select coalesce(c.key, c.thread_key, m.key, m.thread_key) as about, m.offered, m.delivered_version as version, m.attempt is not null as "hasAttempt"`;
const CARRIED = `left join messages c on c.id = case when m.skill = 'core' and m.key like 'failover:%' then substr(m.key, 10)::uuid end`;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Where an event happened. Message ids of other rooms are not found. */
export interface Location {
  readonly query: Query;
  readonly connector: string;
  readonly room: string;
}

/** Finds a message by the platform's id. */
export async function findShown(
  { query, connector, room }: Location,
  remoteId: string,
): Promise<ShownMessage | undefined> {
  const [found] = await query<ShownMessage>(
    `${SHOWN} from message_remotes r join messages m on m.id = r.message_id ${CARRIED} where r.connector = $1 and r.remote_id = $2 and r.room = $3`,
    [connector, remoteId, room],
  );
  return found;
}

async function findMessage({ query, connector, room }: Location, id: string): Promise<ShownMessage | undefined> {
  if (!UUID.test(id)) return undefined;
  const [found] = await query<ShownMessage>(
    `${SHOWN} from messages m ${CARRIED} where m.connector = $1 and m.id = $2
       and (m.room = $3 or m.visible_to is not null or m.room = (select 'direct:' || account from direct_rooms where connector = $1 and room = $3))`,
    [connector, id, room],
  );
  return found;
}

/** What a tap or a press means. `unconfirmed`: not known yet, because a request has not been confirmed. */
export type Meaning = { readonly command: string; readonly about: string | undefined } | 'nothing' | 'unconfirmed';

/** Looks up the action in what the room shows now, whose commands contain their arguments. */
export async function meaningOfReaction(
  here: Location,
  event: Extract<IncomingEvent, { type: 'reaction' }>,
  now: Date,
): Promise<Meaning> {
  const shown = await findShown(here, event.target);
  if (!shown) return (await isUnconfirmed(here, now)) ? 'unconfirmed' : 'nothing';
  const emoji = plainEmoji(event.emoji);
  const matches = (action: Action): boolean =>
    [action.emoji, ...(action.also ?? [])].some((other) => plainEmoji(other) === emoji);
  const action = actionsOf(shown.offered).find(matches);
  const command = event.taken ? action?.undo : action?.command;
  return command === undefined ? 'nothing' : { command, about: shown.about ?? undefined };
}

/** Looks up the action in the version that was pressed, if it is still offered. */
export async function meaningOfInteraction(
  here: Location,
  press: { readonly message: string; readonly version: number; readonly index: number },
): Promise<Meaning> {
  const shown = await findMessage(here, press.message);
  if (!shown) return 'nothing';
  if (press.version > shown.version && shown.hasAttempt) return 'unconfirmed';
  const command = offeredCommand(shown.offered, press);
  return command === undefined ? 'nothing' : { command, about: shown.about ?? undefined };
}

/** A message that was frozen before its time is not shown yet, so it cannot have been tapped. */
async function isUnconfirmed({ query, connector, room }: Location, now: Date): Promise<boolean> {
  const rows = await query(
    'select 1 from messages where connector = $1 and room = $2 and pending and attempt is not null and (not_before is null or not_before <= $3) limit 1',
    [connector, room, now],
  );
  return rows.length > 0;
}

/** Without variation selectors and skin tones, which depend on the client. */
function plainEmoji(emoji: string): string {
  return emoji.replace(/[\ufe0e\ufe0f]|[\u{1f3fb}-\u{1f3ff}]/gu, '');
}
