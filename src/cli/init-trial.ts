import { loadContent } from '../config/load.ts';
import type { Secrets } from '../config/secrets.ts';
import type { Environment } from '../config/substitute.ts';
import type { Finding, JsonValue, Platform } from '../connectors/connector.ts';
import { StartFailed } from '../errors.ts';
import { BUILT_IN_SKILLS, loadSkills } from '../skills/load.ts';
import { examineConnector } from './examine-connector.ts';
import type { Answers } from './init-answers.ts';
import { configText } from './init-config.ts';
import { allSkills, brokenNames } from './read-configuration.ts';

export interface TrialOptions {
  readonly platforms: readonly Platform[];
  /** Named in problems. */
  readonly configFile: string;
  /** For secrets that the answers do not replace. */
  readonly secrets: Secrets;
  readonly env: Environment;
}

/** Checks what would be written, then the account and the room. Writes nothing, and needs no database. */
export async function tryAnswers(answers: Answers, options: TrialOptions): Promise<Finding[]> {
  const { type, room, secrets } = answers;
  const { platforms, env } = options;
  const folders = await loadSkills([BUILT_IN_SKILLS]);
  const reading = { platforms, env, skills: allSkills(folders), brokenSkills: brokenNames(folders) };
  const result = loadContent(configText(answers), options.configFile, reading);
  if (!result.ok) return result.problems.map((message) => ({ ok: false, what: 'configuration', message }));
  const account = result.config.connectors[type];
  if (!account) return [];
  const state = new Map<string, JsonValue>();
  return examineConnector({
    ...{ name: type, botName: result.config.name, options: account, rooms: [room], platforms },
    secret: async (reference) =>
      ('file' in reference ? secrets.get(reference.file) : undefined) ?? (await options.secrets.read(reference)),
    state: {
      get: (key) => Promise.resolve(state.get(key)),
      set: (key, value) => Promise.resolve(void state.set(key, value)),
    },
    query: () => Promise.reject(new StartFailed('there is no database yet')),
  });
}
