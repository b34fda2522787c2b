import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';
import { loadConfig, loadContent, type LoadResult } from '../../src/config/load.ts';
import { PLATFORMS } from '../../src/connectors/platforms.ts';
import { allSkills, brokenNames } from '../../src/cli/read-configuration.ts';
import { BUILT_IN_SKILLS, loadSkills } from '../../src/skills/load.ts';
import { DATABASE, render } from './render.ts';

const EXAMPLE = resolve(import.meta.dirname, '../../docs/reference/example.yaml');
const folders = await loadSkills([BUILT_IN_SKILLS]);
const reading = {
  skills: allSkills(folders),
  brokenSkills: brokenNames(folders),
  platforms: PLATFORMS,
  env: { TEAM: 'from the environment' },
};

/** The files that the bot reads in its pod: those of the rendered ConfigMap. */
async function readInPod(values: object): Promise<LoadResult> {
  const { data } = (await render(values, { more: ['--skip-schema-validation'] })).one(
    'ConfigMap',
    'bell-watchbell',
  ) as unknown as {
    data: Record<string, string>;
  };
  const directory = await mkdtemp(join(tmpdir(), 'watchbell-config-'));
  try {
    for (const [name, content] of Object.entries(data)) await writeFile(join(directory, name), content);
    return await loadConfig({ ...reading, path: directory });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Without the positions, which differ. */
function problemsOf(result: LoadResult): string[] {
  return result.ok ? [] : result.problems.map((line) => line.replace(/^\S*:\d+:\d+ /, '')).sort();
}

test('the reference example is the same in the pod as for `watchbell check`', async () => {
  const written = await loadConfig({ ...reading, path: EXAMPLE });
  const inPod = await readInPod({ ...DATABASE, config: parse(await readFile(EXAMPLE, 'utf8')) as object });
  expect(problemsOf(inPod)).toEqual(problemsOf(written));
  expect(inPod.ok).toBe(written.ok);
  if (written.ok && inPod.ok) expect(JSON.parse(inPod.content)).toEqual(JSON.parse(written.content));
});

test('Helm keeps every value unchanged: YAML 1.1 booleans, dates, long ids, quotes, dollars, templates', async () => {
  const config = {
    name: 'bell',
    database: { url: { file: 'database-uri' } },
    connectors: { memory: {} },
    rooms: {
      no: {
        in: { memory: ['1045678901234567890', 'yes', '09:00', '2026-01-05', '0x1F', '1e3', ' spaces ', 'ünï: #x'] },
      },
    },
    skills: {
      alerts: {
        sources: { y: { tokens: [{ file: 'on' }] } },
        message: {
          links: { logs: 'https://x/${TEAM}?q=$1&$$x', raw: 'https://x/{{ .Values.global }}{{`x`}}' },
          origin: 'a\nb',
        },
        route: { rooms: ['no'], routes: [{ matchers: ['a=~"^b$"', "c!='d'"], drop: true }] },
      },
    },
  };
  const written = loadContent(JSON.stringify(config), 'as written', reading);
  const inPod = await readInPod({ config });
  expect(problemsOf(inPod)).toEqual([]);
  expect(written.ok && inPod.ok && JSON.parse(inPod.content)).toEqual(written.ok && JSON.parse(written.content));
});

test('the database address comes from the chosen Secret, unless the configuration sets it', async () => {
  const database = { ok: true, config: { database: { url: { file: 'database-uri' } } } };
  expect(await readInPod({ ...DATABASE, config: { name: 'bell' } })).toMatchObject(database);
  const own = await readInPod({ config: { database: { host: 'db.example.org' } } });
  expect(own).toMatchObject({ ok: true, config: { database: { host: 'db.example.org' } } });
});

test('skills from ConfigMaps are loaded, in addition to configured directories', async () => {
  const from = await readInPod({ ...DATABASE, skillConfigMaps: ['standup'], config: { name: 'bell' } });
  expect(from).toMatchObject({ ok: true, config: { skillDirectories: ['/skills'] } });
  const own = await readInPod({ ...DATABASE, skillConfigMaps: ['standup'], config: { skillDirectories: ['/mine'] } });
  expect(own).toMatchObject({ ok: true, config: { skillDirectories: ['/mine', '/skills'] } });
});
