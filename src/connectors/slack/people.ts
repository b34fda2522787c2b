import { z } from 'zod';
import { cut } from '../../chat/cut.ts';
import type { Member } from '../connector.ts';
import type { SlackApi } from './api.ts';
import { isRefusal } from './failures.ts';

const CACHE_MS = 10 * 60_000;
const MAX_CACHED = 5_000;
/** To look up more accounts than this, all users are listed: `users.info` allows 100 calls a minute. */
const MAX_SINGLE_LOOKUPS = 30;
const NAME_LENGTH = 255;

const user = z.looseObject({
  id: z.string(),
  name: z.string().default(''),
  real_name: z.string().default(''),
  deleted: z.boolean().default(false),
  is_bot: z.boolean().default(false),
  is_restricted: z.boolean().default(false),
  is_ultra_restricted: z.boolean().default(false),
  is_stranger: z.boolean().default(false),
  profile: z.looseObject({ display_name: z.string().default(''), real_name: z.string().default('') }).optional(),
});
const one = z.looseObject({ user });
const list = z.looseObject({
  members: z.array(user),
  response_metadata: z.looseObject({ next_cursor: z.string().default('') }).optional(),
});

export interface Person extends Member {
  readonly deactivated: boolean;
}

/** Looks up accounts, and caches them for ten minutes. */
export class People {
  readonly #api: SlackApi;
  readonly #known = new Map<string, { readonly person: Promise<Person>; readonly untilMs: number }>();

  constructor(api: SlackApi) {
    this.#api = api;
  }

  /** The account has changed, or may have. */
  forget(id: string): void {
    this.#known.delete(id);
  }

  /** An account that Slack reveals nothing about is treated as a guest. @throws when Slack cannot be reached. */
  async of(id: string, signal: AbortSignal): Promise<Person> {
    const known = this.#known.get(id);
    if (known && known.untilMs > performance.now()) return known.person;
    const person = this.#ask(id, signal);
    this.#keep(id, person);
    return person;
  }

  /** @throws when Slack cannot be reached. */
  async ofAll(ids: readonly string[], signal: AbortSignal): Promise<Person[]> {
    const isUnknown = (id: string): boolean => (this.#known.get(id)?.untilMs ?? 0) <= performance.now();
    if (ids.filter(isUnknown).length > MAX_SINGLE_LOOKUPS) await this.#readAll(signal);
    const people: Person[] = [];
    for (const id of ids) people.push(await this.of(id, signal));
    return people;
  }

  #keep(id: string, person: Promise<Person>): void {
    if (this.#known.size >= MAX_CACHED) this.#known.clear();
    this.#known.set(id, { person, untilMs: performance.now() + CACHE_MS });
    person.catch(() => this.forget(id));
  }

  async #ask(id: string, signal: AbortSignal): Promise<Person> {
    try {
      return personOf((await this.#api.call('users.info', { user: id }, one, signal)).user);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      return { accountId: id, name: id, bot: false, guest: true, deactivated: false };
    }
  }

  async #readAll(signal: AbortSignal): Promise<void> {
    try {
      for (let cursor: string | undefined; cursor !== '';) {
        const page = await this.#api.call('users.list', { limit: 1000, cursor }, list, signal);
        for (const found of page.members) this.#keep(found.id, Promise.resolve(personOf(found)));
        cursor = page.response_metadata?.next_cursor ?? '';
      }
    } catch (error) {
      if (!isRefusal(error)) throw error;
    }
  }
}

function personOf({ id, name, deleted, profile, ...found }: z.infer<typeof user>): Person {
  const shown = profile?.display_name || profile?.real_name || found.real_name || name || id;
  return {
    accountId: id,
    name: cut(shown, NAME_LENGTH),
    bot: found.is_bot,
    // Including people of other workspaces: sharing a channel does not make them members of this one.
    guest: found.is_restricted || found.is_ultra_restricted || found.is_stranger,
    deactivated: deleted,
  };
}
