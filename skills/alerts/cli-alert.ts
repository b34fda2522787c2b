import { setTimeout as pause } from 'node:timers/promises';
import { messageOf, StartFailed, type Program } from '#skill';
import type { AlertOptions } from './options.ts';
import { samplePayload } from './sample.ts';

/** The webhook of a running bot. */
export interface AlertTarget {
  readonly url: string;
  readonly source: string;
  readonly token: string;
}

/** Why a post was not accepted. */
export interface Rejection {
  readonly message: string;
  readonly hasResponse: boolean;
  /** No response, or a temporary one: the same post may be accepted later. */
  readonly isRetryable: boolean;
}

/** For an address that drops packets, as behind a network policy. */
const POST_TIMEOUT_MS = 10_000;
/** 503 comes from the bot; 502 and 504 from an ingress without a pod behind it. */
const RETRYABLE: readonly number[] = [502, 503, 504];

/** Resolves to undefined once the bot has stored the alert. Never throws. */
export async function postSample(target: AlertTarget, body: unknown): Promise<Rejection | undefined> {
  const address = addressOf(target);
  try {
    const response = await fetch(address, {
      method: 'POST',
      headers: { authorization: `Bearer ${target.token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(POST_TIMEOUT_MS),
    });
    const text = await response.text();
    if (response.ok) return undefined;
    const { status } = response;
    return {
      message: `${status} from ${address}: ${text}`,
      hasResponse: true,
      isRetryable: RETRYABLE.includes(status),
    };
  } catch (error) {
    const reason = messageOf((error as Error).cause ?? error);
    return { message: `no bot answers at ${address} (${reason})`, hasResponse: false, isRetryable: true };
  }
}

function addressOf({ url, source }: AlertTarget): string {
  return `${url.replace(/\/+$/, '')}/webhooks/alertmanager/${encodeURIComponent(source)}`;
}

/** `watchbell alert`: posts a sample like Alertmanager and prints the bot's response. */
export async function postAlert(program: Program<AlertOptions>): Promise<number> {
  const { url = 'http://127.0.0.1:8080', alertName, severity, resolved } = program.flags;
  const target = { url: String(url), ...(await findTarget(program)) };
  const body = samplePayload({
    labels: { pod: 'sample' },
    status: resolved ? 'resolved' : 'firing',
    ...(alertName !== undefined && { name: String(alertName) }),
    ...(severity !== undefined && { severity: String(severity) }),
  });
  const rejection = await postSample(target, body);
  if (rejection && !rejection.hasResponse) throw new StartFailed(`${rejection.message}; set its address with --url`);
  program.print(rejection?.message ?? `Accepted by ${addressOf(target)}; it appears in the room.`);
  return rejection === undefined ? 0 : 1;
}

async function findTarget(program: Program<AlertOptions>): Promise<{ source: string; token: string }> {
  const { source, token } = program.flags;
  if (typeof source === 'string' && typeof token === 'string') return { source, token };
  const { sources = {} } = (await program.options()) ?? {};
  const chosen = typeof source === 'string' ? source : chooseSource(Object.keys(sources));
  return { source: chosen, token: typeof token === 'string' ? token : await alertToken(program, sources, chosen) };
}

/** The first token of a source. @throws {StartFailed} naming the configured sources, when there is none of this name. */
export async function alertToken(
  program: Program<AlertOptions>,
  sources: AlertOptions['sources'],
  source: string,
): Promise<string> {
  const [reference] = sources[source]?.tokens ?? [];
  if (!reference)
    throw new StartFailed(
      `skills.alerts has no source called "${source}"; configured: ${Object.keys(sources).join(', ') || 'none'}`,
    );
  return program.secret(reference);
}

/** The only one, else the one called `default`. @throws {StartFailed} when there are several and none is called that. */
export function chooseSource(names: readonly string[]): string {
  const source = names.length === 1 ? names[0] : 'default';
  if (source === undefined || (names.length > 1 && !names.includes(source)))
    throw new StartFailed(`there are several sources: name one with --source (${names.join(', ')})`);
  return source;
}

/**
 * Posts until it is accepted, retrying without a response and after temporary ones.
 * @throws {StartFailed} on any other response at once, and after the timeout.
 */
export async function postUntilAccepted(
  post: () => Promise<Rejection | undefined>,
  { timeoutMs, everyMs }: { readonly timeoutMs: number; readonly everyMs: number },
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const rejection = await post();
    if (!rejection) return;
    if (!rejection.isRetryable || performance.now() > deadline) throw new StartFailed(rejection.message);
    await pause(everyMs);
  }
}
