import type { RoomAddress } from '../chat/message.ts';
import type { Query } from '../db/database.ts';

/** A private conversation that a skill opened. Only that skill listens there, under the access rules of the room it belongs to. */
export interface ConversationRow extends RoomAddress {
  readonly skill: string;
  /** Name of a configured room. */
  readonly belongsTo: string;
}

export async function writeConversation(query: Query, row: ConversationRow): Promise<void> {
  await query(
    `insert into conversations (connector, room, skill, belongs_to) values ($1, $2, $3, $4)
     on conflict (connector, room) do update set skill = excluded.skill, belongs_to = excluded.belongs_to`,
    [row.connector, row.room, row.skill, row.belongsTo],
  );
}

export async function findConversation(query: Query, at: RoomAddress): Promise<ConversationRow | undefined> {
  const [row] = await query<{ skill: string; belongs_to: string }>(
    'select skill, belongs_to from conversations where connector = $1 and room = $2',
    [at.connector, at.room],
  );
  return row && { connector: at.connector, room: at.room, skill: row.skill, belongsTo: row.belongs_to };
}
