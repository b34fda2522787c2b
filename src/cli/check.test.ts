import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { check as checkFile, type CheckOptions } from './check.ts';

const check = (options: CheckOptions): Promise<number> => checkFile({ ...options, provideImports: () => {} });

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'watchbell-check-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function run(text: string): Promise<{ status: number; lines: string[] }> {
  const path = join(directory, 'watchbell.yaml');
  await writeFile(path, text);
  const lines: string[] = [];
  const environment = { configPath: undefined, secretsDirectory: '/nowhere', logLevel: 'info', env: {} } as const;
  const status = await check({ path, print: (line) => lines.push(line.replaceAll(`${directory}/`, '')), environment });
  return { status, lines };
}

test('a good configuration is one line with counts', async () => {
  const { status, lines } = await run('connectors: { web: {} }\nrooms: { ops: { in: { web: ops } } }');
  expect(status).toBe(0);
  expect(lines[0]).toMatch(/^watchbell\.yaml: ok \(1 connector, 1 room, 0 people, 0 access rules, \d+ skills\)$/);
});

test('prints one line per problem and their number, with status 1', async () => {
  const { status, lines } = await run('connectors: { webb: {} }\nrooms: { ops: { in: { web: ops } } }\nnmae: x');
  expect(status).toBe(1);
  expect(lines).toEqual([
    'watchbell.yaml:1:15 connectors.webb: no platform is called "webb"; did you mean "web"?',
    'watchbell.yaml:2:23 rooms.ops.in.web: no connector is called "web"; did you mean "webb"?',
    'watchbell.yaml:3:1 nmae: unknown key; did you mean "name"?',
    '3 problems',
  ]);
});

test('a mistake in a skill hides no unknown name, and causes no further problems', async () => {
  const { lines } = await run(`connectors: { web: {} }
rooms: { ops: { in: { web: ops } } }
skills:
  alerts:
    sources: { eu: { tokens: none } }
    route:
      rooms: [opss]
      routes:
        - { matchers: ['a b'], from: { source: eu } }
        - { policy: pge }
    policies: { page: { remindEvery: soon } }`);
  expect(lines.map((line) => line.replace(/^\S+ skills\.alerts\./, ''))).toEqual([
    'sources.eu.tokens: must be a list ([one, two])',
    'route.rooms[0]: no room is called "opss"; did you mean "ops"?',
    expect.stringContaining('route.routes[0].matchers[0]: '),
    'route.routes[1].policy: no policy is called "pge"; did you mean "page"?',
    expect.stringContaining('policies.page.remindEvery: "soon" is not a duration'),
    '5 problems',
  ]);
});

test('a list where a map of names belongs is one problem, and none of its names is reported as unknown', async () => {
  const pathsIn = (lines: readonly string[]): string[] =>
    lines.map((line) => /^\S+:\d+:\d+ (.*)/.exec(line)?.[1] ?? line);
  const alerts = await run(`connectors: { web: {} }
rooms: { ops: { in: { web: ops } } }
skills:
  alerts:
    route: { rooms: [opss], policy: page, routes: [{ from: { source: eu }, policy: page }] }
    sources: [{ name: eu }]
    policies: [{ remindEvery: 30m }]`);
  expect(pathsIn(alerts.lines)).toEqual([
    'skills.alerts.route.rooms[0]: no room is called "opss"; did you mean "ops"?',
    'skills.alerts.sources: must be a map (key: value)',
    'skills.alerts.policies: must be a map (key: value)',
    '3 problems',
  ]);
  const core = await run(`connectors: { web: { opsRoom: ops } }
rooms: [ops]
people: [ann]
access: [{ allow: [ann, sre], in: [ops] }]
skills:
  alerts: { route: { rooms: [ops], policy: page }, policies: { late: {} } }`);
  expect(pathsIn(core.lines)).toEqual([
    'rooms: must be a map (key: value)',
    'people: must be a map (key: value)',
    'skills.alerts.route.policy: no policy is called "page"; configured: late',
    '3 problems',
  ]);
});

