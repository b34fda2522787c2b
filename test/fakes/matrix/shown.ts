import type { Room } from './store.ts';
import type { Json, JsonMap, ShownMessage, StoredEvent } from './types.ts';

function map(value: Json | undefined): JsonMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
}

function text(value: Json | undefined): string | null {
  return typeof value === 'string' ? value : null;
}

/** The room as people see it now: edits applied, redacted messages removed, reactions with their message. */
export function shownMessages(room: Room): ShownMessage[] {
  const shown = new Map<string, { -readonly [K in keyof ShownMessage]: ShownMessage[K] }>();
  for (const event of room.events) {
    if (event.redactedBecause) continue;
    const relation = map(event.content['m.relates_to']);
    const target = text(relation['event_id']) ?? '';
    if (event.type === 'm.reaction') {
      const message = shown.get(target);
      if (message)
        message.reactions = [
          ...message.reactions,
          { id: event.id, emoji: text(relation['key']) ?? '', sender: event.sender },
        ];
    } else if (event.type === 'm.room.message' && relation['rel_type'] === 'm.replace') {
      const message = shown.get(target);
      const next = map(event.content['m.new_content']);
      if (message?.sender === event.sender)
        shown.set(target, {
          ...message,
          text: text(next['body']) ?? '',
          html: text(next['formatted_body']),
          msgtype: text(next['msgtype']) ?? '',
          edits: message.edits + 1,
        });
    } else if (event.type === 'm.room.message') shown.set(event.id, first(event, relation));
  }
  return [...shown.values()];
}

function first(event: StoredEvent, relation: JsonMap): ShownMessage {
  const mentioned = map(event.content['m.mentions'])['user_ids'];
  const thread = relation['rel_type'] === 'm.thread' ? text(relation['event_id']) : null;
  return {
    id: event.id,
    sender: event.sender,
    text: text(event.content['body']) ?? '',
    html: text(event.content['formatted_body']),
    msgtype: text(event.content['msgtype']) ?? '',
    mentions: Array.isArray(mentioned) ? mentioned.map(String) : [],
    edits: 0,
    replyTo:
      thread !== null && relation['is_falling_back'] === true ? null : text(map(relation['m.in_reply_to'])['event_id']),
    thread,
    reactions: [],
    at: event.at,
  };
}
