import fc from 'fast-check';
import { configSchema, type AccessRule } from '../config/schema.ts';
import type { Actor } from '../skill.ts';
import { decide, type DecisionQuestion } from './access.ts';

function rules(...access: object[]): readonly AccessRule[] {
  return configSchema.parse({ access }).access;
}

const stranger: Actor = {
  kind: 'account',
  connector: 'matrix',
  accountId: '@x:example.org',
  name: 'X',
  groups: [],
  guest: false,
  bot: false,
};
const ann: Actor = { ...stranger, accountId: '@ann:example.org', name: 'Ann', person: 'ann', groups: ['sre'] };
const bob: Actor = {
  ...stranger,
  accountId: '@bob:example.org',
  name: 'Bob',
  person: 'bob',
  groups: ['sre', 'admins'],
};
const guest: Actor = { ...stranger, guest: true };

function ask(actor: Actor, changes: Partial<DecisionQuestion> = {}): DecisionQuestion {
  return { actor, skill: 'alerts', command: 'ack', class: 'respond', room: 'ops', direct: false, ...changes };
}

describe('without a rule', () => {
  test.each([
    ['read', stranger, true],
    ['respond', stranger, true],
    ['act', stranger, false],
    ['act', ann, true],
    ['admin', ann, false],
    ['admin', bob, true],
    ['read', guest, false],
  ] as const)('class %s, actor %#: %p', (commandClass, actor, allow) => {
    expect(decide([], ask(actor, { class: commandClass })).allow).toBe(allow);
  });

  test('a denial says what is needed', () => {
    expect(decide([], ask(stranger, { command: 'close', class: 'act' })).because).toBe(
      '`close` is for people listed under people:; ask an admin',
    );
  });

  test('an unknown class is denied, even to an admin', () => {
    expect(decide([], ask(bob, { class: 'super' as never })).allow).toBe(false);
  });

  test('a guest is denied even when listed as an admin', () => {
    expect(decide([], ask({ ...bob, guest: true }, { class: 'read' })).allow).toBe(false);
  });
});

describe('rules', () => {
  const access = rules(
    { allow: ['sre'], commands: ['class:act'], in: ['ops', 'oncall'] },
    { deny: ['everyone'], commands: ['silence'], reason: 'silences are for SRE' },
  );
  const silence = { command: 'silence', class: 'act' } as const;

  test('the first match decides', () => {
    expect(decide(access, ask(ann, silence))).toEqual({ allow: true, because: 'access rule 1 allows it to sre' });
    expect(decide(access, ask(ann, { ...silence, room: 'random' }))).toEqual({
      allow: false,
      because: 'silences are for SRE',
    });
    expect(decide(access, ask(stranger, silence)).because).toBe('silences are for SRE');
  });

  test('a rule for rooms does not apply in a direct message', () => {
    expect(decide(access, ask(ann, { ...silence, room: undefined, direct: true })).allow).toBe(false);
  });

  test('commands match by complete leading words, in any case', () => {
    const deny = rules({ deny: ['everyone'], commands: ['Job Run'] });
    expect(decide(deny, ask(ann, { command: 'job run' })).allow).toBe(false);
    expect(decide(deny, ask(ann, { command: 'job runs' })).allow).toBe(true);
    expect(decide(deny, ask(ann, { command: 'job' })).allow).toBe(true);
    expect(decide(rules({ deny: ['everyone'], commands: ['job'] }), ask(ann, { command: 'job run' })).allow).toBe(
      false,
    );
  });

  test('rules can name a skill, a person, a platform and everyone', () => {
    expect(decide(rules({ deny: ['ann'], commands: ['skill:alerts'] }), ask(ann)).allow).toBe(false);
    expect(decide(rules({ deny: ['ann'], commands: ['skill:jobs'] }), ask(ann)).allow).toBe(true);
    expect(decide(rules({ deny: ['ann'], commands: ['skill:alerts'] }), ask(bob)).allow).toBe(true);
    expect(decide(rules({ deny: ['platform:matrix'] }), ask(ann)).allow).toBe(false);
    expect(decide(rules({ deny: ['platform:slack'] }), ask(ann)).allow).toBe(true);
    expect(decide(rules({ allow: ['everyone'] }), ask(stranger, { class: 'admin' })).allow).toBe(true);
  });

  test('a guest gets what guests are allowed explicitly, not what everyone is allowed', () => {
    expect(decide(rules({ allow: ['everyone'] }), ask(guest)).allow).toBe(false);
    expect(decide(rules({ allow: ['platform:matrix'] }), ask(guest)).allow).toBe(false);
    expect(decide(rules({ allow: ['guests'], commands: ['ack'] }), ask(guest)).allow).toBe(true);
    expect(decide(rules({ allow: ['guests'], commands: ['ack'] }), ask(guest, { command: 'close' })).allow).toBe(false);
  });

  test('an account id cannot pass for a person or a group', () => {
    expect(
      decide(rules({ allow: ['sre', 'ann'] }), ask({ ...stranger, accountId: 'ann', name: 'sre' }, { class: 'act' }))
        .allow,
    ).toBe(false);
  });
});

