import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { PLATFORMS as platforms } from '../connectors/platforms.ts';
import { defineSkill, z } from '../skill.ts';
import { loadConfig, loadContent, readSkillDirectories, type LoadResult, type Loaded } from './load.ts';
import { secretReference } from './words.ts';

const bell = defineSkill({
  name: 'bell',
  // Not strict: skill authors may write such a schema.
  options: z.object({
    rooms: z.array(z.string()).default([]),
    token: secretReference.optional(),
    tone: z.object({ pitch: z.enum(['high', 'low']).default('high') }).prefault({}),
  }),
  check: (options, names) =>
    options.rooms.flatMap((room, index) =>
      names.rooms.includes(room) ? [] : [{ path: ['rooms', index], message: `no room is called "${room}"` }],
    ),
  commands: { 'ring {n:int}': { help: 'rings', run: () => {} }, 'job run {name}': { help: 'runs', run: () => {} } },
});
const needy = defineSkill({ name: 'needy', options: z.object({ host: z.string() }) });
const plain = defineSkill({ name: 'plain' });
const skills = [bell, needy, plain];

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'watchbell-config-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function load(text: string | Uint8Array, env: Record<string, string> = {}): Promise<LoadResult> {
  const path = join(directory, 'watchbell.yaml');
  await writeFile(path, text);
  return loadConfig({ path, skills, platforms, env });
}

async function problemsOf(text: string | Uint8Array, env: Record<string, string> = {}): Promise<string[]> {
  const result = await load(text, env);
  return result.ok ? [] : result.problems.map((line) => line.replace(`${directory}/`, ''));
}

async function loaded(text: string, env: Record<string, string> = {}): Promise<Loaded> {
  const result = await load(text, env);
  if (!result.ok) throw new Error(result.problems.join('\n'));
  return result;
}

const GOOD = `
connectors: { web: {} }
rooms: { ops: { in: { web: ops } } }
`;

test('a valid file yields defaults, parsed durations and sizes, and the options of every enabled skill', async () => {
  const { config, disabled, warnings } = await loaded(
    `${GOOD}\nbacklog: { maxAge: 15m }\nhttp: { maxBody: 64KiB }\nskills: { bell: { rooms: [ops] } }`,
  );
  expect(config).toMatchObject({
    name: 'watchbell',
    timeZone: 'UTC',
    backlog: { maxAge: 900_000 },
    http: { maxBody: 65_536 },
    connectors: { web: { type: 'web' } },
    rooms: { ops: { in: { web: ['ops'] } } },
    skills: { bell: { rooms: ['ops'], tone: { pitch: 'high' } }, plain: {} },
  });
  expect(disabled).toEqual([{ skill: 'needy', because: 'skills.needy.host: is missing' }]);
  expect(warnings).toEqual([]);
});

