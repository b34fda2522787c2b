import { cut } from '../../src/chat/cut.ts';
import type { IncomingEvent, InteractionTarget } from '../../src/connectors/connector.ts';

/** A message or press, as sent by the server. */
export interface Said {
  readonly number: number;
  readonly id: string;
  readonly room: string;
  readonly by: string;
  readonly text: string;
  readonly at: string;
  /** Set on the bot's own messages. */
  readonly key?: string;
  readonly press?: InteractionTarget & { readonly index: number };
}

export function eventOf({ id, room, by, text, at, press }: Said): IncomingEvent {
  const sender = { accountId: by, name: cut(by, 255), bot: false, guest: false };
  const base = { id, room, direct: false, sender, at: new Date(at) };
  return press ? { ...base, type: 'interaction', press } : { ...base, type: 'message', text, mentionsBot: true };
}
