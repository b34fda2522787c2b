import type { Connector, IncomingEvent, RouteRequest } from '../connector.ts';

/** What people see of one message. */
export interface SeenMessage {
  readonly id: string;
  readonly text: string;
  readonly mine: boolean;
  readonly reactions: readonly string[];
}

/** What a test world may be unable to bring about: the words end the sentence "it cannot …". */
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
 * One bot account on one (fake) platform, and people in a room with it. A world serves one test. What belongs to a capability
 * that is declared, or to an ability that is not denied, must be there: a test that needs it fails without.
 */
export interface ConnectorWorld {
  /** The room as it stands in the configuration. */
  readonly room: string;
  readonly accountId: string;
  /** A new connector for the same account, with the same durable state: what a restart makes. */
  connect(): Promise<Connector>;
  /** What the room shows, oldest first; to one of `people`, or to everybody. */
  shown(account?: string): Promise<readonly SeenMessage[]>;
  close(): Promise<void>;
  /** An id that no message has. */
  readonly missing: string;

  /** `hear`: a person says something in the room. Resolves to the platform's id. */
  say?(text: string): Promise<string>;
  /** `reactions`: a person reacts, and takes it back. */
  react?(target: string, emoji: string): Promise<string>;
  unreact?(reaction: string): Promise<void>;
  /** `buttons`, `select`: a person presses, or chooses, an action of a message that the platform shows. */
  press?(target: string, index: number): Promise<void>;
  /** `slashCommands`: a person says the words of a slash command. */
  command?(words: string): Promise<void>;
  /** The next operation is refused with "too many requests". */
  refuseNext?(): Promise<void>;
  /** The next operation is done, but its answer is lost. */
  loseNextAnswer?(): Promise<void>;
  /** The next operation gets no answer for as long as the test lasts. */
  hangNext?(): Promise<void>;
  /** Makes the account's credentials invalid. */
  lockOut?(): Promise<void>;
  /** `cut the line`: the platform cannot be reached until `goOnline`. */
  goOffline?(): Promise<void>;
  goOnline?(): Promise<void>;
  /** Whoever says things has this display name from now on. */
  rename?(name: string): Promise<void>;

  /** `members`, `direct`, `group`: two people in the room, by account id. */
  readonly people?: readonly [string, string];
  /** Who is in a room or was invited to it. */
  peopleOf?(room: string): Promise<readonly string[]>;
  /** The next conversation is opened, but the answer is lost. */
  loseNextOpening?(): Promise<void>;

  /** `topic`, `memberGroups`: what the platform has. */
  topicOf?(room: string): Promise<string>;
  groupOf?(group: string): Promise<readonly string[]>;

  /** `post to routes`: what the platform posts, to which path, when this was said; and the same from somebody else. */
  posted?(text: string): Promise<Posted>;
}

export interface Posted {
  readonly path: string;
  readonly genuine: RouteRequest;
  readonly forged: RouteRequest;
  readonly event: Partial<IncomingEvent>;
}
