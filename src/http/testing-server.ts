import { createLogger } from '../log.ts';
import { createMetrics } from '../metrics.ts';
import type { HealthPart } from './health.ts';
import type { Intake, IntakeCall, IntakeTarget, IntakeToken, Rejection } from './intake.ts';
import { createHttpServer } from './server.ts';
import type { HttpServerOptions } from './server.ts';

/** An intake in memory that records its calls: webhooks `alertmanager`, and `github` with signatures; one source `prod`. */
export class MemoryIntake implements Intake {
  readonly accepted: string[] = [];
  readonly headers: Readonly<Record<string, string>>[] = [];
  /** Remote address of each call. */
  readonly addresses: string[] = [];
  readonly rejections: Rejection[] = [];
  tokens: readonly string[] = ['secret'];
  /** Throws or waits to simulate a failure. */
  store: () => void | Promise<void> = () => {};
  readonly #targets: ReadonlyMap<string, IntakeTarget>;

  constructor() {
    const current = (): readonly IntakeToken[] =>
      this.tokens.map((_, index) => ({ name: `token ${index}`, read: async () => this.tokens[index] }));
    const reject = (body: unknown) => (Array.isArray(body) ? 'send an object' : undefined);
    const alertmanager: IntakeTarget = {
      verify: {
        get bearer() {
          return current();
        },
      },
      reject,
    };
    const github: IntakeTarget = {
      verify: {
        hmac: {
          header: 'x-hub-signature-256',
          prefix: 'sha256=',
          get secrets() {
            return current();
          },
        },
      },
      headers: ['x-github-event'],
      reject,
    };
    this.#targets = new Map(Object.entries({ 'alertmanager/prod': alertmanager, 'github/prod': github }));
  }

  webhook(name: string, source: string) {
    if (name !== 'alertmanager' && name !== 'github') return 'no such webhook';
    return this.#targets.get(`${name}/${source}`) ?? 'no such source';
  }

  async accept({ rawBody, remoteAddress, headers }: IntakeCall): Promise<void> {
    await this.store();
    this.accepted.push(rawBody);
    this.addresses.push(remoteAddress);
    this.headers.push(headers);
  }

  targets(): ReadonlyMap<string, IntakeTarget> {
    return this.#targets;
  }

  rejected(rejection: Rejection): void {
    this.rejections.push(rejection);
  }
}

/** A server on free ports for tests; `end` closes all connections. */
export async function startTestServer(options: Partial<HttpServerOptions> = {}) {
  const intake = new MemoryIntake();
  const state = { started: true, draining: false, parts: {} as Record<string, HealthPart> };
  const metrics = createMetrics({ version: 'test', ofProcess: false });
  const written: string[] = [];
  const log = createLogger({ level: 'info', destination: { write: (line) => void written.push(line) } });
  const health = { started: () => state.started, draining: () => state.draining, parts: () => state.parts };
  const server = await createHttpServer({
    port: 0,
    opsPort: 0,
    host: '127.0.0.1',
    maxBodyBytes: 1024 * 1024,
    intake,
    health,
    metrics,
    log,
    ...options,
  });
  return {
    server,
    intake,
    metrics,
    state,
    written,
    url: `http://127.0.0.1:${server.port}`,
    opsUrl: `http://127.0.0.1:${server.opsPort}`,
    end: () => server.drain({ acceptForMs: 0, boundMs: 100 }),
  };
}

/** Waits until `check` is true; on a timeout the test fails with `what`. */
export async function until(what: string, check: () => boolean | Promise<boolean>, withinMs = 30_000): Promise<void> {
  const endMs = performance.now() + withinMs;
  while (!(await check())) {
    if (performance.now() > endMs) throw new Error(`timed out waiting until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
