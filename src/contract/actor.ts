/** Who may say a command when no access rule matches: see "Access without a rule" in the configuration reference. */
export type CommandClass = 'read' | 'respond' | 'act' | 'admin';

/** Who sees the answers of a command: everyone in the room, or, where the platform can, only whoever asked. */
export type Visibility = 'everyone' | 'asker';

/** Whoever said or tapped something; `person` is the key in `people:`, if the account is listed there. */
export interface Actor {
  /** An account on a chat platform, an API token (`token:ci`), or the program itself (its command line). */
  readonly kind: 'account' | 'token' | 'program';
  /** Of an account; for the others `api` and `cli`. */
  readonly connector: string;
  readonly accountId: string;
  /** As `People.nameOf` has it. Hostile text: escape it in `text`. */
  readonly name: string;
  readonly person?: string;
  readonly groups: readonly string[];
  readonly guest: boolean;
  readonly bot: boolean;
}
