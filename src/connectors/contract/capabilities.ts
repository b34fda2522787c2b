/** What a platform can do. Declared, so that the core has a fallback for each lack and the tests skip it by name. */
export interface Capabilities {
  /** Messages can be edited; otherwise a change is posted as a new message. */
  readonly edit: boolean;
  readonly delete: boolean;
  /** Replies and threads can be addressed. */
  readonly threads: boolean;
  /** Actions are buttons to press. */
  readonly buttons: boolean;
  /** Actions are one list to choose from. */
  readonly select: boolean;
  /** People can react, and where there are neither buttons nor lists the bot adds the reactions to tap. */
  readonly reactions: boolean;
  readonly files:
    | false
    | {
        readonly maxBytes: number;
        /** The upload is a request of its own, before the message. */
        readonly upload: boolean;
      };
  /** A message that only one account sees. */
  readonly asker: boolean;
  readonly direct: boolean;
  readonly group: boolean;
  readonly members: boolean;
  readonly slashCommands: boolean;
  readonly topic: boolean;
  /** A group of the platform can be kept equal to who is on call. */
  readonly memberGroups: boolean;
  /** All that is said there is meant for the bot: no name or prefix is needed. */
  readonly addressed: boolean;
  /** Largest part in bytes as `Part.bytes` counts them. */
  readonly maxBytes: number;
  /** How long the platform remembers an idempotency key; 0: it has none, and an unknown send may be repeated. */
  readonly keyWindowMs: number;
  /** Sends per second and burst to begin with; undefined: full speed until the platform says otherwise. */
  readonly rate?: { readonly perSecond: number; readonly burst: number };
}
