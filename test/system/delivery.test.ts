import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { RateLimited, Rejected } from '../../src/connectors/connector.ts';
import { defineSkill, z } from '../../src/skill.ts';
import { startTestBot, type TestBot } from '../../src/testing/index.ts';
import { until } from '../harness/until.ts';

const memory = (room: string) => ({ connector: 'memory', room });
const probe = defineSkill({
  name: 'probe',
  options: z.object({}),
  commands: {
    hello: { help: 'answers', run: () => 'hello' },
    poke: { help: 'says something elsewhere', run: ({ say }) => say(memory('a'), 'poke') },
    plan: {
      help: 'plans five lines, one a second',
      run: async ({ post, now }) => {
        for (let n = 1; n <= 5; n++)
          await post(memory('c'), `l${n}`, `${n}`, {
            notBefore: new Date(now.getTime() + 3000 + n * 1000),
            // Much longer than a machine may stall, and much shorter than the other room waits.
            until: new Date(now.getTime() + 3000 + n * 1000 + 10_000),
          });
      },
    },
    'ring {text...}': {
      help: 'rings',
      run: ({ post, args }) => post(memory('a'), 'bell', String(args['text']), { ring: true }),
    },
    'put {text...}': {
      help: 'shows something',
      run: ({ post, args }) => post(memory('a'), 'put', String(args['text'])),
    },
    'brief {text...}': {
      help: 'shows something, or nothing after ten seconds',
      run: ({ post, args, now }) =>
        post(memory('a'), 'brief', String(args['text']), { until: new Date(now.getTime() + 10_000) }),
    },
    later: {
      help: 'shows it later',
      run: ({ post, now }) => post(memory('a'), 'put', 'later', { notBefore: new Date(now.getTime() + 3_600_000) }),
    },
    offer: {
      help: 'offers a reaction',
      run: () => ({ text: 'tap', actions: [{ label: 'go', emoji: '👍', command: 'hello' }] }),
    },
  },
  webhooks: {
    probe: {
      verify: () => undefined,
      sources: () => [],
      run: async (calls) => {
        for (const { context, request } of calls)
          await context.state.set(`seen ${(request.body as { n: number }).n}`, 1);
      },
    },
  },
});

let bot: TestBot;
beforeEach(async () => {
  bot = await startTestBot({ skills: [probe] });
  // From now on the room is known to have no unconfirmed requests.
  await bot.say('hello');
});
afterEach(() => bot.stop());

const happen = (text: string): void =>
  bot.platform.happen({
    type: 'message',
    id: randomUUID(),
    room: 'lobby',
    direct: false,
    sender: { accountId: '@ann:test', name: 'Ann', bot: false, guest: false },
    at: bot.app.clock.now(),
    text,
    mentionsBot: false,
  });
const insert = (room: string, text: string, more: Record<string, unknown> = {}): Promise<unknown> => {
  const row: Record<string, unknown> = {
    id: randomUUID(),
    connector: 'memory',
    room,
    skill: 'probe',
    queue: 1,
    content: JSON.stringify({ text }),
    ...more,
  };
  const names = Object.keys(row);
  return bot.query(
    `insert into messages (${names.join(', ')}) values (${names.map((_, index) => `$${index + 1}`).join(', ')})`,
    Object.values(row),
  );
};
const soon = (ms: number): Date => new Date(bot.app.clock.now().getTime() + ms);

test('a waiting room with constant new messages does not delay other rooms', async () => {
  bot.platform.before = (operation) => {
    if (operation.room === 'a') throw new RateLimited(`room:${operation.room}`, 60_000);
  };
  happen('!poke');
  happen('!plan');
  const poking = setInterval(() => happen('!poke'), 400);
  try {
    await until(() => bot.texts('c').length === 5);
  } finally {
    clearInterval(poking);
  }
  expect(bot.texts('c')).toEqual(['1', '2', '3', '4', '5']);
});

