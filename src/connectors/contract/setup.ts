/** What `watchbell init` asks to set up one account: data only, so that a new platform needs no code there. */
export interface PlatformSetup {
  /** The platform's name as people write it: `Matrix`. */
  readonly title: string;
  /** Printed before the first question: what to have ready and where to get it. */
  readonly intro?: string;
  /** Asked in this order. */
  readonly questions: readonly SetupQuestion[];
  readonly room: SetupField;
  /** The account of the person who runs `init`, who becomes an admin; omitted if people have no accounts on the platform. */
  readonly account?: SetupField;
  /** The manifest of the app to create on the platform, to be pasted there. */
  manifest?(kind: ManifestKind): string;
}

/** `alerts`: only the permissions that alerts need; `everything`: those for all skills and options. */
export type ManifestKind = 'alerts' | 'everything';

export interface SetupField {
  readonly label: string;
  /** Where to find the answer. */
  readonly help?: string;
  /** The answer when nothing is typed. */
  readonly default?: string;
  /** What an answer looks like. The remedy is printed for any other answer. */
  readonly format?: { readonly pattern: RegExp; readonly remedy: string };
}

export interface SetupQuestion extends SetupField {
  /** The option it sets: its key in the entry under `connectors:`, and in `--set`. */
  readonly option: string;
  /** The answer is a secret: it is not echoed, and is stored in this file of the secrets directory. */
  readonly secretFile?: string;
  /** No answer leaves the option out. */
  readonly optional?: boolean;
  /** Not asked if this option has an answer. */
  readonly unless?: string;
}
