import type { Connector, IncomingEvent, RouteRequest } from '../connector.ts';

/** A message as people see it. */
export interface SeenMessage {
  readonly id: string;
  readonly text: string;
  readonly mine: boolean;
  readonly reactions: readonly string[];
}

/** What a test world may be unable to simulate; each completes the sentence "it cannot …". */
export type Ability =
  | 'hear'
  | 'catch up'
  | 'echo'
  | 'echo changes'
  | 'refuse a request'
  | 'lose an answer'
  | 'let a request hang'
  | 'lock the account out'
  | 'cut the line'
  | 'rename people'
  | 'post to routes'
  | 'tell conversations of the same people apart';

/**
 * One bot account on one (fake) platform, and people in a room with it, for one test. Members for declared capabilities, and for
 * abilities that are not excluded, are required: tests that need them fail without.
 */
export interface ConnectorWorld {
  /** The room as configured. */
  readonly room: string;
  readonly accountId: string;
  /** Creates a connector for the same account with the same durable state, as a restart does. */
  connect(): Promise<Connector>;
  /** What the room shows, oldest first, to one of `people` or to everyone. */
  shown(account?: string): Promise<readonly SeenMessage[]>;
  close(): Promise<void>;
  /** An id that no message has. */
  readonly missing: string;

  /** `hear`: a person sends a message to the room. Resolves to the platform's id. */
  say?(text: string): Promise<string>;
  /** `reactions`: a person adds a reaction, and removes it. */
  react?(target: string, emoji: string): Promise<string>;
  unreact?(reaction: string): Promise<void>;
  /** `buttons`, `select`: a person presses or chooses an action of a message. */
  press?(target: string, index: number): Promise<void>;
  /** `slashCommands`: a person sends a slash command with this text. */
  command?(words: string): Promise<void>;
  /** The next operation is rate-limited. */
  refuseNext?(): Promise<void>;
  /** The next operation is done, but its response is lost. */
  loseNextAnswer?(): Promise<void>;
  /** The next operation gets no response during the test. */
  hangNext?(): Promise<void>;
  /** Makes the account's credentials invalid. */
  lockOut?(): Promise<void>;
  /** `cut the line`: the platform cannot be reached until `goOnline`. */
  goOffline?(): Promise<void>;
  goOnline?(): Promise<void>;
  /** Changes the display name of the person who sends messages. */
  rename?(name: string): Promise<void>;

  /** `members`, `direct`, `group`: account ids of two people in the room. */
  readonly people?: readonly [string, string];
  /** Members of a room, including invited ones. */
  peopleOf?(room: string): Promise<readonly string[]>;
  /** The next conversation is opened, but the response is lost. */
  loseNextOpening?(): Promise<void>;

  /** `topic`, `memberGroups`: the state on the platform. */
  topicOf?(room: string): Promise<string>;
  groupOf?(group: string): Promise<readonly string[]>;

  /** `post to routes`: the platform's request for a message with this text, its path, and a forged copy. */
  posted?(text: string): Promise<Posted>;
}

export interface Posted {
  readonly path: string;
  readonly genuine: RouteRequest;
  readonly forged: RouteRequest;
  readonly event: Partial<IncomingEvent>;
}
