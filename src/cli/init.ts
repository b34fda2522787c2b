import { randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { readEnvironment, type EnvironmentSettings } from '../config/environment.ts';
import { didYouMean } from '../config/nearest.ts';
import { createSecrets, type Secrets } from '../config/secrets.ts';
import type { ManifestKind, Platform } from '../connectors/connector.ts';
import { PLATFORMS } from '../connectors/platforms.ts';
import { codeOf, StartFailed } from '../errors.ts';
import { provideSkillImports } from '../skills/load.ts';
import { findingLine } from './examine-connector.ts';
import { Questionnaire, type Answers, type GivenAnswers, type SetupPlatform } from './init-answers.ts';
import { ALERTS_TOKEN_FILE, configText } from './init-config.ts';
import { writeFiles } from './init-files.ts';
import { nextSteps } from './init-next-steps.ts';
import { tryAnswers } from './init-trial.ts';
import { Terminal, type TerminalStreams } from './terminal.ts';

export interface InitOptions {
  readonly config?: string;
  readonly platform?: string;
  /** `key=value`. */
  readonly set: readonly string[];
  readonly room?: string;
  readonly admin?: string;
  readonly secrets?: string;
  readonly yes?: boolean;
  readonly overwrite?: boolean;
  readonly printManifest?: ManifestKind;
}

/** What tests replace. */
export interface InitHost {
  readonly streams?: TerminalStreams;
  readonly environment?: EnvironmentSettings;
  readonly platforms?: readonly Platform[];
  /** Works once per process. */
  readonly provideImports?: () => void;
}

/**
 * `watchbell init`: tests the account and the room before anything is written. Resolves to the exit status, 0 or 1.
 * @throws {StartFailed} for wrong or missing flags.
 */
export async function init(options: InitOptions, host: InitHost = {}): Promise<number> {
  const { provideImports = provideSkillImports } = host;
  provideImports();
  const terminal = new Terminal(host.streams ?? { input: process.stdin, output: process.stdout });
  try {
    return await new Init(options, host, terminal).run();
  } catch (error) {
    if (codeOf(error) !== 'WB_INPUT_ENDED') throw error;
    terminal.print('\nStopped. Nothing was written.');
    return 1;
  } finally {
    terminal.close();
  }
}

type Decision = 'again' | 'change' | 'write' | 'quit';

class Init {
  readonly #options: InitOptions;
  readonly #terminal: Terminal;
  readonly #platforms: readonly Platform[];
  readonly #isAsking: boolean;
  readonly #configFile: string;
  readonly #secretsDirectory: string;
  readonly #secrets: Secrets;
  readonly #environment: EnvironmentSettings;

  constructor(options: InitOptions, host: InitHost, terminal: Terminal) {
    const { environment = readEnvironment(), platforms = PLATFORMS } = host;
    this.#options = options;
    this.#terminal = terminal;
    this.#platforms = platforms;
    this.#environment = environment;
    this.#isAsking = terminal.isInteractive && options.yes !== true;
    this.#configFile = options.config ?? environment.configPath ?? 'watchbell.yaml';
    const { env } = environment;
    this.#secretsDirectory = options.secrets ?? (env['WATCHBELL_SECRETS'] ? environment.secretsDirectory : './secrets');
    this.#secrets = createSecrets({ directory: this.#secretsDirectory, env });
  }

  async run(): Promise<number> {
    const { printManifest } = this.#options;
    if (printManifest !== undefined) return this.#printManifest(printManifest);
    if (!(await this.#mayWrite())) {
      this.#terminal.print('Nothing was written. --config names another file.');
      return 1;
    }
    const platform = await this.#platform();
    const { setup } = platform;
    if (this.#isAsking && setup.intro !== undefined) this.#terminal.print(`\n${setup.intro}`);
    const questionnaire = new Questionnaire({
      ...{ platform, terminal: this.#terminal, isAsking: this.#isAsking },
      storedSecret: (file) => this.#storedSecret(file),
    });
    const given = this.#given();
    let answers = await questionnaire.collect(given);
    for (;;) {
      await this.#mayReplaceSecrets(answers);
      const isWorking = await this.#try(answers);
      const decision = isWorking ? 'write' : await this.#decide();
      if (decision === 'write') return this.#write(answers);
      if (decision === 'quit') {
        this.#terminal.print('Nothing was written.');
        return 1;
      }
      if (decision === 'change') {
        const asked = new Set(setup.questions.map(({ option }) => option));
        const others = new Map([...given.options].filter(([option]) => !asked.has(option)));
        answers = await questionnaire.collect({ options: others, room: undefined, account: undefined }, answers);
      }
    }
  }

  /** Prints only the manifest, so that it can be redirected to a file. */
  async #printManifest(kind: ManifestKind): Promise<number> {
    const { setup } = await this.#platform();
    if (!setup.manifest)
      throw new StartFailed(`${setup.title} needs no manifest: run \`watchbell init\` without --print-manifest`);
    this.#terminal.print(setup.manifest(kind).trimEnd());
    return 0;
  }

  /** @throws {StartFailed} if the file exists and no one can be asked. */
  async #mayWrite(): Promise<boolean> {
    const found = await stat(this.#configFile).catch(() => undefined);
    if (found?.isDirectory())
      throw new StartFailed(`${this.#configFile} is a directory: name the file to write with --config`);
    if (!found || this.#options.overwrite === true) return true;
    if (!this.#isAsking)
      throw new StartFailed(`${this.#configFile} exists: --overwrite replaces it, --config names another file`);
    return /^y(es)?$/i.test(await this.#terminal.ask(`${this.#configFile} exists. Replace it? [y/N] `));
  }

  async #platform(): Promise<SetupPlatform> {
    const known = this.#platforms.filter((platform): platform is SetupPlatform => platform.setup !== undefined);
    const types = known.map(({ type }) => type);
    const { platform: given } = this.#options;
    if (given !== undefined) {
      const found = known.find(({ type }) => type === given);
      if (found) return found;
      throw new StartFailed(
        `--platform: unknown platform "${given}"${didYouMean(given, types)}; available: ${types.join(', ')}`,
      );
    }
    if (!this.#isAsking || this.#options.printManifest !== undefined)
      throw new StartFailed(`--platform is missing; available: ${types.join(', ')}`);
    this.#terminal.print('Which chat platform?');
    known.forEach(({ type, setup }, index) => this.#terminal.print(`  ${index + 1}  ${type.padEnd(12)}${setup.title}`));
    for (;;) {
      const answer = (await this.#terminal.ask('Number or name: ')).toLowerCase();
      const found = known.find(({ type }, index) => answer === type || answer === String(index + 1));
      if (found) return found;
    }
  }

  #given(): GivenAnswers {
    const options = new Map<string, string>();
    for (const pair of this.#options.set) {
      const at = pair.indexOf('=');
      if (at < 1)
        throw new StartFailed('--set: write key=value, for example --set homeserver=https://matrix.example.org');
      options.set(pair.slice(0, at), pair.slice(at + 1));
    }
    return { options, room: this.#options.room, account: this.#options.admin };
  }

  #storedSecret(file: string): Promise<string | undefined> {
    return this.#secrets.read({ file }).catch(() => undefined);
  }

  /** The prompts already say that a secret is stored; flags need --overwrite. @throws {StartFailed} */
  async #mayReplaceSecrets({ secrets }: Answers): Promise<void> {
    if (this.#isAsking || this.#options.overwrite === true) return;
    for (const file of secrets.keys())
      if ((await this.#storedSecret(file)) !== undefined)
        throw new StartFailed(
          `${this.#secretsDirectory}/${file} already has a different value: leave out the --set for it, or add --overwrite`,
        );
  }

  /** Tests the answers and prints the findings. */
  async #try(answers: Answers): Promise<boolean> {
    this.#terminal.print('');
    const findings = await tryAnswers(answers, {
      ...{ platforms: this.#platforms, configFile: this.#configFile, secrets: this.#secrets },
      env: this.#environment.env,
    });
    for (const finding of findings) this.#terminal.print(findingLine(finding));
    return findings.every(({ ok }) => ok);
  }

  async #decide(): Promise<Decision> {
    if (!this.#isAsking) return 'quit';
    const words: Readonly<Record<string, Decision>> = { '': 'again', c: 'change', w: 'write', q: 'quit' };
    for (;;) {
      const answer = await this.#terminal.ask(
        '\nEnter: try again after fixing it; c: change the answers; w: write them anyway; q: quit. ',
      );
      const decision = words[answer.toLowerCase()];
      if (decision) return decision;
    }
  }

  async #write(answers: Answers): Promise<number> {
    const token = (await this.#storedSecret(ALERTS_TOKEN_FILE)) === undefined;
    const secrets = new Map(answers.secrets);
    if (token) secrets.set(ALERTS_TOKEN_FILE, randomBytes(24).toString('base64url'));
    const { written, failed } = await writeFiles({
      ...{ secrets, secretsDirectory: this.#secretsDirectory },
      ...{ configFile: this.#configFile, config: configText(answers) },
    });
    if (failed) {
      this.#terminal.print(`\nCould not write ${failed.file}: ${failed.reason}`);
      this.#terminal.print(
        written.length === 0
          ? 'Nothing was written.'
          : `Written: ${written.join(', ')}. Not written: ${failed.file} and everything after it.`,
      );
      return 1;
    }
    this.#terminal.print(`\nWritten: ${written.join(', ')}`);
    const places = { configFile: this.#configFile, secretsDirectory: this.#secretsDirectory };
    this.#terminal.print(nextSteps(answers, places, new Date()));
    return 0;
  }
}
