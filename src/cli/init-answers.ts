import { z } from 'zod';
import { didYouMean } from '../config/nearest.ts';
import type { Platform, PlatformSetup, SetupField, SetupQuestion } from '../connectors/connector.ts';
import { StartFailed } from '../errors.ts';
import { rememberSecret } from '../mask.ts';
import type { Terminal } from './terminal.ts';

export type SetupPlatform = Platform & { readonly setup: PlatformSetup };

/** Answers from the flags. */
export interface GivenAnswers {
  /** By option of the connector. */
  readonly options: ReadonlyMap<string, string>;
  readonly room: string | undefined;
  readonly account: string | undefined;
}

export interface Answers {
  readonly type: string;
  /** The entry under `connectors:`. */
  readonly options: Readonly<Record<string, string | boolean | { readonly file: string }>>;
  /** New values by file name, without secrets that stay the same. */
  readonly secrets: ReadonlyMap<string, string>;
  readonly room: string;
  readonly account: string | undefined;
}

/** Typed to leave an optional answer out, because Enter keeps the current one. */
const LEFT_OUT = '-';

interface Asked extends SetupField {
  /** The flag that answers it in a script. */
  readonly flag: string;
  /** The answer is a secret, which a script may have written to this file. */
  readonly secretFile?: string | undefined;
  readonly optional?: boolean;
  /** The secret that is already in its file. */
  readonly stored?: string | undefined;
  readonly check: (text: string) => string | undefined;
}

/** Collects the answers from flags, prompts, existing files and defaults, in this order. */
export class Questionnaire {
  readonly #platform: SetupPlatform;
  readonly #terminal: Terminal;
  readonly #isAsking: boolean;
  readonly #storedSecret: (file: string) => Promise<string | undefined>;
  readonly #missing: string[] = [];

  constructor(by: {
    readonly platform: SetupPlatform;
    readonly terminal: Terminal;
    /** False: no prompts. */
    readonly isAsking: boolean;
    /** Reads the current secret from a file of the secrets directory. */
    readonly storedSecret: (file: string) => Promise<string | undefined>;
  }) {
    this.#platform = by.platform;
    this.#terminal = by.terminal;
    this.#isAsking = by.isAsking;
    this.#storedSecret = by.storedSecret;
  }

