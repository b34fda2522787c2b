import { createCoffeeSetting, killDuring, roundIsOver, verifyTold, type CoffeeSetting } from './coffee.ts';

// The soak test for a release: WATCHBELL_COFFEE_KILLS=60 npm run test:soak -- coffee
const KILLS = Number(process.env['WATCHBELL_COFFEE_KILLS'] ?? 9);
const PEOPLE = 200;

let setting: CoffeeSetting;
afterEach(() => setting.close());

test(
  'killed at any step of a round of 200, nobody is told twice and nobody is missed',
  async () => {
    setting = await createCoffeeSetting(PEOPLE, 2);
    await Promise.all(setting.replicas.map((replica) => replica.start()));
    // Slow enough that kills happen in the middle, as on a real homeserver.
    await setting.homeserver.setRoomRate({ perSecond: Math.min(8, 60 / KILLS), burst: 1, pauseMs: 20 });
    const asked = setting.cli('pair', 'random', '--wait', '60');
    const kills = await killDuring(setting, KILLS, 7);
    expect([...kills.values()].reduce((sum, count) => sum + count, 0)).toBe(KILLS);
    await setting.homeserver.setRoomRate(null);
    await roundIsOver(setting, { ms: 90_000 });
    expect(await verifyTold(setting, PEOPLE)).toEqual([]);
    expect((await asked).status).toBe(0);
    expect((await setting.cli('pair', 'random')).output).toMatch(
      /^Round 1 of random started .* ago, so no new one was started\.$/,
    );
    expect(setting.replicas.flatMap((replica) => replica.failures)).toEqual([]);
  },
  KILLS * 20_000 + 240_000,
);
