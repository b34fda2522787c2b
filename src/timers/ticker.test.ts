import { openDatabase, type OpenDatabase } from '../../test/harness/database.ts';
import { until } from '../../test/harness/until.ts';
import { ClockShift, createClock } from '../clock.ts';
import { defineSkill, type Cron, type Log, type Skill } from '../skill.ts';
import { cronsOf } from './cron-specs.ts';
import { Ticker } from './ticker.ts';

let home: OpenDatabase;
beforeAll(async () => {
  home = await openDatabase();
  await home.database.query(
    `insert into leases (name, holder, epoch, expires_at) values ('cron', gen_random_uuid(), 1, 'infinity')`,
  );
});
afterAll(() => home.close());

const logged: unknown[] = [];
const log: Log = {
  ...{ debug: () => {}, info: () => {}, warn: () => {} },
  error: (fields) => {
    const { skill, reason } = fields as { skill: string; reason: string };
    logged.push([skill, reason]);
  },
};
const loaded = (name: string, schedule: Cron['schedule']) =>
  [name, { skill: defineSkill({ name, crons: { tick: { schedule, run: () => {} } } }) as Skill<unknown> }] as const;

test('crons with an invalid schedule are logged once each, and the others tick', async () => {
  let reason = 'no room is configured';
  let looks = 0;
  const skills = new Map(
    [
      loaded('throws', () => {
        throw new Error(reason);
      }),
      loaded('bad', () => '61 * * * *'),
      loaded('good', () => '* * * * *'),
    ].map(([name, one]) => [name, { ...one, options: {}, rooms: undefined, log }]),
  );
  const shift = new ClockShift();
  const ticker = new Ticker({
    database: home.database,
    clock: createClock(shift),
    crashPoint: () => {},
    known: () => [],
    crons: () => {
      looks++;
      return cronsOf({ skills, timeZone: 'UTC' }, [...skills.keys()]);
    },
    cronLease: () => ({ name: 'cron', epoch: 1, leftMs: () => 1000, signal: new AbortController().signal }),
    log,
    afterCommit: { eventsAccepted: () => {} },
  });
  const lookAgain = async (): Promise<void> => {
    // A look has ended when the next one begins.
    for (const _ of [1, 2]) {
      const before = looks;
      ticker.wakeCrons();
      await until(() => looks > before);
    }
  };
  ticker.start();
  await until(() => looks > 0);
  shift.move(60_000);
  const ticks = () => home.database.query(`select skill from events where kind = 'cron'`);
  await until(async () => (await ticks()).length > 0);
  await lookAgain();
  expect(logged).toEqual([
    ['throws', 'no room is configured'],
    ['bad', expect.stringContaining('61')],
  ]);
  reason = 'no person is configured';
  await lookAgain();
  ticker.stop();
  expect(logged.slice(2)).toEqual([['throws', 'no person is configured']]);
  expect(new Set((await ticks()).map(({ skill }) => skill))).toEqual(new Set(['good']));
});
