/** What helm says of values of a wrong shape: what to write instead. */
import { DATABASE, render } from './render.ts';

const WRONG = {
  ...DATABASE,
  replicaCount: 2,
  env: [],
  image: { tag: 1.1 },
  backup: { to: 3 },
  ingress: { hosts: [{ host: 'b' }] },
  config: {
    connectors: { matrix: { homeserver: 'https://m.example.org', token: 'syt_x' } },
    rooms: { pay: { in: { discord: 1045678901234567 } } },
    skills: { alerts: { sources: { prod: { tokens: ['x'] } }, route: { rooms: 'ops' } } },
  },
};
let said: string[];
beforeAll(async () => {
  said = await render(WRONG).then(
    () => [],
    (error: Error) => error.message.split('\n'),
  );
});

test.each([
  ['a number for a tag', '/image/tag', 'a text, in quotes'],
  ['a number for what has a pattern', '/backup/to', 'a text, in quotes'],
  ['a bare number for an id', '/in/discord', 'a text, in quotes'],
  ['hosts as other charts have them', '/ingress/hosts', 'a list of names: ['],
  ['one room instead of a list', '/route/rooms', 'a list of names: ['],
  ['a token in plain', '/matrix/token', '{ file: NAME }'],
  ['a token of a source in plain', '/prod/tokens/0', '{ file: NAME }'],
  ['the name that other charts have for replicas', '/replicaCount', 'written as replicas'],
  ['the name that other charts have for extraEnv', '/env', 'written as extraEnv'],
])('of %s helm says what to write', (_, where, what) => {
  expect(said.filter((line) => line.includes(`${where}'`))).toContainEqual(expect.stringContaining(what));
});

test('a text that looks like a number may be quoted', async () => {
  const { one } = await render({ ...DATABASE, image: { tag: '1.10' } });
  expect(one('Deployment')['spec'].template.spec.containers[0].image).toBe('ghcr.io/watchbell/watchbell:1.10');
});
