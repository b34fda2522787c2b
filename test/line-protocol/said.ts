import { cut } from '../../src/chat/cut.ts';
import type { IncomingEvent, InteractionTarget } from '../../src/connectors/connector.ts';

/** What somebody said or pressed, as the server tells of it. */
export interface Said {
  readonly number: number;
  readonly id: string;
  readonly room: string;
  readonly by: string;
  readonly text: string;
  readonly at: string;
  /** Of what the bot itself said. */
  readonly key?: string;
  readonly press?: InteractionTarget & { readonly index: number };
}

export function eventOf({ id, room, by, text, at, press }: Said): IncomingEvent {
  const sender = { accountId: by, name: cut(by, 255), bot: false, guest: false };
  const base = { id, room, direct: false, sender, at: new Date(at) };
  return press ? { ...base, type: 'interaction', press } : { ...base, type: 'message', text, mentionsBot: true };
}