  /**
   * `before`: answers that did not work, offered again as defaults.
   * @throws {StartFailed} that lists all missing answers with their flags, or names a wrong one. @throws {InputEnded}
   */
  async collect(given: GivenAnswers, before?: Answers): Promise<Answers> {
    const { type, setup } = this.#platform;
    const options: Record<string, string | boolean | { file: string }> = {};
    const secrets = new Map<string, string>();
    const asked = new Set(setup.questions.map(({ option }) => option));
    const others = [...given.options].filter(([option]) => !asked.has(option));
    const further = Object.fromEntries(others.map(([option, text]) => [option, this.#read(option, text)]));
    for (const question of setup.questions) {
      const { option, unless, secretFile } = question;
      const flag = given.options.get(option);
      const isReplaced = setup.questions.some((one) => one.unless === option && given.options.has(one.option));
      if (flag === undefined && (isReplaced || (unless !== undefined && options[unless] !== undefined))) continue;
      const answer = await this.#answer(await this.#asked(question, before), flag);
      if (answer === undefined) continue;
      if (secretFile === undefined) options[option] = this.#read(option, answer);
      else {
        rememberSecret(answer);
        options[option] = { file: secretFile };
        if (answer !== (await this.#storedSecret(secretFile))) secrets.set(secretFile, answer);
      }
    }
    if (!setup.account && given.account !== undefined)
      throw new StartFailed(`--admin: people have no accounts on ${type}`);
    const check = (): undefined => undefined;
    const room = await this.#answer(
      { ...setup.room, flag: '--room ID', check, ...(before && { default: before.room }) },
      given.room,
    );
    const account =
      setup.account &&
      (await this.#answer(
        {
          ...{ ...setup.account, flag: '--admin ACCOUNT', check, optional: true },
          help: `${setup.account.help ?? ''} It becomes an admin; leave it empty for none.`.trim(),
          ...(before?.account !== undefined && { default: before.account }),
        },
        given.account,
      ));
    if (this.#missing.length > 0 || room === undefined)
      throw new StartFailed(`these answers are missing: ${this.#missing.splice(0).join(', ')}`);
    return { type, options: { ...options, ...further }, secrets, room, account };
  }

  async #asked(question: SetupQuestion, before: Answers | undefined): Promise<Asked> {
    const { option, secretFile } = question;
    const earlier = before?.options[option];
    const secret = secretFile !== undefined;
    return {
      ...question,
      flag: `--set ${option}=…`,
      ...(typeof earlier === 'string' && { default: earlier }),
      ...(secret && { stored: before?.secrets.get(secretFile) ?? (await this.#storedSecret(secretFile)) }),
      check: (text) => {
        if (secret) return notOneLine(text);
        const parsed = this.#parse(option, text);
        return 'problem' in parsed ? parsed.problem : undefined;
      },
    };
  }

  /** Undefined: no answer, which is recorded as missing unless the question is optional. */
  async #answer(asked: Asked, flag: string | undefined): Promise<string | undefined> {
    const { label, help, optional = false, stored, secretFile } = asked;
    if (flag !== undefined) {
      const problem = problemOf(asked, flag);
      if (problem === undefined) return flag;
      if (!this.#isAsking) throw new StartFailed(`${asked.flag}: ${problem}`);
      this.#terminal.print(`${asked.flag}: ${problem}`);
    }
    const fallback = stored ?? asked.default;
    if (!this.#isAsking) {
      if (fallback === undefined && !optional)
        this.#missing.push(secretFile === undefined ? asked.flag : `${asked.flag} (or the file ${secretFile})`);
      return fallback;
    }
    this.#terminal.print(help === undefined ? '' : `\n${help}`);
    const hint = hintOf(asked);
    for (;;) {
      const text = await this.#terminal.ask(`${label}${hint}: `, { secret: secretFile !== undefined });
      if (optional && (text === LEFT_OUT || (text === '' && fallback === undefined))) return undefined;
      if (text === '' && fallback !== undefined) return fallback;
      const problem = text === '' ? 'an answer is required' : problemOf(asked, text);
      if (problem === undefined) return text;
      this.#terminal.print(problem);
    }
  }

  /** Parses text by the option's schema: as text, or as true or false if it accepts only those. */
  #parse(option: string, text: string): { readonly value: string | boolean } | { readonly problem: string } {
    const shape: Readonly<Record<string, z.core.$ZodType>> = this.#platform.options.shape;
    const schema = Object.hasOwn(shape, option) ? shape[option] : undefined;
    if (!schema)
      return { problem: `${this.#platform.type} has no such option${didYouMean(option, Object.keys(shape))}` };
    const { error } = z.safeParse(schema, text);
    if (!error) return { value: text };
    if ((text === 'true' || text === 'false') && z.safeParse(schema, text === 'true').success)
      return { value: text === 'true' };
    return { problem: error.issues.map(({ message }) => message).join('; ') };
  }

  /** @throws {StartFailed} */
  #read(option: string, text: string): string | boolean {
    const parsed = this.#parse(option, text);
    if ('problem' in parsed) throw new StartFailed(`--set ${option}=…: ${parsed.problem}`);
    return parsed.value;
  }
}

function problemOf({ format, check }: Asked, text: string): string | undefined {
  if (format && !format.pattern.test(text)) return format.remedy;
  return check(text);
}

function hintOf({ stored, default: fallback, optional = false }: Asked): string {
  const without = optional ? `, "${LEFT_OUT}" leaves it out` : '';
  if (stored !== undefined) return ` (Enter keeps the current one${without})`;
  if (fallback !== undefined) return ` [${fallback}]${without && ` (${without.slice(2)})`}`;
  return optional ? ' (optional)' : '';
}

function notOneLine(text: string): string | undefined {
  return text !== '' && !/[\p{Cc}\u2028\u2029\ufeff\ufffd]/u.test(text)
    ? undefined
    : 'a secret must be one line of text';
}
