import { checkAlerts } from './check.ts';
import { alertOptions, type AlertOptions } from './options.ts';
import { destinationsOf, roomsOf } from './route.ts';

const optionsWith = (route: unknown, more: object = {}): AlertOptions =>
  alertOptions.parse({
    sources: { prod: { tokens: [{ file: 't' }] } },
    policies: { page: { remindEvery: '30m' } },
    route,
    ...more,
  });

const example = optionsWith({
  rooms: ['ops'],
  routes: [
    { matchers: ['alertname=~"Watchdog|InfoInhibitor"'], drop: true },
    {
      matchers: ['namespace=~"pay.*"'],
      rooms: ['payments'],
      schedule: 'primary',
      routes: [
        { matchers: ['severity="critical"'], policy: 'page' },
        { matchers: ['severity="warning"'], show: 'group' },
      ],
    },
    { from: { source: 'prod', receiver: 'legacy' }, rooms: ['ops', 'oncall'], continue: true },
    { matchers: ['team="db"'], rooms: ['db'] },
  ],
}).route;

function sent(labels: Record<string, string>, receiver = 'r') {
  if (!example) throw new Error('no route');
  return destinationsOf(example, labels, { source: 'prod', receiver }).map(({ rooms, show, policy, schedule }) => [
    rooms.join('+'),
    show,
    policy,
    schedule,
  ]);
}

test('an alert that matches no child goes to the rooms of the root', () => {
  expect(sent({ alertname: 'X' })).toEqual([['ops', 'alert', null, null]]);
});

test('a child inherits what it leaves out', () => {
  expect(sent({ namespace: 'payments', severity: 'critical' })).toEqual([['payments', 'alert', 'page', 'primary']]);
  expect(sent({ namespace: 'payments', severity: 'warning' })).toEqual([['payments', 'group', null, 'primary']]);
  expect(sent({ namespace: 'payments', severity: 'info' })).toEqual([['payments', 'alert', null, 'primary']]);
});

test('a dropped alert has no destination', () => {
  expect(sent({ alertname: 'Watchdog', namespace: 'payments' })).toEqual([]);
});

test('after a continue the next routes are tried as well, by source and receiver too', () => {
  expect(sent({ team: 'db' }, 'legacy').map(([rooms]) => rooms)).toEqual(['ops+oncall', 'db']);
  expect(sent({ team: 'db' }, 'other').map(([rooms]) => rooms)).toEqual(['db']);
});

test('roomsOf returns every room of the tree', () => {
  expect(roomsOf(example)).toEqual(['ops', 'payments', 'oncall', 'db']);
});

const NAMES = {
  rooms: ['ops', 'payments'],
  people: ['ann'],
  groups: ['sre'],
  schedules: ['primary'],
  timeIntervals: ['office'],
};
const problems = (route: unknown, more: object = {}): string[] =>
  checkAlerts(optionsWith(route, more), NAMES).map(({ path, message }) => `${path.join('.')}: ${message}`);

test('an unknown room is reported with its path and the nearest name', () => {
  expect(problems({ rooms: ['opps'] })).toEqual(['route.rooms.0: no room is called "opps"; did you mean "ops"?']);
  expect(problems({ rooms: ['osp'] })).toEqual(['route.rooms.0: no room is called "osp"; did you mean "ops"?']);
});

test('every kind of reference is checked', () => {
  const found = problems(
    {
      rooms: ['ops'],
      schedule: 'secondary',
      policy: 'pager',
      routes: [{ matchers: ['a=b'], active: ['nights'], from: { source: 'dev' } }],
    },
    {
      policies: {
        page: {
          steps: [
            {
              after: '5m',
              notify: [{ room: 'x' }, { person: 'carl' }, { group: 'y' }, { oncall: 'z' }, { oncall: 'route' }],
            },
            { after: '0m', notify: [{ person: 'ann' }] },
          ],
        },
      },
    },
  );
  expect(found.map((line) => line.split(':')[0])).toEqual([
    'route.policy',
    'route.schedule',
    'route.routes.0.active.0',
    'route.routes.0.from.source',
    'policies.page.steps.0.notify.0.room',
    'policies.page.steps.0.notify.1.person',
    'policies.page.steps.0.notify.2.group',
    'policies.page.steps.0.notify.3.oncall',
    'policies.page.steps.1.after',
  ]);
});

test('unreachable routes are reported', () => {
  const found = problems({
    rooms: ['ops'],
    routes: [
      { matchers: ['a=b', 'c=d'], rooms: ['ops'] },
      { matchers: ['c="d"', 'a="b"'], rooms: ['payments'] },
      { matchers: ['x=y'], continue: true },
      { matchers: ['x=y'] },
      { rooms: ['payments'] },
      { matchers: ['z=z'] },
    ],
  });
  expect(found.map((line) => line.split(': this')[0])).toEqual(['route.routes.1', 'route.routes.5']);
});

test('a source requires a route; without sources nothing is required', () => {
  expect(problems(undefined)[0]).toMatch(/^route: required when there is a source/);
  expect(checkAlerts(alertOptions.parse({}), NAMES)).toEqual([]);
});

test('invalid matchers and durations are reported with their path', () => {
  const parsed = alertOptions.safeParse({
    route: { rooms: ['ops'], routes: [{ matchers: ['a=~"("'] }] },
    policies: { p: { remindEvery: 'soon' } },
  });
  expect(parsed.error?.issues.map((issue) => issue.path.join('.'))).toEqual([
    'route.routes.0.matchers.0',
    'policies.p.remindEvery',
  ]);
});
