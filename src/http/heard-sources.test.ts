import { openDatabase, type OpenDatabase } from '../../test/harness/database.ts';
import { ClockShift, createClock } from '../clock.ts';
import { configSchema } from '../config/schema.ts';
import type { Database } from '../db/database.ts';
import { createLogger } from '../log.ts';
import { createMetrics } from '../metrics.ts';
import { buildRegistry } from '../registry/build-registry.ts';
import type { Registry } from '../registry/registry.ts';
import { defineSkill } from '../skill.ts';
import { forgetSources, HeardSources, writeHeard } from './heard-sources.ts';

let home: OpenDatabase;
let database: Database;
const shift = new ClockShift();
const clock = createClock(shift);
const log = createLogger({ level: 'silent' });

beforeEach(async () => {
  shift.set(0);
  home = await openDatabase();
  database = home.database;
});
afterEach(async () => {
  await home.close();
});

function worldWith(...sources: string[]): Registry {
  const bell = defineSkill<unknown>({
    name: 'bell',
    webhooks: { bell: { verify: () => undefined, sources: () => sources, run: () => {} } },
  });
  return buildRegistry({
    platforms: [],
    config: configSchema.parse({ skills: { bell: {} } }),
    skills: [bell],
    generation: 1,
    skillLog: () => log,
  });
}

/** One replica; `exported` returns its metrics in seconds after `began`, rounded to ten. */
function replica(registry: Registry, began = clock.now().getTime() / 1000) {
  const metrics = createMetrics({ version: 'test', ofProcess: false });
  const state = { registry };
  const sources = new HeardSources({ database, clock, metrics, log, registry: () => state.registry });
  return {
    sources,
    state,
    async exported() {
      const { values } = await metrics.webhookLastReceived.get();
      return Object.fromEntries(
        values.map(({ labels, value }) => [labels.source, Math.round((value - began) / 10) * 10 + 0]),
      );
    },
  };
}

test('a source that never posted counts from when it was first configured, on each replica and after a restart', async () => {
  const registry = worldWith('prod', 'staging');
  const one = replica(registry);
  await one.sources.update();
  expect(await one.exported()).toEqual({ 'bell/prod': 0, 'bell/staging': 0 });
  const began = clock.now().getTime() / 1000;
  shift.set(3_600_000);
  const other = replica(registry, began);
  await other.sources.update();
  expect(await other.exported()).toEqual({ 'bell/prod': 0, 'bell/staging': 0 });
});

test('all replicas, also later ones, know what one of them received', async () => {
  const registry = worldWith('prod', 'staging');
  const [one, other] = [replica(registry), replica(registry)];
  await one.sources.update();
  shift.set(600_000);
  one.sources.heard('bell/prod');
  await one.sources.update();
  await other.sources.update();
  const later = replica(registry, clock.now().getTime() / 1000 - 600);
  await later.sources.update();
  for (const each of [one, other, later])
    expect(await each.exported()).toEqual({ 'bell/prod': 600, 'bell/staging': 0 });
});

test('the database is written once a minute, however often a source posts, and once more at stop', async () => {
  const one = replica(worldWith('prod'));
  const writes = async (): Promise<string | undefined> =>
    (await database.query<{ xmin: string }>('select xmin::text from webhook_sources'))[0]?.xmin;
  await one.sources.update();
  const first = await writes();
  for (let ms = 10_000; ms <= 50_000; ms += 10_000) {
    shift.set(ms);
    one.sources.heard('bell/prod');
    await one.sources.update();
  }
  expect(await writes()).toBe(first);
  expect(await one.exported()).toEqual({ 'bell/prod': 50 });
  shift.set(70_000);
  one.sources.heard('bell/prod');
  await one.sources.update();
  const second = await writes();
  expect(second).not.toBe(first);
  shift.set(80_000);
  one.sources.heard('bell/prod');
  await one.sources.update();
  expect(await writes()).toBe(second);
  await one.sources.stop();
  expect(await writes()).not.toBe(second);
});

test('a late write of an earlier time does not move the time back', async () => {
  const one = replica(worldWith('prod'));
  await one.sources.update();
  const earlierMs = clock.now().getTime();
  shift.set(200_000);
  one.sources.heard('bell/prod');
  await one.sources.stop();
  await writeHeard(database.query, new Map([['bell/prod', earlierMs]]));
  const later = replica(one.state.registry, earlierMs / 1000);
  await later.sources.update();
  expect(await later.exported()).toEqual({ 'bell/prod': 200 });
});

test('a removed source is not exported, and one that returns counts from then', async () => {
  const one = replica(worldWith('prod', 'staging'));
  await one.sources.update();
  one.sources.heard('bell/staging');
  one.state.registry = worldWith('prod');
  await one.sources.update();
  expect(await one.exported()).toEqual({ 'bell/prod': 0 });
  await forgetSources(database.query, ['bell/prod']);
  shift.set(600_000);
  one.state.registry = worldWith('prod', 'staging');
  await one.sources.update();
  expect(await one.exported()).toEqual({ 'bell/prod': 0, 'bell/staging': 600 });
});

test('a failed update leaves the gauges unchanged', async () => {
  const one = replica(worldWith('prod'));
  await one.sources.update();
  await database.query('drop table webhook_sources');
  await one.sources.update();
  expect(await one.exported()).toEqual({ 'bell/prod': 0 });
});
