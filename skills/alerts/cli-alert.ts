import { setTimeout as pause } from 'node:timers/promises';
import { messageOf, StartFailed, type Program } from '#skill';
import type { AlertOptions } from './options.ts';
import { samplePayload } from './sample.ts';

/** Where a running bot takes alerts. */
export interface AlertTarget {
  readonly url: string;
  readonly source: string;
  readonly token: string;
}

/** Why a post was not taken. */
export interface Refusal {
  readonly says: string;
  readonly answered: boolean;
  /** Nobody answered, or the bot asked for it again: the same post may be taken in a moment. */
  readonly passes: boolean;
}

/** An address that swallows packets, such as one that a network policy does not know yet, is given up after this. */
const LONGEST_POST_MS = 10_000;
/** 503 is the bot's own word for it; 502 and 504 are an ingress's while there is no pod behind it. */
const PASSING: readonly number[] = [502, 503, 504];

/** Resolves to undefined once the bot has stored it. Never rejects. */
export async function postSample(target: AlertTarget, body: unknown): Promise<Refusal | undefined> {
  const address = addressOf(target);
  try {
    const response = await fetch(address, {
      method: 'POST',
      headers: { authorization: `Bearer ${target.token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(LONGEST_POST_MS),
    });
    const text = await response.text();
    if (response.ok) return undefined;
    const { status } = response;
    return { says: `${status} from ${address}: ${text}`, answered: true, passes: PASSING.includes(status) };
  } catch (error) {
    const reason = messageOf((error as Error).cause ?? error);
    return { says: `no bot answers at ${address} (${reason})`, answered: false, passes: true };
  }
}

function addressOf({ url, source }: AlertTarget): string {
  return `${url.replace(/\/+$/, '')}/webhooks/alertmanager/${encodeURIComponent(source)}`;
}

/** `watchbell alert`: posts a sample as Alertmanager would, and says what the bot answered. */
export async function postAlert(program: Program<AlertOptions>): Promise<number> {
  const { url = 'http://127.0.0.1:8080', alertName, severity, resolved } = program.flags;
  const target = { url: String(url), ...(await findTarget(program)) };
  const body = samplePayload({
    labels: { pod: 'sample' },
    status: resolved ? 'resolved' : 'firing',
    ...(alertName !== undefined && { name: String(alertName) }),
    ...(severity !== undefined && { severity: String(severity) }),
  });
  const refusal = await postSample(target, body);
  if (refusal && !refusal.answered) throw new StartFailed(`${refusal.says}; say where it is with --url`);
  program.print(refusal?.says ?? `Accepted by ${addressOf(target)}; look into the room.`);
  return refusal === undefined ? 0 : 1;
}

async function findTarget(program: Program<AlertOptions>): Promise<{ source: string; token: string }> {
  const { source, token } = program.flags;
  if (typeof source === 'string' && typeof token === 'string') return { source, token };
  const { sources = {} } = (await program.options()) ?? {};
  const chosen = typeof source === 'string' ? source : chooseSource(Object.keys(sources));
  return { source: chosen, token: typeof token === 'string' ? token : await alertToken(program, sources, chosen) };
}

/** The first token of a source. @throws {StartFailed} naming the sources there are. */
export async function alertToken(
  program: Program<AlertOptions>,
  sources: AlertOptions['sources'],
  source: string,
): Promise<string> {
  const [reference] = sources[source]?.tokens ?? [];
  if (!reference)
    throw new StartFailed(
      `skills.alerts has no source called "${source}"; configured are: ${Object.keys(sources).join(', ') || 'none'}`,
    );
  return program.secret(reference);
}

/** The only one, else the one called `default`. @throws {StartFailed} when there are several and none is called that. */
export function chooseSource(names: readonly string[]): string {
  const source = names.length === 1 ? names[0] : 'default';
  if (source === undefined || (names.length > 1 && !names.includes(source)))
    throw new StartFailed(`there are several sources: name one with --source; configured are: ${names.join(', ')}`);
  return source;
}

/**
 * Posts until it is taken. What is asked for again is, and so is what nobody answered.
 * @throws {StartFailed} at any other answer at once, and when the time is up.
 */
export async function untilTaken(
  post: () => Promise<Refusal | undefined>,
  { timeoutMs, everyMs }: { readonly timeoutMs: number; readonly everyMs: number },
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const refusal = await post();
    if (!refusal) return;
    if (!refusal.passes || performance.now() > deadline) throw new StartFailed(refusal.says);
    await pause(everyMs);
  }
}
