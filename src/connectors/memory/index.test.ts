import { randomUUID } from 'node:crypto';
import { describeConnector, type ConnectorWorld } from '../conformance.ts';
import { RateLimited, type IncomingEvent, type RouteRequest } from '../connector.ts';
import { createMemoryConnector, MemoryPlatform } from './index.ts';
import { MEMORY_CAPABILITIES } from './platform.ts';
import { SIGNATURE_HEADER, signatureOf } from './route.ts';

const room = 'lobby';
const ordinary = (): void => {};

function createMemoryWorld(): ConnectorWorld {
  const platform = new MemoryPlatform();
  platform.fill(room, ['@ann', '@bob']);
  const base = () => ({
    ...{ id: randomUUID(), room, direct: false, at: new Date() },
    sender: { accountId: '@ann', name: 'Ann', bot: false, guest: false },
  });
  const happens = (event: IncomingEvent): string => {
    platform.happen(event);
    return event.id;
  };
  const reactions = new Map<string, { target: string; emoji: string }>();
  const said = (text: string): IncomingEvent => ({ ...base(), type: 'message', text, mentionsBot: false });
  return {
    ...{ room, accountId: '@bot', missing: 'none', people: ['@ann', '@bob'] as const },
    connect: async () => createMemoryConnector(platform),
    shown: async (account) =>
      platform
        .shown(room)
        .filter(({ to }) => to === undefined || to.accountId === account)
        .map(({ id, message, reactions: emojis }) => ({ id, text: message.text ?? '', mine: true, reactions: emojis })),
    close: async () => {},
    say: async (text) => happens(said(text)),
    async react(target, emoji) {
      const id = happens({ ...base(), type: 'reaction', target, emoji, taken: false });
      reactions.set(id, { target, emoji });
      return id;
    },
    async unreact(reaction) {
      const { target = '', emoji = '' } = reactions.get(reaction) ?? {};
      happens({ ...base(), type: 'reaction', target, emoji, taken: true });
    },
    press: async (target, index) => platform.press(room, target, index, base()),
    command: async (words) => void happens({ ...base(), type: 'interaction', words }),
    async refuseNext() {
      platform.before = () => {
        platform.before = ordinary;
        throw new RateLimited('account', 1500);
      };
    },
    async loseNextAnswer() {
      platform.after = () => {
        platform.after = ordinary;
        throw new Error('the response was lost');
      };
    },
    peopleOf: async (of) => platform.members(of).map(({ accountId }) => accountId),
    async loseNextOpening() {
      platform.afterOpen = () => {
        platform.afterOpen = ordinary;
        throw new Error('the response was lost');
      };
    },
    topicOf: async (of) => platform.topics.get(of) ?? '',
    groupOf: async (group) => platform.groups.get(group) ?? [],
    async posted(text) {
      const event = said(text);
      const rawBody = Buffer.from(JSON.stringify([event]));
      const signed = (secret: string): RouteRequest => ({
        ...{ rawBody, query: new URLSearchParams(), remoteAddress: '127.0.0.1' },
        headers: { [SIGNATURE_HEADER]: signatureOf(secret, rawBody) },
      });
      return { path: '/events', genuine: signed(platform.secret), forged: signed('guessed'), event };
    },
  };
}

describeConnector({
  name: 'memory',
  capabilities: MEMORY_CAPABILITIES,
  cannot: ['echo', 'let a request hang', 'lock the account out', 'cut the line', 'rename people'],
  setUp: async () => createMemoryWorld(),
});