describe('problems', () => {
  test('contact may name any connector: the person may link an account there', async () => {
    expect(
      await problemsOf(
        'connectors: { web: {}, acme: { type: web } }\npeople: { ann: { accounts: { web: a }, contact: [acme, web] } }\n',
      ),
    ).toEqual([]);
  });

  test('all are reported at once, each with its position, in the order of the file', async () => {
    expect(
      await problemsOf(`
databse: { url: { file: a } }
connectors:
  web: {}
  acme: { type: discord, token: { file: x } }
  matrx: {}
rooms:
  ops: { in: { web: ops, wb: x }, failover: opps }
people:
  ann: { accounts: { web: a }, contact: [wbe] }
access:
  - { allow: [sre], commands: ['class:akt'], in: [op] }
skills:
  bell: { rooms: [opps], tone: { pitch: loud }, ruum: 1 }
  bel: {}
`),
    ).toEqual([
      'watchbell.yaml:2:1 databse: unknown key; did you mean "database"?',
      'watchbell.yaml:5:17 connectors.acme.type: discord is not part of this release yet',
      'watchbell.yaml:6:3 connectors.matrx: no platform is called "matrx"; did you mean "matrix"?',
      'watchbell.yaml:8:26 rooms.ops.in.wb: no connector is called "wb"; did you mean "web"?',
      'watchbell.yaml:8:45 rooms.ops.failover: no room is called "opps"; did you mean "ops"?',
      'watchbell.yaml:10:42 people.ann.contact[0]: "wbe" is not one of the accounts of ann; did you mean "web"?',
      'watchbell.yaml:12:15 access[0].allow[0]: no group or person is called "sre"',
      'watchbell.yaml:12:32 access[0].commands[0]: no class is called "akt"; did you mean "act"?',
      'watchbell.yaml:12:51 access[0].in[0]: no room is called "op"; did you mean "ops"?',
      'watchbell.yaml:14:19 skills.bell.rooms[0]: no room is called "opps"',
      'watchbell.yaml:14:41 skills.bell.tone.pitch: must be "high" or "low"',
      'watchbell.yaml:14:49 skills.bell.ruum: unknown key (known: rooms, token, tone)',
      'watchbell.yaml:15:3 skills.bel: no skill is called "bel"; did you mean "bell"?',
    ]);
  });

  test("a skill's own references are reported inside its options", async () => {
    expect(await problemsOf(`${GOOD}\nskills:\n  bell:\n    rooms: [ops, opps]`)).toEqual([
      'watchbell.yaml:7:18 skills.bell.rooms[1]: no room is called "opps"',
    ]);
  });

  test('a key that a skill would silently drop is rejected, also when nested', async () => {
    expect(await problemsOf(`${GOOD}\nskills: { bell: { tone: { pich: low } } }`)).toEqual([
      'watchbell.yaml:5:27 skills.bell.tone.pich: unknown key; did you mean "pitch"?',
    ]);
  });

  test('a plain secret is rejected with the remedy, and never shown', async () => {
    const problems = await problemsOf(`
connectors: { matrix: { homeserver: 'https://m.example.org', token: hunter2secret } }
database: { url: 'postgres://bell:hunter2secret@db/bell' }
skills: { bell: { token: hunter2secret } }`);
    expect(problems).toHaveLength(3);
    for (const problem of problems) {
      expect(problem).toMatch(/a secret must not be written here: .*\{ file: NAME \}/);
      expect(problem).not.toContain('hunter2');
    }
  });

  test('a secret in place of its name, or in an address, is rejected and never shown', async () => {
    const problems = await problemsOf(`
connectors:
  matrix: { homeserver: 'https://bell:hunter2@m.example.org', token: { file: syt_aHVudGVy_hunter2 } }
database: { url: { file: 'postgres://bell:hunter2@db/bell' } }
skills: { bell: { token: { env: xoxb-12345678-hunter2 } } }`);
    expect(problems.map((line) => line.replace(/:\d+:\d+/, ''))).toEqual([
      'watchbell.yaml connectors.matrix.homeserver: contains a password, which would be shown and stored: write the address without it',
      expect.stringMatching(/ connectors\.matrix\.token\.file: a secret must not be written here: /),
      expect.stringMatching(/ database\.url\.file: a secret must not be written here: /),
      expect.stringMatching(/ skills\.bell\.token/),
    ]);
    expect(problems.join()).not.toContain('hunter2');
  });

  test('values that only look like secrets are accepted: in labels, and under keys `file` and `env` that are no references', async () => {
    const shelf = defineSkill({
      name: 'shelf',
      options: z.object({
        sources: z.record(z.string(), z.object({ labels: z.record(z.string(), z.string()) })),
        book: z.object({ file: z.string() }),
      }),
    });
    const path = join(directory, 'watchbell.yaml');
    const write = (token: string): Promise<void> =>
      writeFile(
        path,
        `connectors: { matrix: { homeserver: 'https://m.example.org', token: { file: ${token} } } }
skills:
  shelf:
    book: { file: 'https://books.example.org/bells.pdf' }
    sources:
      eu: { labels: { env: xapp-12345678 } }
      us: { labels: { file: 'oci://registry.example.org/chart' } }
      ap: { labels: { from: 'amqp://guest:guest@queue' } }`,
      );
    for (const name of ['token', 'mat_access_token', 'xapp-token_production']) {
      await write(name);
      expect(await loadConfig({ path, skills: [shelf], platforms, env: {} })).toMatchObject({ ok: true });
    }
    await write('syt_12345678');
    expect(await loadConfig({ path, skills: [shelf], platforms, env: {} })).toMatchObject({
      problems: [expect.stringContaining('connectors.matrix.token.file: a secret must not be written here')],
    });
  });

  test('a secret is also found in a map called labels, and in a skill that could not be loaded', async () => {
    const path = join(directory, 'watchbell.yaml');
    await writeFile(
      path,
      `connectors: { labels: { type: matrix, homeserver: 'https://u:hunter2@m.example.org', token: { file: token } } }
skills: { lost: { token: { env: ghp_12345678 } } }`,
    );
    const result = await loadConfig({ path, skills: [], platforms, env: {}, brokenSkills: ['lost'] });
    expect(result).toMatchObject({
      problems: expect.arrayContaining([
        expect.stringContaining('connectors.labels.homeserver: contains a password'),
        expect.stringContaining('skills.lost.token.env: a secret must not be written here'),
      ]),
    });
  });

  test('a secret with both keys or a wrong name is rejected with what to write', async () => {
    expect(await problemsOf('database: { url: { file: a, env: B } }')).toEqual([
      'watchbell.yaml:1:18 database.url: write one of { file: NAME } and { env: NAME }',
    ]);
    expect(await problemsOf('database: { url: { file: ../../etc/passwd } }')).toEqual([
      'watchbell.yaml:1:26 database.url.file: the name of a secret file must not contain ".."',
    ]);
  });

  test('a bare number, a boolean or nothing where an id belongs is rejected with "quote it"', async () => {
    expect(
      await problemsOf(`
connectors: { web: {} }
rooms:
  a: { in: { web: 1045678901234567890 } }
  b: { in: { web: true } }
  c:
    in:
      web: #ops:example.org
  d: { in: { web: [1e5] } }
people:
  ann: { accounts: { web: 12 } }`),
    ).toEqual([
      'watchbell.yaml:4:19 rooms.a.in.web: is a number but must be text: quote it',
      'watchbell.yaml:5:19 rooms.b.in.web: is true or false but must be text: quote it',
      'watchbell.yaml:8:12 rooms.c.in.web: is empty (a value that begins with "#" must be quoted)',
      'watchbell.yaml:9:20 rooms.d.in.web[0]: is a number but must be text: quote it',
      'watchbell.yaml:11:27 people.ann.accounts.web: is a number but must be text: quote it',
    ]);
  });

  test.each([
    ['rooms: { ops: { in: { matrix: !kfL3:example.org } } }', /1:31: .*begins with "!" must be quoted/],
    ['people: { ann: { accounts: { web: @ann } } }', /1:35: .*begins with "@".* must be quoted/],
    ['rooms: { ops: { in: { web: *ops } } }', /"\*" .*must be quoted|anchor/],
    ['a: [1, 2', /is not YAML/],
    ['a: 1\n---\nb: 2', /more than one document/],
    ['\tname: x', /is not YAML|1:1/],
    ['- a\n- b', /must be a map/],
    ['just text', /must be a map/],
    ['{ [a, b]: c }', /key that is not text/],
    ['__proto__: { polluted: true }', /key that is not text/],
    ['', /is empty: write at least/],
    ['# nothing\n', /is empty: write at least/],
    ['skills: [bell]', /skills: must be a map/],
    ['connectors: [web]', /connectors: must be a map/],
    ['connectors: { web: yes }', /connectors.web: must be a map/],
    ['skills: { plain: { a: 1 } }', /has no options/],
    ['timeZone: +02:00', /is not a time zone/],
    ['keep: { events: 1h }', /at least 7d/],
    ['http: { port: 70000 }', /is not a port/],
    ['http: { basePath: bell }', /http\.basePath: is not a path: write \/bell/],
    ['http: { basePath: /webhooks/ }', /http\.basePath: is the path of webhooks/],
    ['backlog: { maxAge: soon }', /is not a duration/],
    ['database: { host: a, url: { file: b } }', /either url, or host/],
    ['access: [{ commands: [ring] }]', /either allow or deny/],
    ['access: [{ allow: [], commands: [ring] }]', /names nobody/],
    ['people: { everyone: {} }', /is reserved in access rules/],
    ['people: { sre: { groups: [sre] } }', /also the name of a group/],
    ['people: { a: { groups: [guests] } }', /is reserved in access rules/],
  ])('%j', async (text, expected) => {
    expect((await problemsOf(text)).join('\n')).toMatch(expected);
  });

  test('a duplicate key is reported with both lines, also when one is quoted', async () => {
    expect(await problemsOf('name: a\ntimeZone: UTC\n"name": b')).toEqual([
      'watchbell.yaml:3:1 name: is a duplicate, first used in line 1',
    ]);
  });

  test('a failover cycle is reported once', async () => {
    const problems = await problemsOf(`
connectors: { web: {} }
rooms:
  a: { in: { web: a }, failover: b }
  b: { in: { web: b }, failover: c }
  c: { in: { web: c }, failover: b }`);
    expect(problems).toEqual(['watchbell.yaml:5:34 rooms.b.failover: forms a cycle: b → c → b']);
  });

  test('an account or a room in two entries is rejected', async () => {
    expect(
      await problemsOf(`
connectors: { web: {} }
rooms: { a: { in: { web: x } }, b: { in: { web: [y, x] } } }
people: { ann: { accounts: { web: u } }, bob: { accounts: { web: u } } }`),
    ).toEqual([
      'watchbell.yaml:3:49 rooms.b.in.web: is already the room "a": a room can have only one name',
      'watchbell.yaml:4:66 people.bob.accounts.web: is already the account of "ann"',
    ]);
  });

  test('binary, huge and missing files are each reported in one sentence', async () => {
    expect(await problemsOf(new Uint8Array([0xff, 0xfe, 0, 1]))).toEqual([
      'watchbell.yaml: is not a text file in UTF-8',
    ]);
    expect(await problemsOf('name: \0')).toEqual(['watchbell.yaml: is not a text file in UTF-8']);
    expect(await problemsOf('#'.repeat(1024 * 1024 + 1))).toEqual([
      'watchbell.yaml: is larger than 1 MiB, so it is not a configuration',
    ]);
    const missing = await loadConfig({ path: join(directory, 'none.yaml'), skills, platforms, env: {} });
    expect(missing).toMatchObject({ ok: false, problems: [expect.stringMatching(/no such file.*--config/)] });
  });

  test.each([
    ['deep', '['.repeat(50_000), /nested too deeply|is not YAML/],
    ['deep and closed', `a: ${'['.repeat(500)}${']'.repeat(500)}`, /cannot be read: nested too deeply/],
    [
      'an alias bomb',
      `a: &a [x,x,x,x,x,x,x,x,x,x]\n${'bcdefgh'.replace(/./g, (key, index) => `${key}: &${key} [${Array(10).fill(`*${'abcdefgh'[index]}`).join(',')}]\n`)}`,
      /cannot be read: it has too many values/,
    ],
    ['an alias of itself', 'a: &a [*a]', /cannot be read: nested too deeply/],
    [
      'many keys',
      Array.from({ length: 8_000 }, (_, index) => `k${index}: 1`).join('\n'),
      /\nand 78\d{2} more: fix these first$/,
    ],
  ])('%s is rejected quickly', async (_, text, expected) => {
    const began = performance.now();
    expect((await problemsOf(text)).join('\n')).toMatch(expected);
    expect(performance.now() - began).toBeLessThan(20_000);
  });

  test('text that a parser would expand is rejected within a small heap', async () => {
    const program = `
      import { loadContent } from './src/config/load.ts';
      const inputs = ${JSON.stringify(['"', '[', '{', '- ', '&a ', '*a ', '!a ', '[]', 'a:\n', '%\n', "a: '\n", '? ', '- |\n'])};
      for (const input of inputs) {
        const { ok } = loadContent(input.repeat(Math.floor(600_000 / input.length)), 'x', { skills: [], platforms: [], env: {} });
        if (ok) throw new Error('accepted ' + JSON.stringify(input));
      }`;
    const node = spawn(process.execPath, ['--max-old-space-size=192', '--input-type=module', '--eval', program], {
      cwd: join(import.meta.dirname, '../..'),
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const said: string[] = [];
    node.stderr.setEncoding('utf8').on('data', (text: string) => said.push(text));
    const [status] = await once(node, 'close');
    expect({ status, said: status === 0 ? '' : said.join('').slice(-2000) }).toEqual({ status: 0, said: '' });
  });

  test('no content of a file causes an exception', async () => {
    const yaml = fc.stringMatching(/^[a-z:{}[\]&*!|>'"%@`#,?\-\n $~0-9]{0,80}$/);
    await fc.assert(
      fc.asyncProperty(yaml, async (text) => {
        const result = loadContent(text, 'x', { skills, platforms, env: {} });
        if (!result.ok) expect(result.problems.length).toBeGreaterThan(0);
      }),
      { numRuns: 500 },
    );
  });

  test('any JSON under known keys yields problems with positions, not exceptions', async () => {
    const keys = fc.constantFrom(
      'connectors',
      'rooms',
      'people',
      'access',
      'skills',
      'schedules',
      'http',
      'database',
      'timeIntervals',
    );
    await fc.assert(
      fc.asyncProperty(fc.dictionary(keys, fc.jsonValue({ maxDepth: 3 })), async (value) => {
        const result = loadContent(JSON.stringify(value), 'x', { skills, platforms, env: {} });
        if (!result.ok)
          for (const problem of result.problems) expect(problem).toMatch(/^x(?::\d+:\d+)?(?: \S.*)?: \S/s);
      }),
      { numRuns: 500 },
    );
  });
});

describe('YAML', () => {
  test('on, no, y and yes stay text, also as names', async () => {
    const { config } = await loaded(
      `connectors: { web: {} }\nrooms: { on: { in: { web: no } }, y: { in: { web: yes }, failover: on } }`,
    );
    expect(config.rooms).toEqual({ on: { in: { web: ['no'] } }, y: { in: { web: ['yes'] }, failover: 'on' } });
  });

  test('a long number as a key keeps its digits', async () => {
    const { config } = await loaded('connectors: { web: {} }\nrooms: { 1045678901234567890: { in: { web: a } } }');
    expect(Object.keys(config.rooms)).toEqual(['1045678901234567890']);
  });

  test('anchors may be used', async () => {
    const { config } = await loaded(
      'connectors: { web: {} }\nrooms: { a: { in: { web: [&id x] } } }\npeople: { ann: { accounts: { web: *id } } }',
    );
    expect(config.people['ann']?.accounts).toEqual({ web: 'x' });
  });

  test('an entry with nothing below it counts as present', async () => {
    const { config } = await loaded('connectors:\n  web:\nrooms:\nskills:\n  plain:\n');
    expect(config.connectors).toEqual({ web: { type: 'web' } });
  });
});

describe('a directory', () => {
  async function loadDirectory(files: Record<string, string>): Promise<LoadResult> {
    for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
    return loadConfig({ path: directory, skills, platforms, env: {} });
  }

  test('is merged by key, in order, ignoring hidden and other files', async () => {
    const result = await loadDirectory({
      '10-base.yaml': 'connectors: { web: {} }\nrooms: { a: { in: { web: a } } }',
      '20-team.yml': 'rooms: { b: { in: { web: b }, failover: a } }',
      '.hidden.yaml': 'name: hidden',
      'notes.txt': 'no: yes',
      'empty.yaml': '',
    });
    expect(result).toMatchObject({ ok: true, config: { name: 'watchbell', rooms: { a: {}, b: { failover: 'a' } } } });
    expect(result.ok && result.sources.map((name) => name.slice(directory.length + 1))).toEqual([
      '10-base.yaml',
      '20-team.yml',
      'empty.yaml',
    ]);
  });

  test('the same key in two files is reported with both files', async () => {
    const result = await loadDirectory({ 'a.yaml': 'name: x\nconnectors: { web: {} }', 'b.yaml': 'name: y' });
    expect(result).toMatchObject({
      ok: false,
      problems: [`${directory}/b.yaml:1:7 name: is also in ${directory}/a.yaml:1:7: set it in only one of them`],
    });
  });

  test('problems name the file they are in', async () => {
    const result = await loadDirectory({
      'a.yaml': 'connectors: { web: {} }',
      'b.yaml': 'rooms:\n  a: { in: { web: a }, failover: z }',
    });
    expect(result).toMatchObject({
      ok: false,
      problems: [`${directory}/b.yaml:2:34 rooms.a.failover: no room is called "z"`],
    });
  });

  test('mounted by Kubernetes is read once, through its symlinks', async () => {
    await mkdir(join(directory, '..2026_01'));
    await writeFile(join(directory, '..2026_01', 'a.yaml'), GOOD);
    await symlink('..2026_01', join(directory, '..data'));
    await symlink(join('..data', 'a.yaml'), join(directory, 'a.yaml'));
    const result = await loadConfig({ path: directory, skills, platforms, env: {} });
    expect(result.ok && result.sources).toEqual([join(directory, 'a.yaml')]);
  });

  test('without a file is one problem', async () => {
    expect(await loadDirectory({})).toMatchObject({
      ok: false,
      problems: [expect.stringContaining('has no *.yaml file')],
    });
  });
});

describe('the environment', () => {
  test('${NAME} and its default are replaced in values, and $$ is a dollar', async () => {
    const { config } = await loaded(
      'name: ${BOT:-bell}\ntimeZone: "${ZONE}"\npeople: { ann: { name: "$$5 ${EMPTY:-x}$" } }\nhttp:\n  port: ${WEB_PORT}',
      {
        ZONE: 'Europe/Berlin',
        WEB_PORT: '9090',
        EMPTY: '',
      },
    );
    expect(config).toMatchObject({
      name: 'bell',
      timeZone: 'Europe/Berlin',
      http: { port: 9090 },
      people: { ann: { name: '$5 x$' } },
    });
  });

  test('an unset variable is reported with its position', async () => {
    expect(await problemsOf('connectors: { web: {} }\nname: a${MISSING}')).toEqual([
      expect.stringMatching(/^watchbell\.yaml:2:7 name: the variable MISSING is not set/),
      expect.stringMatching(/^watchbell\.yaml:2:7 name: is not a name/),
    ]);
  });

  test('a variable cannot inject YAML structure', async () => {
    const { config } = await loaded('people:\n  ann:\n    name: ${X}', { X: 'a\nevil: { groups: [admins] }' });
    expect(config.people['ann']).toEqual({ name: 'a\nevil: { groups: [admins] }', accounts: {}, groups: [] });
  });

  test('a variable that Kubernetes set for a Service called ops is ignored with a warning', async () => {
    const result = (await load('name: a\nhttp: { opsPort: 9000 }', {
      OPS_PORT: 'tcp://10.0.0.1:80',
      WATCHBELL_PORT: 'tcp://10.0.0.2:80',
    })) as Loaded;
    expect(result.config.http.opsPort).toBe(9000);
    expect(result.warnings.filter((warning) => warning.startsWith('environment'))).toEqual([
      'environment: OPS_PORT is ignored: Kubernetes set it to the address of a Service called "ops", which is not a port (enableServiceLinks: false in the pod avoids this)',
    ]);
  });

  test('such a variable in place of a port is rejected with an explanation', async () => {
    expect(
      await problemsOf('name: a\nhttp: { port: "${WATCHBELL_PORT:-8080}" }', { WATCHBELL_PORT: 'tcp://10.0.0.2:80' }),
    ).toEqual([
      expect.stringContaining(
        'http.port: is the address of a Service, which Kubernetes sets in variables called NAME_PORT: write a number',
      ),
    ]);
  });

  test('PORT, OPS_PORT and DATABASE_URL override the file', async () => {
    const { config } = await loaded('http: { port: 1 }', {
      PORT: '8000',
      OPS_PORT: '8001',
      DATABASE_URL: 'postgres://x',
    });
    expect(config).toMatchObject({ http: { port: 8000, opsPort: 8001 }, database: { url: { env: 'DATABASE_URL' } } });
    expect(await problemsOf('name: a', { PORT: 'http' })).toEqual([
      'environment: PORT is not a port: write a number from 1 to 65535',
    ]);
  });
});

test('a skill that is off, or whose folder is broken, affects nothing else', async () => {
  const path = join(directory, 'watchbell.yaml');
  await writeFile(path, `${GOOD}\nskills: { bell: false, lost: { a: 1 } }`);
  const result = await loadConfig({ path, skills, platforms, env: {}, brokenSkills: ['lost'] });
  expect(result).toMatchObject({
    ok: true,
    disabled: [{ skill: 'bell', because: 'it is turned off' }, { skill: 'needy' }],
    warnings: [expect.stringContaining('skills.lost: this skill could not be loaded and is off')],
  });
  expect(result.ok && Object.keys(result.config.skills)).toEqual(['plain']);
});

test('an access rule for an unknown command is a warning with the nearest one', async () => {
  const { warnings } = await loaded(
    `${GOOD}\naccess: [{ deny: [everyone], commands: [rign, job, job run, 'skill:bell'] }]`,
  );
  expect(warnings).toEqual([
    expect.stringMatching(/commands\[0\]: no command begins with "rign"; did you mean "ring"\?$/),
  ]);
});

test('a platform in an access rule means each connector of that type', async () => {
  const { config } = await loaded(
    "connectors: { web: {}, site: { type: web }, memory: {} }\naccess: [{ deny: ['platform:web', guests] }]",
  );
  expect(config.access[0]?.deny).toEqual(['platform:web', 'platform:site', 'guests']);
});

test('a skill whose check throws is reported as a problem', async () => {
  const path = join(directory, 'watchbell.yaml');
  await writeFile(path, 'skills: { odd: {} }');
  const odd = defineSkill({
    name: 'odd',
    options: z.object({}),
    check: () => {
      throw new Error('boom');
    },
  });
  expect(await loadConfig({ path, skills: [odd], platforms, env: {} })).toMatchObject({
    ok: false,
    problems: [expect.stringContaining('could not check its options: boom')],
  });
});

test('the stored content yields the same configuration again, without substituting twice', async () => {
  const first = await loaded(
    'name: ${BOT:-bell}\nconnectors: { web: { password: { file: pw } } }\npeople: { ann: { name: "$${HOME}" } }',
  );
  const again = loadContent(first.content, 'generation 1', { skills, platforms, env: {} });
  expect(again).toMatchObject({ ok: true, hash: first.hash, config: first.config });
  expect(first.config.people['ann']?.name).toBe('${HOME}');
});

test('a configuration with a secret, stored by an earlier release, can still be used', async () => {
  const content = JSON.stringify({
    connectors: { matrix: { homeserver: 'https://bell:hunter2@m.example.org', token: { file: 'syt_12345678' } } },
    skills: { bell: { token: { env: 'ghp_12345678' } } },
  });
  expect(await problemsOf(content)).toHaveLength(3);
  expect(loadContent(content, 'the last good configuration', { skills, platforms, env: {} })).toMatchObject({
    ok: true,
    content,
  });
});

test('the directories of further skills are known before the rest is checked', async () => {
  const path = join(directory, 'watchbell.yaml');
  await writeFile(path, 'skillDirectories: [mine, 7]\nnonsense: true');
  expect(await readSkillDirectories(path, {})).toEqual([join(directory, 'mine')]);
  expect(await readSkillDirectories(join(directory, 'none'), {})).toEqual([]);
});
