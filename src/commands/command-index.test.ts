import fc from 'fast-check';
import { fastestMs } from '../../test/harness/fastest.ts';
import type { Command } from '../skill.ts';
import { CommandIndex } from './command-index.ts';

const command = (also: readonly string[] = []): Command<unknown> => ({ help: 'does it', also, run: () => undefined });
const skill = (name: string, ...patterns: readonly string[]) => ({
  name,
  commands: Object.fromEntries(patterns.map((pattern) => [pattern, command()])),
});

const index = new CommandIndex([
  {
    name: 'alerts',
    commands: {
      'ack {ids:ids?} [for {for:duration}] {note...?}': command([
        'acknowledge {ids:ids?} [for {for:duration}] {note...?}',
      ]),
      'ack all {n:int?}': command(),
      'alert {ids:ids}': command(),
    },
  },
  skill('countdown', 'count to {n:int}', 'count down from {n:int}', 'stop'),
  skill('jobs', 'job list', 'job run {site} {job} {rest...?}', 'run {ids:ids}', 'runs'),
]);

const found = (text: string) => {
  const lookup = index.find(text);
  return lookup.found === 'nothing' ? undefined : { found: lookup.found, name: lookup.entry.name };
};
const args = (text: string): unknown => {
  const lookup = index.find(text);
  return lookup.found === 'command' ? { name: lookup.entry.name, ...lookup.args } : undefined;
};

test.each([
  'ack 12',
  'ack #12.',
  'ack12',
  'ACK12',
  'ack#12',
  'ack: 12',
  'acknowledge 12',
  'Acknowledge12',
  '  ack   12  ',
])('"%s" is the same command', (text) => {
  expect(args(text)).toEqual({ name: 'ack', ids: ['12'] });
});

test.each(['ack 12 13', 'ack 12,13', 'ack12,13', 'ack 12, #13.', 'ack12 13'])('"%s" has two ids', (text) => {
  expect(args(text)).toEqual({ name: 'ack', ids: ['12', '13'] });
});

test('text after an id without a space is parsed as usual', () => {
  expect(args('ack12 for 2h on it')).toEqual({ name: 'ack', ids: ['12'], for: 7_200_000, note: 'on it' });
});

test('the longest prefix wins', () => {
  expect(args('ack all')).toEqual({ name: 'ack all' });
  expect(args('ack all 7')).toEqual({ name: 'ack all', n: 7 });
  expect(args('job run site deploy staging now')).toEqual({
    name: 'job run',
    site: 'site',
    job: 'deploy',
    rest: 'staging now',
  });
  expect(found('job list')).toEqual({ found: 'command', name: 'job list' });
});

test('a shorter prefix is used when the longest does not match', () => {
  expect(args('ack all of them')).toEqual({ name: 'ack', note: 'all of them' });
});

test('a mistyped number after the longest prefix does not fall back to a shorter one', () => {
  for (const number of ['٧', '99999999999', '7x', '1.5'])
    expect(index.find(`ack all ${number}`)).toMatchObject({ found: 'misfit', entry: { name: 'ack all' } });
  expect(index.find('ack0')).toMatchObject({ found: 'misfit', entry: { name: 'ack' } });
});

test('a line with a command but wrong arguments returns what was expected', () => {
  const lookup = index.find('count to ten');
  expect(lookup).toMatchObject({
    found: 'misfit',
    entry: { name: 'count to' },
    mismatch: { argument: 'n', message: '"ten" is not a whole number' },
  });
  expect(index.find('alert')).toMatchObject({ found: 'misfit', entry: { name: 'alert' } });
});

test.each(['', '   ', 'please ack 12', 'count', 'backpack 12', 'ackall', 'ack12x', '12', '{ids:ids}', 'constructor'])(
  '"%s" is not a command',
  (text) => {
    expect(found(text)).toBeUndefined();
  },
);

test('an alias is the same command, under its main name', () => {
  const entries = new Set(['ack 1', 'acknowledge 1'].map((text) => JSON.stringify(found(text))));
  expect([...entries]).toEqual(['{"found":"command","name":"ack"}']);
  expect(index.all.map((entry) => entry.name)).not.toContain('acknowledge');
});

test('when two skills claim one command, the error names both', () => {
  expect(() => new CommandIndex([skill('one', 'go {n:int}'), skill('other', 'go {place?}')])).toThrow(
    /skills "one" and "other" both claim the command "go"/,
  );
  const synonym = { name: 'third', commands: { walk: command(['go']) } };
  expect(() => new CommandIndex([skill('one', 'go {n:int}'), synonym])).toThrow(/"one" and "third".*"go"/);
});

test('one skill may have two commands with the same prefix, but not with the same arguments', () => {
  expect(() => new CommandIndex([skill('one', 'go', 'go {n:int}')])).not.toThrow();
  expect(() => new CommandIndex([skill('one', 'go {n:int}', 'go {m:int}')])).toThrow(/both claim the command "go"/);
});

test.each([
  ['acl 12', 'ack'],
  ['acknowlege', undefined],
  ['cuont to 10', 'count to'],
  ['stob', 'stop'],
  ['job lists', 'job list'],
  ['count', 'count to'],
  ['cuont', 'count to'],
  ['stob at once, please', 'stop'],
  ['what is the weather', undefined],
  ['', undefined],
])('nearest to "%s" is %s', (text, name) => {
  expect(index.nearest(text, index.all)?.name).toBe(name);
});

test('only candidates are suggested', () => {
  expect(index.nearest('stob', [])).toBeUndefined();
  expect(
    index.nearest(
      'stpo',
      index.all.filter((entry) => entry.name !== 'stop'),
    ),
  ).toBeUndefined();
});

test('no line makes the lookup throw or take long', () => {
  const verbs = fc.constantFrom(
    'ack',
    'ack12',
    'count to',
    'job run',
    'alert',
    '',
    'ack all',
    '(a+)+$',
    '[ack',
    'toString',
  );
  fc.assert(
    fc.property(verbs, fc.string({ unit: 'binary', maxLength: 200 }), (verb, rest) => {
      const text = `${verb} ${rest}`;
      expect(['command', 'misfit', 'nothing']).toContain(index.find(text).found);
      const look = () => [index.find(text), index.nearest(text, index.all)];
      expect(fastestMs(look)).toBeLessThan(1000);
    }),
    { numRuns: 500 },
  );
});

test.each([
  ['spaces', ' '],
  ['digits', '1'],
  ['commas', '1,'],
  ['letters', 'a'],
  ['brackets', '(['],
  ['line ends', '\n'],
  ['dots', '.'],
])('100 kB of %s after a verb are looked up within a second', (_, piece) => {
  const long = piece.repeat(100_000 / piece.length);
  const look = (): void => {
    for (const text of [long, `ack${long}`, `ack ${long}`, `${long}ack`]) {
      index.find(text);
      index.nearest(text, index.all);
    }
  };
  expect(fastestMs(look)).toBeLessThan(1000);
});

test('the cost of a lookup does not grow with the number of commands', () => {
  const commands = Array.from({ length: 3000 }, (_, number) => `command${number} {n:int}`);
  const small = new CommandIndex([skill('one', ...commands.slice(0, 3))]);
  const large = new CommandIndex([skill('one', ...commands)]);
  const measure = (measured: CommandIndex): number =>
    fastestMs(() => {
      for (let count = 0; count < 2000; count++) measured.find('command2 7');
    }, 10);
  // Checking all of them would cost a thousand times as much.
  expect(measure(large)).toBeLessThan(20 * Math.max(measure(small), 4));
});
