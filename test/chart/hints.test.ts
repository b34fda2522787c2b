/** For values of a wrong type, helm says what to write instead. */
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
  ['a number for a tag', '/image/tag', 'text, in quotes'],
  ['a number where a pattern is required', '/backup/to', 'text, in quotes'],
  ['a bare number for an id', '/in/discord', 'text, in quotes'],
  ['hosts in the form of other charts', '/ingress/hosts', 'a list of names: ['],
  ['one room instead of a list', '/route/rooms', 'a list of names: ['],
  ['a plain-text token', '/matrix/token', '{ file: NAME }'],
  ['a plain-text token of a source', '/prod/tokens/0', '{ file: NAME }'],
  ["other charts' name for replicas", '/replicaCount', 'use replicas'],
  ["other charts' name for extraEnv", '/env', 'use extraEnv'],
])('for %s helm says what to write', (_, where, what) => {
  expect(said.filter((line) => line.includes(`${where}'`))).toContainEqual(expect.stringContaining(what));
});

test('a text that looks like a number may be quoted', async () => {
  const { one } = await render({ ...DATABASE, image: { tag: '1.10' } });
  expect(one('Deployment')['spec'].template.spec.containers[0].image).toBe('ghcr.io/watchbell/watchbell:1.10');
});
