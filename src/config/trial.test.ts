import { decide } from '../commands/access.ts';
import { PLATFORMS as platforms } from '../connectors/platforms.ts';
import { createPeople } from '../people/people.ts';
import { BUILT_IN_SKILLS, loadSkills } from '../skills/load.ts';
import { loadTrialConfig } from './trial.ts';

const { skills } = await loadSkills([BUILT_IN_SKILLS]);

test.each([true, false])('with a terminal: %p, the trial loads and its user may do everything', (console) => {
  const result = loadTrialConfig({
    platforms,
    skills: skills.map(({ skill }) => skill),
    env: {},
    console,
    tokenFile: '/data/token',
  });
  if (!result.ok) throw new Error(result.problems.join('\n'));
  const { config } = result;
  expect(Object.keys(config.connectors)).toEqual(console ? ['web', 'console'] : ['web']);
  expect(result.warnings).toEqual([]);
  expect(config.skills).toHaveProperty('alerts.sources.default.tokens', [{ file: '/data/token' }]);
  for (const connector of Object.keys(config.connectors)) {
    const person = createPeople(config).byAccount(connector, 'local');
    const actor = {
      kind: 'account' as const,
      connector,
      accountId: 'local',
      name: 'You',
      person: person?.id,
      groups: person?.groups ?? [],
      guest: false,
      bot: false,
    };
    const question = {
      actor,
      skill: 'alerts',
      command: 'close',
      class: 'admin',
      room: 'lobby',
      direct: false,
    } as const;
    expect(decide(config.access, question).allow).toBe(true);
  }
});

test('environment variables apply to a trial too', () => {
  const result = loadTrialConfig({
    platforms,
    skills: [],
    env: { PORT: '9000' },
    console: false,
    tokenFile: '/data/token',
    brokenSkills: ['alerts'],
  });
  expect(result).toMatchObject({ ok: true, config: { http: { port: 9000 } } });
});
