/** Who may run a command when no access rule matches: see "Access without a rule" in the configuration reference. */
export type CommandClass = 'read' | 'respond' | 'act' | 'admin';

/** Who sees a command's answers: everyone in the room, or only whoever asked, where the platform supports that. */
export type Visibility = 'everyone' | 'asker';

/** Who sent a command or tapped a reaction. `person` is the key under `people:`, if the account is listed there. */
export interface Actor {
  /** An account on a chat platform, an API token (`token:ci`), or the program itself (its command line). */
  readonly kind: 'account' | 'token' | 'program';
  /** The account's connector; `api` for a token, `cli` for the program. */
  readonly connector: string;
  readonly accountId: string;
  /** As returned by `People.nameOf`. Untrusted text: escape it in `text`. */
  readonly name: string;
  readonly person?: string;
  readonly groups: readonly string[];
  readonly guest: boolean;
  readonly bot: boolean;
}