test('after a rate limit for the account, rooms that were already ready wait too', async () => {
  let asked = 0;
  bot.platform.before = () => {
    if (++asked > 3) throw new RateLimited('account', 60_000);
  };
  await bot.query(
    `insert into messages (id, connector, room, skill, queue, content) select gen_random_uuid(), 'memory', 'r' || n, 'probe', 1, '{"text":"x"}' from generate_series(1, 500) n`,
  );
  await until(() => asked > 3);
  const [before] = await bot.query<{ at: Date }>('select clock_timestamp() as at');
  // Several looks later.
  await until(async () => {
    const [row] = await bot.query<{ late: boolean }>(
      `select clock_timestamp() > $1::timestamptz + interval '2.5 s' as late`,
      [before?.at],
    );
    return row?.late === true;
  });
  // At most the requests in flight when the rate limit was reported.
  expect(asked).toBeLessThanOrEqual(250);
  await until(async () => (await bot.query('select 1 from messages where attempt is not null')).length === 0);
});

test('a message that changes just before it is sent is not overtaken by the next one', async () => {
  const changing = randomUUID();
  let refused = false;
  let ready = false;
  bot.platform.before = ({ room }) => {
    if (room !== 'o' || ready) return;
    refused = true;
    throw new RateLimited(`room:${room}`, 300);
  };
  await insert('o', 'first');
  await until(() => refused);
  await insert('o', 'A1', { id: changing });
  await insert('o', 'B');
  const client = new pg.Client({ connectionString: bot.databaseUrl });
  await client.connect();
  await client.query('begin');
  await client.query(`update messages set content = '{"text":"A2"}', version = version + 1 where id = $1`, [changing]);
  ready = true;
  // The delivery worker has decided on the three, and skipped the row that this transaction has locked.
  await until(() => bot.texts('o').length === 1);
  await insert('elsewhere', 'C');
  await until(() => bot.texts('elsewhere').length === 1);
  await client.query('commit');
  await client.end();
  await until(() => bot.texts('o').length === 3);
  expect(bot.texts('o')).toEqual(['first', 'A2', 'B']);
});

test('a message that is being changed does not delay other rooms while the account is rate-limited', async () => {
  let asked = 0;
  bot.platform.before = () => {
    if (asked++ === 0) throw new RateLimited('account', 200);
  };
  await insert('p', 'refused');
  await until(() => asked > 0);
  const changing = randomUUID();
  await insert('p0', 'first of all', { id: changing, queue: 0 });
  const client = new pg.Client({ connectionString: bot.databaseUrl });
  await client.connect();
  try {
    await client.query('begin');
    await client.query('select 1 from messages where id = $1 for update', [changing]);
    await insert('p1', 'behind');
    await until(() => bot.texts('p1').length === 1);
    await client.query('commit');
  } finally {
    await client.end();
  }
  await until(() => bot.texts('p0').length === 1);
});

test('the requests of one message follow each other without another look', async () => {
  await bot.say('ring one');
  const { database } = bot.app;
  const { query } = database;
  const done: string[] = [];
  bot.platform.before = (operation) => void done.push(operation.type);
  Object.assign(database, {
    query: ((text, parameters) => {
      if (text.includes('with recursive rooms')) done.push('look');
      return query(text, parameters);
    }) satisfies typeof query,
  });
  // A look may come at any time, but not between the two in each of several rounds.
  for (let round = 0; !done.join().includes('send,edit') && round < 5; round++) await bot.say(`ring again ${round}`);
  expect(done.join()).toContain('send,edit');
});

test('an expired message is shown when it is posted again with the same content', async () => {
  bot.platform.before = ({ room }) => {
    if (room === 'a') throw new RateLimited(`room:${room}`, 2000);
  };
  happen('!brief all is well');
  await until(async () => (await bot.query(`select 1 from messages where key = 'brief'`)).length > 0);
  await bot.advance(11_000);
  expect(await bot.query(`select state from messages where key = 'brief'`)).toEqual([{ state: 'dropped' }]);
  bot.platform.before = () => {};
  await bot.say('brief all is well');
  expect(bot.texts('a')).toEqual(['all is well']);
});

