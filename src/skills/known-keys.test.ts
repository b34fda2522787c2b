import { unknownKeys } from './known-keys.ts';

test('a key that this release does not know is named with its place and the nearest one', () => {
  const run = (): void => {};
  expect(
    unknownKeys({
      name: 'deploys',
      webhook: {},
      webhooks: { github: { verify: run, sources: run, rejects: run, run } },
      services: { watch: { events: {}, run } },
      commands: { 'deploy {env}': { help: 'deploys', clas: 'act', run } },
      histograms: { seconds: { help: 'how long', buckets: [1] } },
    }),
  ).toEqual([
    'webhook is unknown; did you mean "webhooks"?',
    'commands.deploy {env}.clas is unknown; did you mean "class"?',
    'webhooks.github.rejects is unknown; did you mean "reject"?',
  ]);
});

test('commands that are made from the options are left to the compiler', () => {
  expect(unknownKeys({ name: 'jobs', commands: () => ({}) })).toEqual([]);
});
