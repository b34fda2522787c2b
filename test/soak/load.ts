import { setTimeout as sleep } from 'node:timers/promises';
import type { ProgramProcess } from '../harness/process.ts';
import { postUntilTaken } from './post.ts';
import { ANN, ROOMS, TOKEN, type SoakSetting } from './setting.ts';

export interface AlertPlan {
  readonly name: string;
  readonly room: string;
  /** The notifications, in order: each posted once, or by two peers. */
  readonly posts: readonly {
    readonly body: string;
    readonly status: 'firing' | 'resolved';
    readonly twice: boolean;
    readonly reopens: boolean;
  }[];
  /** State that the room must show at the end. */
  readonly finally: 'firing' | 'resolved';
  /** Number of notifications that must have rung: when it first fired, and each time it fired again. */
  readonly rings: number;
  /** Ann reacts with 👀 once it is shown. */
  readonly tap: boolean;
}

export interface LoadPlan {
  readonly alerts: readonly AlertPlan[];
  readonly commands: {
    readonly verb: 'echo' | 'later' | 'work' | 'boom';
    readonly word: string;
    readonly room: string;
  }[];
  readonly webhooks: number;
}

/** Parallel senders, half of them in sync, so that enough events wait at times to be handled together. */
const SENDERS = 24;
const BEAT_MS = 400;

const VERBS = ['echo', 'later', 'echo', 'work', 'boom'] as const;

/** What will be sent, determined by the seed alone. */
export function planLoad(random: () => number, webhooks: number, commandsAndTaps: number): LoadPlan {
  const alerts: AlertPlan[] = [];
  const began = Date.now() - 3_600_000;
  const taps = Math.floor(commandsAndTaps / 10);
  let posted = 0;
  for (let index = 0; posted < webhooks; index++) {
    const tap = index < taps;
    const name = `Soak${index}`;
    const room = ROOMS[index % ROOMS.length] ?? 'r0';
    const posts: AlertPlan['posts'][number][] = [];
    // An alert with a reaction fires once and stays; the others fire, repeat, resolve and fire again, some with a byte-identical body.
    const steps = tap
      ? ['fire']
      : ['fire', ...Array.from({ length: 2 + Math.floor(random() * 5) }, () => (random() < 0.5 ? 'turn' : 'repeat'))];
    let firing = false;
    let rings = 0;
    // Whatever the size of the load: a start is before its end, and a new start is after the previous end.
    let startsAt = began + (index % 500) * 1000;
    for (const [at, crashPoint] of steps.entries()) {
      const turns = crashPoint !== 'repeat';
      const reopens = turns && !firing && at > 0;
      if (turns) firing = !firing;
      if (reopens && random() < 0.5) startsAt = began + 1_000_000 + at * 60_000 - 30_000;
      if (turns && firing) rings++;
      const endsAt = firing ? '0001-01-01T00:00:00Z' : new Date(began + 1_000_000 + at * 60_000).toISOString();
      posts.push({
        body: bodyOf(name, room, firing, startsAt, endsAt),
        status: firing ? 'firing' : 'resolved',
        twice: random() < 0.2,
        reopens,
      });
    }
    posted += posts.reduce((sum, post) => sum + (post.twice ? 2 : 1), 0);
    alerts.push({ name, room, posts, finally: firing ? 'firing' : 'resolved', rings, tap });
  }
  const commands: LoadPlan['commands'] = Array.from({ length: commandsAndTaps - taps }, (_, index) => ({
    verb: VERBS[index % VERBS.length] ?? 'echo',
    word: `w${index}x`,
    room: ROOMS[index % ROOMS.length] ?? 'r0',
  }));
  return { alerts, commands, webhooks: posted };
}

function bodyOf(name: string, room: string, firing: boolean, startsAt: number, endsAt: string): string {
  const status = firing ? 'firing' : 'resolved';
  const labels = { alertname: name, room, severity: 'critical', namespace: 'soak' };
  const alert = {
    status,
    labels,
    annotations: { summary: `about ${name}` },
    startsAt: new Date(startsAt).toISOString(),
    endsAt,
    generatorURL: '',
    fingerprint: Buffer.from(name).toString('hex').padStart(16, '0').slice(-16),
  };
  return JSON.stringify({
    version: '4',
    groupKey: `{}:{alertname="${name}"}`,
    truncatedAlerts: 0,
    status,
    receiver: 'soak',
    groupLabels: { alertname: name },
    commonLabels: labels,
    commonAnnotations: {},
    externalURL: 'http://am',
    alerts: [alert],
  });
}

/** Retries like Alertmanager on 5xx and broken connections. Returns the number of retries. */
export async function postUntilAccepted(
  replicas: readonly ProgramProcess[],
  body: string,
  random: () => number,
): Promise<number> {
  const post = { path: '/webhooks/alertmanager/soak', headers: { authorization: `Bearer ${TOKEN}` }, body };
  const { status, text, repeats } = await postUntilTaken(replicas, post, random);
  if (status !== 200) throw new Error(`rejected with ${status}: ${text}`);
  return repeats;
}

/**
 * Sends the complete load, never a larger share than `progress` (0 to 1), so that it lasts as long as the kills; each
 * alert's posts stay in order.
 */
export async function sendLoad(
  setting: SoakSetting,
  plan: LoadPlan,
  random: () => number,
  progress: () => number,
): Promise<{ repeats: number }> {
  let repeats = 0;
  let posted = 0;
  const turn = async (sent: number, all: number): Promise<void> => {
    await sleep(random() < 0.5 ? BEAT_MS - (Date.now() % BEAT_MS) : 100 * random());
    while (sent / all > progress()) await sleep(50);
  };
  const queue = [...plan.alerts];
  const workers = Array.from({ length: SENDERS }, async () => {
    for (let alert = queue.shift(); alert; alert = queue.shift()) {
      for (const post of alert.posts) {
        await turn(posted++, plan.webhooks);
        repeats += await postUntilAccepted(setting.replicas, post.body, random);
        if (post.twice) repeats += await postUntilAccepted(setting.replicas, post.body, random);
      }
    }
  });
  const chat = (async () => {
    for (const [index, command] of plan.commands.entries()) {
      await turn(index, plan.commands.length);
      await setting.homeserver.say(ANN, setting.rooms.get(command.room) ?? '', `!${command.verb} ${command.word}`);
    }
  })();
  await Promise.all([...workers, chat]);
  return { repeats };
}

/** Ann reacts to the planned alerts, as soon as each is shown. */
export async function tapAll(setting: SoakSetting, plan: LoadPlan, isOver: () => boolean): Promise<number> {
  const waiting = new Set(plan.alerts.filter((alert) => alert.tap));
  let tapped = 0;
  while (waiting.size > 0 && !isOver()) {
    for (const [name, id] of setting.rooms) {
      const shown = await setting.homeserver.shown(id);
      for (const alert of waiting) {
        if (alert.room !== name) continue;
        const message = shown.find(
          (one) =>
            one.sender !== ANN && new RegExp(`\\b${alert.name}\\b`).test(one.text) && one.text.includes('CRITICAL'),
        );
        if (!message) continue;
        await setting.homeserver.react(ANN, id, message.id, '👀');
        waiting.delete(alert);
        tapped++;
      }
    }
    await sleep(200);
  }
  return tapped;
}
