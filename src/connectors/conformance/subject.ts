import type { Message } from '../../chat/message.ts';
import type { Capabilities, Connector, Operation, Part, RenderOptions } from '../connector.ts';
import { RecordingHost, sendOf } from './host.ts';
import type { Ability, ConnectorWorld } from './world.ts';

/** A connector under test. Its capabilities decide which tests run; skipped ones say why. */
export interface Subject {
  readonly name: string;
  readonly capabilities: Capabilities;
  /** What its test world cannot simulate, although the real platform may do it. */
  readonly cannot?: readonly Ability[];
  /** Creates a new world for each test. */
  setUp(): Promise<ConnectorWorld>;
}

export interface Run {
  readonly world: ConnectorWorld;
  readonly connector: Connector;
  readonly host: RecordingHost;
  /** Creates another connector for the same account, not started, as a second replica has. */
  another(): Promise<Connector>;
  /** Stops the connector and starts a new one from the stored cursor. */
  restart(): Promise<{ connector: Connector; host: RecordingHost }>;
  /** The first part of a message. */
  part(message: Message, options?: RenderOptions): Part;
  /** Renders and sends the first part. */
  send(message: Message, more?: Partial<Extract<Operation, { type: 'send' }>>): Promise<string>;
  /** Resolves when `isSo` is true for what the room shows. */
  shows(what: string, isSo: (shown: Awaited<ReturnType<ConnectorWorld['shown']>>) => boolean): Promise<void>;
}

export const never = (): AbortSignal => new AbortController().signal;
export const soon = (): AbortSignal => AbortSignal.timeout(30_000);

/** Returns a member that the world must have, because it does not exclude it. */
export function required<T>(member: T | undefined): T {
  if (member === undefined) throw new Error('the test world lacks what its connector declares');
  return member;
}

/** What a test needs; the names appear in the reason when it is skipped. */
export interface Needs {
  readonly declares?: readonly (keyof Capabilities)[];
  readonly world?: readonly Ability[];
}

/** Declares the tests of one subject. */
export class Suite {
  readonly subject: Subject;

  constructor(subject: Subject) {
    this.subject = subject;
  }

  /** Declares a test with its own world. `started: false`: the connector is not started. */
  test(title: string, needs: Needs, body: (run: Run) => Promise<void>, { started = true } = {}): void {
    const skipReason = this.#skipReason(needs);
    if (skipReason === undefined) test(title, () => this.#within(started, body));
    else test.skip(`SKIPPED: ${this.subject.name} ${skipReason}: ${title}`, () => {});
  }

  #skipReason({ declares = [], world = [] }: Needs): string | undefined {
    const { capabilities, cannot = [] } = this.subject;
    const undeclared = declares.find((one) => capabilities[one] === false || capabilities[one] === 0);
    if (undeclared !== undefined) return `declares no ${undeclared}`;
    const unable = world.find((one) => cannot.includes(one));
    return unable && `cannot ${unable} in its test world`;
  }

  async #within(started: boolean, body: (run: Run) => Promise<void>): Promise<void> {
    const world = await this.subject.setUp();
    // Every connector that the test creates is stopped at its end, even on failure.
    const made: Connector[] = [];
    const another = async (): Promise<Connector> => {
      const connector = await world.connect();
      made.push(connector);
      return connector;
    };
    try {
      const connector = await another();
      const host = new RecordingHost([world.room]);
      if (started) await connector.start(host);
      await body({ world, connector, host, another, ...helpers(world, connector, host, made, another) });
      expect(host.overlapped).toBe(false);
    } finally {
      for (const connector of made) await connector.stop();
      await world.close();
    }
  }
}

function helpers(
  world: ConnectorWorld,
  connector: Connector,
  host: RecordingHost,
  made: readonly Connector[],
  another: () => Promise<Connector>,
): Omit<Run, 'world' | 'connector' | 'host' | 'another'> {
  const part: Run['part'] = (message, options = { ring: false }) => {
    const [first] = connector.render(message, options);
    if (!first) throw new Error('nothing was rendered');
    return first;
  };
  return {
    part,
    send: (message, more) => connector.perform(sendOf(world.room, part(message), more), never()),
    async restart() {
      await made.at(-1)?.stop();
      const next = await another();
      const nextHost = new RecordingHost([world.room], host);
      await next.start(nextHost);
      return { connector: next, host: nextHost };
    },
    async shows(what, isSo) {
      const deadline = performance.now() + 30_000;
      while (!isSo(await world.shown())) {
        if (performance.now() > deadline)
          throw new Error(`never shown: ${what}; shown: ${JSON.stringify(await world.shown())}`);
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
}