test('a message that rings often keeps only its newest copies, so its row stays small', async () => {
  await bot.say('ring one');
  const [row] = await bot.query<{ copies: string }>(`select copies from messages where key = 'bell'`);
  const [copy] = JSON.parse(row?.copies ?? '[]') as [{ parts: object[] }];
  const many = Array.from({ length: 2000 }, (_, n) => ({ ...copy, parts: n === 1999 ? copy.parts : [] }));
  await bot.query(`update messages set copies = $1 where key = 'bell'`, [JSON.stringify(many)]);
  await bot.say('ring two');
  const [after] = await bot.query<{ copies: string }>(`select copies from messages where key = 'bell'`);
  const kept = JSON.parse(after?.copies ?? '[]') as { parts: { remoteId: string }[] }[];
  expect(kept).toHaveLength(100);
  expect(kept.slice(-2).map(({ parts }) => parts[0]?.remoteId)).toEqual(bot.messages('a').map(({ id }) => id));
  await bot.say('ring three');
  expect(bot.texts('a')).toEqual([
    expect.stringContaining('continued below'),
    expect.stringContaining('continued'),
    'three',
  ]);
});

test('a rate limit for edits delays nothing else in the room, even in the middle of a message', async () => {
  await bot.say('put before');
  await bot.say('ring one');
  let refusing = true;
  bot.platform.buckets = ({ type }) => (type === 'edit' ? ['updates'] : []);
  bot.platform.before = ({ type }) => {
    if (refusing && type === 'edit') throw new RateLimited('updates', 200);
  };
  // Two edits are rate-limited: one of them is the rest of a message whose new copy is shown.
  happen('!put after');
  happen('!ring two');
  await until(() => bot.texts('a').includes('two'));
  happen('!poke');
  await until(() => bot.texts('a').includes('poke'));
  expect(bot.texts('a').slice(0, 2)).toEqual(['before', 'one']);
  refusing = false;
  await until(() => bot.texts('a')[0] === 'after' && bot.texts('a')[1]?.includes('continued') === true);
  await until(async () => (await bot.query('select 1 from messages where pending')).length === 0);
  expect(bot.texts('a').slice(2)).toEqual(['two', 'poke']);
});

test('the rest of a message that waits for its bucket does not overtake a request with an unknown outcome', async () => {
  await bot.say('ring one');
  let isClosed = true;
  let isLost = true;
  const asked: string[] = [];
  bot.platform.buckets = ({ type }) => (type === 'edit' ? ['updates'] : []);
  bot.platform.before = (operation) => {
    if (operation.type === 'edit' && isClosed) throw new RateLimited('updates', 400);
    asked.push(operation.type === 'send' ? JSON.stringify(operation.part.body) : operation.type);
    if (asked.at(-1)?.includes('poke') === true && isLost) throw new Error('no answer');
  };
  happen('!ring two');
  await until(() => bot.texts('a').includes('two'));
  happen('!poke');
  await until(() => asked.some((one) => one.includes('poke')));
  isClosed = false;
  await until(() => asked.filter((one) => one.includes('poke')).length >= 3);
  expect(asked).not.toContain('edit');
  isLost = false;
  await until(() => asked.includes('edit'));
  expect(bot.texts('a').filter((text) => text === 'poke')).toHaveLength(1);
});

test('messages behind many edits that wait for their bucket are not delayed', async () => {
  const shown = (text: string) => insert('a', text, { key: text, queue: 0 });
  for (let n = 1; n <= 20; n++) await shown(`edit ${n}`);
  await until(() => bot.texts('a').length === 20);
  bot.platform.buckets = ({ type }) => (type === 'edit' ? ['updates'] : []);
  bot.platform.before = ({ type }) => {
    if (type === 'edit') throw new RateLimited('updates', 60_000);
  };
  await bot.query(`update messages set content = '{"text":"changed"}', version = version + 1 where room = 'a'`);
  happen('!poke');
  await until(() => bot.texts('a').includes('poke'));
  expect(bot.texts('a')).not.toContain('changed');
});