const anyAsker = fc.record({
  kind: fc.constantFrom('account', 'token', 'program'),
  connector: fc.constantFrom('matrix', 'slack'),
  accountId: fc.string(),
  name: fc.string(),
  person: fc.option(fc.constantFrom('ann', 'bob'), { nil: undefined }),
  groups: fc.subarray(['sre', 'admins']),
  guest: fc.boolean(),
  bot: fc.boolean(),
}) as fc.Arbitrary<Actor>;
const entries = fc.subarray(['everyone', 'guests', 'sre', 'ann', 'platform:matrix'], { minLength: 1 });
const anyRule = fc
  .record({
    list: entries,
    deny: fc.boolean(),
    commands: fc.subarray(['*', 'ack', 'class:act', 'skill:alerts'], { minLength: 1 }),
  })
  .map(({ list, deny, commands }) => (deny ? { deny: list, commands } : { allow: list, commands }));

test('under any rules, bots, unconfigured rooms and direct messages from unlisted people get nothing', () => {
  fc.assert(
    fc.property(
      fc.array(anyRule, { maxLength: 4 }),
      anyAsker,
      fc.boolean(),
      fc.boolean(),
      (access, actor, known, direct) => {
        const decision = decide(rules(...access), ask(actor, { room: known && !direct ? 'ops' : undefined, direct }));
        if (actor.bot || (!direct && !known) || (direct && actor.person === undefined && actor.kind === 'account'))
          expect(decision.allow).toBe(false);
        expect(decision.because).not.toBe('');
      },
    ),
  );
});

test('a configured room with only two members counts as a room', () => {
  const stranger = { ...ann, person: undefined, groups: [] };
  expect(decide([], ask(stranger, { direct: true })).allow).toBe(true);
  expect(decide([], ask(stranger, { direct: true, room: undefined })).allow).toBe(false);
});

test('without rules a guest may do nothing', () => {
  fc.assert(
    fc.property(anyAsker, fc.constantFrom('read', 'respond', 'act', 'admin'), (actor, commandClass) => {
      expect(decide([], ask({ ...actor, guest: true }, { class: commandClass as never })).allow).toBe(false);
    }),
  );
});