test('a warning is printed and does not change the status', async () => {
  const { status, lines } = await run('connectors: { web: {} }\naccess: [{ deny: [everyone], commands: [helpp] }]');
  expect(status).toBe(0);
  expect(lines[0]).toBe(
    'warning: watchbell.yaml:2:41 access[0].commands[0]: no command begins with "helpp"; did you mean "help"?',
  );
});

test('skill directories are relative to the file, and a broken skill is a problem that names its file', async () => {
  await mkdir(join(directory, 'mine', 'gong'), { recursive: true });
  await mkdir(join(directory, 'mine', 'broken'), { recursive: true });
  await writeFile(
    join(directory, 'mine', 'gong', 'index.js'),
    `export default { name: 'gong', commands: { 'gong': { help: 'x', run() {} } } };`,
  );
  await writeFile(join(directory, 'mine', 'broken', 'index.js'), 'throw new Error("no bell");');
  const { status, lines } = await run(
    'connectors: { web: {} }\nskillDirectories: [mine]\nskills: { gong: {}, broken: { a: 1 } }',
  );
  expect(status).toBe(1);
  expect(lines).toEqual([
    'mine/broken/index.js: the skill cannot be loaded: no bell',
    expect.stringContaining('skills.broken: this skill could not be loaded and is off'),
    '1 problem',
  ]);
});

test('two skills that claim one command are named', async () => {
  await mkdir(join(directory, 'mine', 'gong'), { recursive: true });
  await writeFile(
    join(directory, 'mine', 'gong', 'index.js'),
    `export default { name: 'gong', commands: { 'status': { help: 'x', run() {} } } };`,
  );
  const { status, lines } = await run('connectors: { web: {} }\nskillDirectories: [mine]');
  expect(status).toBe(1);
  expect(lines.join('\n')).toMatch(/status.*core.*gong|gong.*core|core.*gong/);
});

test('a missing configuration is reported in one sentence', async () => {
  const lines: string[] = [];
  expect(await check({ path: join(directory, 'none.yaml'), print: (line) => lines.push(line) })).toBe(1);
  expect(lines[0]).toMatch(/there is no such file or directory/);
});

test('a key without effect in this release is a warning with the consequence, at any depth', async () => {
  const { status, lines } = await run(`
connectors: { web: {} }
rooms: { ops: { in: { web: ops } } }
people: { ann: { accounts: { web: ann } } }
timeIntervals: { office: { days: Mon-Fri } }
schedules:
  primary: { layers: [{ rotation: weekly, handover: Mon 09:00, start: 2026-01-05, people: [ann] }] }
skills:
  alerts:
    sources:
      prod:
        tokens: [{ file: token }]
        api: { urls: ['http://am:9093'] }
        watchdog: { matchers: ['alertname="Watchdog"'], within: 5m }
    route:
      rooms: [ops]
      schedule: primary
      routes:
        - matchers: ['severity="critical"']
          routes: [{ from: { source: prod }, active: [office], policy: page }]
    policies:
      page: { remindEvery: 30m, steps: [{ after: 0m, notify: [{ oncall: route }] }], repeat: 2 }
`);
  expect(status).toBe(0);
  const warned = lines.flatMap(
    (line) => /^warning: \S+ (\S+): has no effect in this release: \S/.exec(line)?.[1] ?? [],
  );
  expect(warned).toEqual([
    'timeIntervals',
    'schedules',
    'skills.alerts.sources.prod.api',
    'skills.alerts.sources.prod.watchdog',
    'skills.alerts.route.schedule',
    'skills.alerts.route.routes[0].routes[0].active',
    'skills.alerts.policies.page.steps',
    'skills.alerts.policies.page.repeat',
  ]);
  expect(lines).toHaveLength(9);
  expect(lines[6]).toBe(
    'warning: watchbell.yaml:22:33 skills.alerts.policies.page.steps: has no effect in this release: nobody is paged; remindEvery reminds the room',
  );
});

test('the example in the reference is valid, and every key in it has an effect', async () => {
  const path = resolve(import.meta.dirname, '../../docs/reference/example.yaml');
  const lines: string[] = [];
  await check({
    path,
    print: (line) => lines.push(line),
    environment: { configPath: undefined, secretsDirectory: '/nowhere', logLevel: 'info', env: {} },
  });
  expect(lines).toEqual([expect.stringContaining('example.yaml: ok (')]);
});