test('a message that is rejected for good while it changes is retried in its new version', async () => {
  let refuse = (): void => {};
  const perform = bot.platform.perform.bind(bot.platform);
  const asked = new Promise<void>((resolve) => {
    bot.platform.perform = (operation) => {
      if (operation.type !== 'send' || !JSON.stringify(operation.part).includes('too long')) return perform(operation);
      resolve();
      return new Promise<string>((_, reject) => (refuse = () => reject(new Rejected('too long'))));
    };
  });
  happen('!put something too long');
  await asked;
  await bot.query(`update messages set content = '{"text":"short"}', version = version + 1 where room = 'a'`);
  refuse();
  await until(() => bot.texts('a').length === 1);
  expect(bot.texts('a')).toEqual(['short']);
  expect(await bot.query(`select 1 from messages where state = 'dead'`)).toEqual([]);
});

/** An attempt with one unrecorded request for each text. */
const attemptOf = (texts: readonly string[], at = bot.app.clock.now()): string =>
  JSON.stringify({
    version: 1,
    ring: 0,
    next: 0,
    actions: '[]',
    at: at.toISOString(),
    steps: texts.map((text) => ({
      ...{ type: 'send', copy: 0, ring: 0, hash: text },
      part: { body: { message: { text } }, bytes: 9 },
    })),
  });

test('a message that changes while its first part is sent is not given up when the second is rejected', async () => {
  const perform = bot.platform.perform.bind(bot.platform);
  bot.platform.perform = async (operation) => {
    const body = JSON.stringify(operation);
    if (body.includes('bad')) throw new Rejected('bad');
    const id = await perform(operation);
    if (body.includes('first'))
      await bot.query(`update messages set content = '{"text":"good"}', version = version + 1 where room = 'y'`);
    return id;
  };
  // In separate steps, so that the first of them is not a repeat.
  await insert('y', 'x', { key: 'k', not_before: soon(60_000) });
  await bot.query(`update messages set attempt = $1, not_before = null where room = 'y'`, [
    attemptOf(['first', 'bad']),
  ]);
  await until(async () => bot.texts('y').includes('good') || (await dead('y')).length > 0);
  expect(await dead('y')).toEqual([]);
  expect(bot.texts('y')).toEqual(['good']);
});

const dead = (room: string) => bot.query(`select reason from messages where state = 'dead' and room = $1`, [room]);

const forgetKeys = (): void =>
  void (bot.platform.capabilities = { ...bot.platform.capabilities, keyWindowMs: 24 * 3_600_000 });

test('a message that is removed while its outcome is unknown is deleted, however long ago it was sent', async () => {
  forgetKeys();
  await insert('y', 'x', {
    ...{ key: 'k', removed: true, version: 2 },
    attempt: attemptOf(['long ago'], new Date(bot.app.clock.now().getTime() - 400 * 86_400_000)),
  });
  await until(async () => (await bot.query(`select 1 from messages where room = 'y' and pending`)).length === 0);
  expect(await dead('y')).toEqual([]);
  expect(bot.texts('y')).toEqual([]);
});

test('a message that changes while its repeat is decided is not repeated with its old content', async () => {
  forgetKeys();
  const { database } = bot.app;
  const { query } = database;
  let changed = false;
  Object.assign(database, {
    query: (async (text, parameters) => {
      if (!changed && text.includes('attempt is not null and sends = $5')) {
        changed = true;
        await query(`update messages set content = '{"text":"new"}', version = version + 1 where room = 'y'`);
      }
      return query(text, parameters);
    }) satisfies typeof query,
  });
  const asked: string[] = [];
  bot.platform.before = (operation) => {
    if (operation.room === 'y') asked.push(JSON.stringify(operation));
  };
  await insert('y', 'old', {
    key: 'k',
    attempt: attemptOf(['old'], new Date(bot.app.clock.now().getTime() - 400 * 86_400_000)),
  });
  await until(() => bot.texts('y').length > 0);
  expect(changed).toBe(true);
  expect(asked[0]).toContain('may be a repeat');
  expect(asked[0]).toContain('new');
});

