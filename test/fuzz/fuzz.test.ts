import { fuzz } from './fuzz.ts';
import { createTargets, type Target } from './targets.ts';

/** The short version; `npm run fuzz` is the long one, and measures time, alone on its machine. */
let targets: readonly Target[] = [];
beforeAll(async () => {
  targets = await createTargets();
});
afterAll(async () => {
  for (const target of targets) await target.close?.();
});

test.each(['webhook bodies', 'chat lines', 'configuration files', 'secrets', 'HTTP requests'])(
  'nothing that comes as %s throws',
  async (name) => {
    const target = targets.find((one) => one.name === name);
    if (!target) throw new Error(`unknown target ${name}`);
    expect(await fuzz(target, { runs: 300, seed: 20261128, mostMs: Infinity })).toEqual({ findings: [], ran: 300 });
  },
);
