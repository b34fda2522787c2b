import type { People, PeopleOnCall } from '../contract/people.ts';
import type { Query } from '../db/database.ts';
import { dutyAt, type Schedule } from './on-call.ts';
import { readOverrides, withdrawOverride, writeOverride } from './overrides.ts';

export interface PeopleSource {
  readonly people: People;
  readonly schedules: ReadonlyMap<string, Schedule>;
  readonly query: Query;
  readonly now: Date;
}

/** The directory, with who is on call as seen by one transaction. */
export function createPeopleOnCall({ people, schedules, query, now }: PeopleSource): PeopleOnCall {
  const scheduleOf = (name: string): Schedule => {
    const found = schedules.get(name);
    if (!found) throw new Error(`there is no schedule "${name}"`);
    return found;
  };
  return {
    ...people,
    schedules: () => [...schedules.keys()],
    async onCall(name, at = now) {
      const { person, from, until } = dutyAt(scheduleOf(name), await readOverrides(query, name, at), at);
      const found = person === undefined ? undefined : people.byId(person);
      return { people: found ? [found] : [], from, until };
    },
    async override(request) {
      scheduleOf(request.schedule);
      if (!people.byId(request.person)) throw new Error(`there is no person "${request.person}" under people`);
      if (!(request.from < request.until)) throw new RangeError('an override must end after it starts');
      return writeOverride(query, request);
    },
    async overrides(name) {
      scheduleOf(name);
      return readOverrides(query, name, now);
    },
    withdrawOverride: (id) => withdrawOverride(query, id, now),
  };
}
