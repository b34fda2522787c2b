export interface Person {
  readonly id: string;
  readonly name: string;
  readonly accounts: Readonly<Record<string, string>>;
  readonly groups: readonly string[];
  readonly timeZone: string;
  /** Working hours in that time zone, as configured: `Mon-Fri 09:00-18:00`. */
  readonly hours?: string;
}

export interface People {
  /** The person behind an account, or undefined. */
  byAccount(connector: string, accountId: string): Person | undefined;
  byId(id: string): Person | undefined;
  /**
   * What to call an account: the configured name, else its display name on one line, with its id where that name could be
   * taken for somebody's who is listed. Hostile text: escape it in `text`.
   */
  nameOf(connector: string, accountId: string, displayName: string): string;
  /** Everybody who is listed. */
  all(): readonly Person[];
  inGroup(group: string): readonly Person[];
}

/** Who is on call by a schedule of the configuration, and what was agreed otherwise. */
export interface OnCall {
  /** Empty: nobody is. */
  readonly people: readonly Person[];
  /** When somebody else, or nobody, is; undefined: not in sight. */
  readonly until: Date | undefined;
  readonly from: 'layer' | 'override' | undefined;
}

export interface OverrideRequest {
  readonly schedule: string;
  /** Id of a listed person. */
  readonly person: string;
  readonly from: Date;
  readonly until: Date;
  /** Who asked for it, for those who look at it later. */
  readonly by?: string;
}

/** Somebody takes a schedule for a while, before all layers. Of those that overlap the one that was made last holds. */
export interface Override extends OverrideRequest {
  readonly id: number;
}

/** The directory, and who is on call. Names of schedules and people that are not known throw. */
export interface PeopleNow extends People {
  /** Names of the configured schedules. */
  schedules(): readonly string[];
  /** Default: now. */
  onCall(schedule: string, at?: Date): Promise<OnCall>;
  /** Those that are not over, in the order in which they begin. */
  overrides(schedule: string): Promise<readonly Override[]>;
}

/** What a handler may change in that besides. */
export interface PeopleOnCall extends PeopleNow {
  override(request: OverrideRequest): Promise<Override>;
  /** Takes one back that is not over; undefined: there is none. */
  withdrawOverride(id: number): Promise<Override | undefined>;
}
