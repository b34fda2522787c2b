import { z } from 'zod';
import { cut } from '../../chat/cut.ts';
import { cleanLine } from '../../chat/markdown.ts';
import { Rejected, type Conversation, type Member } from '../connector.ts';
import type { SlackApi } from './api.ts';
import { classified, slugOf } from './failures.ts';
import { identify } from './identity.ts';
import type { People } from './people.ts';

/** Slack's limit, without the bot. */
const MAX_PEOPLE = 8;
const TOPIC_CHARACTERS = 250;

/** Slack's errors for a user group that is disabled. */
const DISABLED = new Set(['subteam_disabled', 'no_such_subteam']);

const anything = z.looseObject({});
const page = z.looseObject({
  members: z.array(z.string()),
  response_metadata: z.looseObject({ next_cursor: z.string().default('') }).optional(),
});
const groups = z.looseObject({ usergroups: z.array(z.looseObject({ id: z.string(), handle: z.string() })) });
const opened = z.looseObject({ channel: z.looseObject({ id: z.string() }) });

/** Members of rooms, conversations with people, topics and user groups. Every method throws the contract's errors. */
export class Conversations {
  readonly #api: SlackApi;
  readonly #people: People;
  #botUserId: string | undefined;

  constructor(api: SlackApi, people: People) {
    this.#api = api;
    this.#people = people;
  }

  members(room: string, signal: AbortSignal): Promise<readonly Member[]> {
    return this.#about('conversations.members', room, async () => {
      const ids: string[] = [];
      for (let cursor: string | undefined; cursor !== '';) {
        const given = { channel: room, limit: 200, cursor };
        const { members, response_metadata: more } = await this.#api.call('conversations.members', given, page, signal);
        ids.push(...members);
        cursor = more?.next_cursor ?? '';
      }
      const bot = (this.#botUserId ??= (await identify(this.#api, signal)).userId);
      const people = await this.#people.ofAll(
        ids.filter((id) => id !== bot),
        signal,
      );
      return people
        .filter(({ deactivated }) => !deactivated)
        .map(({ accountId, name, bot: isBot, guest }) => ({ accountId, name, bot: isBot, guest }));
    });
  }

  /** Opening it again returns the same conversation. */
  openDirect(accountId: string, signal: AbortSignal): Promise<string> {
    return this.#about('conversations.open', accountId, () => this.#open([accountId], signal));
  }

  /** Slack identifies a group conversation by its members alone. */
  openGroup({ people }: Conversation, signal: AbortSignal): Promise<string> {
    return this.#about('conversations.open', people.join(', '), () => {
      const count = new Set(people).size;
      if (count > MAX_PEOPLE)
        throw new Rejected(`Slack opens conversations of up to ${MAX_PEOPLE} people; this one would have ${count}`);
      return this.#open(people, signal);
    });
  }

  setTopic(room: string, text: string, signal: AbortSignal): Promise<void> {
    return this.#about('conversations.setTopic', room, async () => {
      const topic = cut(cleanLine(text), TOPIC_CHARACTERS);
      await this.#api.call('conversations.setTopic', { channel: room, topic }, anything, signal);
    });
  }

  /** Slack does not allow an empty user group: it is disabled until it has members. */
  setGroup(group: string, accounts: readonly string[], signal: AbortSignal): Promise<void> {
    return this.#about('usergroups.users.update', group, async () => {
      const usergroup = await this.#group(group, signal);
      const call = (method: string, more = {}): Promise<unknown> =>
        this.#api.call(method, { usergroup, ...more }, anything, signal);
      const unless = (slugs: readonly string[]) => (error: unknown) => {
        if (!slugs.includes(slugOf(error) ?? '')) throw error;
      };
      if (accounts.length === 0)
        return void (await call('usergroups.disable').catch(unless(['subteam_disabled', 'already_disabled'])));
      const users = accounts.join(',');
      try {
        await call('usergroups.users.update', { users });
      } catch (error) {
        if (!DISABLED.has(slugOf(error) ?? '')) throw error;
        await call('usergroups.enable').catch(unless(['already_enabled']));
        await call('usergroups.users.update', { users });
      }
    });
  }

  /** Accepts an id or a handle. */
  async #group(written: string, signal: AbortSignal): Promise<string> {
    if (/^S[A-Z0-9]{6,}$/.test(written)) return written;
    const { usergroups } = await this.#api.call('usergroups.list', { include_disabled: true }, groups, signal);
    const found = usergroups.find(({ handle }) => handle === written.replace(/^@/, ''));
    if (!found) throw new Rejected(`Slack has no user group @${written}`);
    return found.id;
  }

  async #open(people: readonly string[], signal: AbortSignal): Promise<string> {
    const { channel } = await this.#api.call('conversations.open', { users: people.join(',') }, opened, signal);
    return channel.id;
  }

  async #about<T>(bucket: string, room: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw classified(error, { room, bucket });
    }
  }
}