test('a digest whose members were all removed before it was sent is not shown', async () => {
  const digest = randomUUID();
  await insert('q', 'one', { key: 'one', line: 'one', removed: true, version: 2, not_before: soon(60_000) });
  await insert('q', '', { id: digest, digest: true, content: '{}', ring_version: 1, not_before: soon(60_000) });
  await bot.query(
    `update messages set fold = case when not digest then $1::uuid end, not_before = null where room = 'q'`,
    [digest],
  );
  await until(async () => (await bot.query(`select 1 from messages where room = 'q' and pending`)).length === 0);
  expect(bot.texts('q')).toEqual([]);
});

test('a message that gets a time while its digest is being sent is not shown twice', async () => {
  let asked = 0;
  let answer = (): void => {};
  const perform = bot.platform.perform.bind(bot.platform);
  bot.platform.perform = async (operation) => {
    if (operation.room !== 'a') return perform(operation);
    if (asked++ === 0) await new Promise<void>((resolve) => (answer = resolve));
    return perform(operation);
  };
  const digest = randomUUID();
  await insert('a', 'soon', { key: 'put', line: 'soon', not_before: soon(60_000) });
  await insert('a', '', { id: digest, digest: true, content: '{}', ring_version: 1, not_before: soon(60_000) });
  await bot.query(`update messages set fold = case when not digest then $1::uuid end, not_before = null`, [digest]);
  await until(() => asked === 1);
  happen('!later');
  await until(
    async () => (await bot.query(`select 1 from messages where key = 'put' and not_before is not null`)).length > 0,
  );
  answer();
  await until(
    async () => (await bot.query(`select 1 from messages where room = 'a' and attempt is not null`)).length === 0,
  );
  await bot.advance(3_600_001);
  expect(bot.messages('a')).toHaveLength(1);
});

test('a message that gets a time while it is in a digest is shown separately at that time', async () => {
  bot.platform.before = (operation) => {
    if (operation.room === 'a') throw new RateLimited(`room:${operation.room}`, 60_000);
  };
  await insert('a', 'before');
  happen('!put soon');
  await until(async () => (await bot.query(`select 1 from messages where key = 'put'`)).length > 0);
  const digest = randomUUID();
  await insert('a', '', { id: digest, digest: true, content: '{}', ring_version: 1 });
  await bot.query(`update messages set fold = $1 where key = 'put'`, [digest]);
  happen('!later');
  const put = (): Promise<unknown[]> =>
    bot.query(`select fold from messages where key = 'put' and not_before is not null`);
  await until(async () => (await put()).length > 0);
  expect(await put()).toEqual([{ fold: null }]);
});

test('reactions are added even while a message waits for its time', async () => {
  bot.platform.capabilities = { ...bot.platform.capabilities, buttons: false, select: false };
  await insert('z', 'in an hour', { not_before: soon(3_600_000) });
  await bot.say('offer');
  await until(() => bot.messages().some((message) => message.reactions.length > 0));
});

test('a reaction that is never confirmed is given up, and delays no message meanwhile', async () => {
  bot.platform.capabilities = { ...bot.platform.capabilities, buttons: false, select: false };
  let tries = 0;
  bot.platform.before = ({ type }) => {
    if (type !== 'react') return;
    tries++;
    throw new Error('the answer is lost');
  };
  await bot.say('offer');
  await until(() => tries === 1);
  expect(await bot.say('hello')).toEqual(['hello']);
  const waiting = (): Promise<unknown[]> => bot.query('select 1 from messages where react');
  await until(async () => {
    bot.pass(1000);
    return (await waiting()).length === 0;
  });
  expect(tries).toBe(8);
});

test('replies go before bulk messages', async () => {
  const event = (n: number) => ({
    source: 'webhook',
    sourceId: randomUUID(),
    kind: 'webhook' as const,
    skill: 'probe',
    name: 'probe',
    payload: JSON.stringify({ source: 'x', body: { n } }),
    happenedAt: new Date(),
  });
  await bot.app.acceptor.accept(Array.from({ length: 6000 }, (_, n) => event(n)));
  const before = bot.texts().length;
  happen('!hello');
  await until(() => bot.texts().length > before);
  const [left] = await bot.query<{ count: number }>(`select count(*)::int as count from events where state = 'new'`);
  expect(left?.count).toBeGreaterThan(1000);
  await bot.settle();
});