describe('rules for resources', () => {
  const site = rules({ allow: ['sre'], on: ['job:site/*'] }, { deny: ['everyone'], on: ['job:site/*'] });
  const on = (actor: Actor, resource?: string) =>
    decide(site, ask(actor, { command: 'job run', class: 'act', ...(resource !== undefined && { resource }) }));
  const carl: Actor = { ...stranger, person: 'carl', accountId: '@carl:example.org' };

  test.each([
    [ann, 'job:site/deploy', true],
    [carl, 'job:site/deploy', false],
    [carl, 'job:site/', false],
    [carl, 'job:shop/deploy', true],
    [carl, 'xjob:site/deploy', true],
    [carl, undefined, true],
  ])('a glob decides %#', (actor, resource, allow) => {
    expect(on(actor, resource).allow).toBe(allow);
  });

  test('an allow rule alone restricts nobody', () => {
    const alone = rules({ allow: ['sre'], on: ['job:site/*'] });
    expect(decide(alone, ask(carl, { class: 'act', resource: 'job:site/deploy' })).allow).toBe(true);
  });

  test.each([
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['ab*b', 'ab', false],
    ['*a*a*', 'a', false],
    ['*', 'anything', true],
  ])('%s on %s: %p', (glob, resource, matches) => {
    expect(decide(rules({ deny: ['everyone'], on: [glob] }), ask(ann, { resource })).allow).toBe(!matches);
  });

  test('a glob matches like the equivalent regular expression', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 8 });
    const glob = fc.string({ unit: fc.constantFrom('a', 'b', '/', '*'), minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(glob, text, (pattern, resource) => {
        const expected = new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(resource);
        const denied = rules({ deny: ['everyone'], on: [pattern] });
        expect(decide(denied, ask(ann, { resource })).allow).toBe(!expected);
      }),
    );
  });
});

describe('actors without an account', () => {
  const token: Actor = { ...stranger, kind: 'token', connector: 'api', accountId: 'token:ci', name: 'token:ci' };
  const operator: Actor = { ...token, kind: 'program', connector: 'cli', accountId: 'cli:root' };
  const tokens = { ci: { commands: ['*'], queries: ['alerts open'] } };
  const nowhere = { room: undefined, direct: true };

  test.each([
    ['respond', token, true],
    ['act', token, true],
    ['admin', token, false],
    ['admin', operator, true],
  ] as const)('class %s without a room, %#: %p', (commandClass, actor, allow) => {
    expect(decide([], ask(actor, { ...nowhere, class: commandClass }), tokens).allow).toBe(allow);
  });

  test('rules can name a token, and everyone includes it', () => {
    expect(decide(rules({ deny: ['token:ci'] }), ask(token, nowhere), tokens).allow).toBe(false);
    expect(decide(rules({ deny: ['everyone'] }), ask(token, nowhere), tokens).allow).toBe(false);
    expect(decide(rules({ deny: ['token:cd'] }), ask(token, nowhere), tokens).allow).toBe(true);
  });

  test('a token may do what its entry lists, separately for commands and queries', () => {
    const query = { ...nowhere, isQuery: true, class: 'read' as const };
    expect(decide([], ask(token, { ...query, command: 'alerts open' }), tokens).allow).toBe(true);
    expect(decide([], ask(token, { ...query, command: 'alerts one' }), tokens).because).toContain(
      'api.tokens.ci.queries',
    );
    expect(decide([], ask(token, nowhere), { ci: { commands: ['class:read'], queries: ['*'] } }).allow).toBe(false);
    expect(decide(rules({ allow: ['token:ci'] }), ask(token, nowhere)).because).toContain(
      'no longer in the configuration',
    );
  });
});

test('in a direct message an unlisted account may run only commands for unlisted ones, and rules may deny those too', () => {
  const inDirect = { room: undefined, direct: true, class: 'read', command: 'link' } as const;
  expect(decide([], ask(stranger, inDirect)).because).toContain('or send `link` if another account of yours is listed');
  const unlisted = { ...inDirect, unlisted: true };
  expect(decide([], ask(stranger, unlisted)).allow).toBe(true);
  expect(decide([], ask(guest, unlisted)).allow).toBe(false);
  expect(decide([], ask({ ...stranger, bot: true }, unlisted)).allow).toBe(false);
  expect(decide([], ask(stranger, { ...unlisted, direct: false })).allow).toBe(false);
  expect(decide([], ask(stranger, { ...unlisted, class: 'act' })).allow).toBe(false);
  expect(decide(rules({ deny: ['everyone'], commands: ['link'] }), ask(stranger, unlisted)).allow).toBe(false);
});
