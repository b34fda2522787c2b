/** What a platform can do. The core has a fallback for each missing capability, and the tests for it are skipped. */
export interface Capabilities {
  /** Messages can be edited; otherwise a change is posted as a new message. */
  readonly edit: boolean;
  readonly delete: boolean;
  /** Messages can be replies, and belong to threads. */
  readonly threads: boolean;
  /** Actions are shown as buttons. */
  readonly buttons: boolean;
  /** Actions are shown as a list to choose from. */
  readonly select: boolean;
  /** People can react. Without buttons and lists, the bot adds reactions for the actions. */
  readonly reactions: boolean;
  readonly files:
    | false
    | {
        readonly maxBytes: number;
        /** The upload is a separate request before the message. */
        readonly upload: boolean;
      };
  /** Messages in a room can be visible to one account only. */
  readonly asker: boolean;
  readonly direct: boolean;
  readonly group: boolean;
  readonly members: boolean;
  readonly slashCommands: boolean;
  readonly topic: boolean;
  /** The members of a group on the platform can be set, for example to whoever is on call. */
  readonly memberGroups: boolean;
  /** Every message is addressed to the bot: no name or prefix is needed. */
  readonly addressed: boolean;
  /** Largest part, in bytes as counted by `Part.bytes`. */
  readonly maxBytes: number;
  /** How long the platform remembers an idempotency key; 0: it has none, and a send with an unknown outcome may appear twice. */
  readonly keyWindowMs: number;
  /** Initial rate limit for sends; undefined: full speed until the platform reports a limit. */
  readonly rate?: { readonly perSecond: number; readonly burst: number };
}
