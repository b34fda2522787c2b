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
   * The name to show for an account: the configured one, else its display name on one line, followed by its id if it could be
   * mistaken for a listed person. Untrusted text: escape it in `text`.
   */
  nameOf(connector: string, accountId: string, displayName: string): string;
  /** All listed people. */
  all(): readonly Person[];
  inGroup(group: string): readonly Person[];
}

/** Who is on call for a configured schedule, overrides included. */
export interface OnCall {
  /** Empty when nobody is on call. */
  readonly people: readonly Person[];
  /** When that changes; undefined when no change is in sight. */
  readonly until: Date | undefined;
  readonly from: 'layer' | 'override' | undefined;
}

export interface OverrideRequest {
  readonly schedule: string;
  /** Id of a listed person. */
  readonly person: string;
  readonly from: Date;
  readonly until: Date;
  /** Who asked for it, for the record. */
  readonly by?: string;
}

/** Puts a person on call for a while, whatever the layers say. Where overrides overlap, the latest one wins. */
export interface Override extends OverrideRequest {
  readonly id: number;
}

/** The directory, and who is on call. @throws for unknown schedules and people. */
export interface PeopleAndSchedules extends People {
  /** Names of the configured schedules. */
  schedules(): readonly string[];
  /** Who is on call at a time; default now. */
  onCall(schedule: string, at?: Date): Promise<OnCall>;
  /** Current and future overrides, by start. */
  overrides(schedule: string): Promise<readonly Override[]>;
}

/** As handlers have it: they may also change overrides. */
export interface PeopleOnCall extends PeopleAndSchedules {
  override(request: OverrideRequest): Promise<Override>;
  /** Deletes a current or future override; undefined when there is none with that id. */
  withdrawOverride(id: number): Promise<Override | undefined>;
}
