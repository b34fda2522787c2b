import { createCoffeeSetting, type CoffeeSetting } from '../soak/coffee.ts';

let setting: CoffeeSetting;
afterEach(() => setting.close());

test('the command line shows a round before it is made, and refuses what it does not understand', async () => {
  setting = await createCoffeeSetting(5, 1);
  await setting.replicas[0]?.start();
  const dry = await setting.cli('pair', 'random', '--dry-run', '--explain', 'pia');
  expect(dry.output).toMatch(/^Round 1, seed \d+: 5 people, 1 pair and a trio\.\n/);
  expect(dry.output).toMatch(/\nPia: with .*\n {2}4 of 4 not met yet\./);
  expect(dry.status).toBe(0);
  const round = await setting.cli('pair', 'random');
  expect(dry.output.startsWith(round.output)).toBe(true);
  expect(await setting.cli('pair', 'kitchen')).toMatchObject({
    status: 2,
    output: expect.stringContaining('there is no coffee round or room called "kitchen"; configured rounds: random'),
  });
  expect(await setting.cli('pair', 'random', '--explain', 'pia')).toMatchObject({ status: 2 });
}, 60_000);
