import type { RoomAddress } from '../chat/message.ts';
import type { Actor, Visibility } from '../contract/actor.ts';

/** Where a command comes from: a room, a direct message, or somewhere without a room (REST, the command line). */
export interface Place {
  readonly address: RoomAddress;
  /** The configured name, which access rules and skills use. */
  readonly name: string | undefined;
  readonly direct: boolean;
  /** In a conversation: the skill that opened it. */
  readonly onlySkill?: string;
}

/** A line of text from an actor. */
export interface CommandRequest {
  readonly actor: Actor;
  readonly place: Place;
  readonly text: string;
  /** Answer even if it is not a command. */
  readonly answerUnknown: boolean;
  /** Who sees that something is not a command, or is used wrongly. Default `everyone`. */
  readonly refusalsTo?: Visibility;
  readonly tapped: boolean;
  /** Key of the message that it refers to. */
  readonly about: string | undefined;
  /** Only its place, in a thread of the bot's message, suggests that it is for the bot. */
  readonly unnamed?: boolean;
  /** How long ago it was sent, in ms, if the bot was offline then; else 0. */
  readonly lateMs: number;
}
