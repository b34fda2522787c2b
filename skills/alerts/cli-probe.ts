import { randomUUID } from 'node:crypto';
import { messageOf, parseDuration, StartFailed, type Program, type ProgramDatabase } from '#skill';
import { alertToken, postSample, untilTaken } from './cli-alert.ts';
import type { AlertOptions } from './options.ts';
import { samplePayload } from './sample.ts';

type Database = ProgramDatabase<AlertOptions>;

/** How the rows of the one alert stand; `shown`: every room has its newest version. */
interface Standing {
  readonly number: number;
  readonly phase: string;
  readonly acked: boolean;
  readonly rooms: number;
  readonly shown: boolean;
  readonly connector: string | null;
  readonly room: string | null;
}

const LOOK_EVERY_MS = 100;
/** Of what is not ready yet: the bot counts each post that it does not take. */
const AGAIN_EVERY_MS = 500;

/**
 * Proves the whole way once: waits until the bot has the configuration that this command reads, posts an alert to its
 * webhook, waits until every room it goes to shows it, acknowledges it as somebody in the room would, resolves it.
 * Prints a line a step; 0: all went through.
 */
export function probe(program: Program<AlertOptions>): Promise<number> {
  const { url = '', source: named, timeout = '60s' } = program.flags;
  const timeoutMs = parseDuration(String(timeout));
  if (timeoutMs === undefined) throw new StartFailed(`--timeout: "${String(timeout)}" is not a duration such as 60s`);
  return program.proving(async (database) => {
    const { sources = {} } = database.options ?? {};
    const source = typeof named === 'string' ? named : (Object.keys(sources)[0] ?? 'default');
    const target = { url: String(url), source, token: await alertToken(program, sources, source) };
    const labels = { pod: `probe-${randomUUID()}`, namespace: 'watchbell' };
    const sample = { name: 'WatchbellProbe', severity: 'info', summary: 'a probe; it resolves by itself', labels };
    const patience = { timeoutMs, everyMs: AGAIN_EVERY_MS };
    let from = performance.now();
    const step = (says: string): void => {
      program.print(`ok  ${says} (${Math.round(performance.now() - from)} ms)`);
      from = performance.now();
    };
    const until = (what: string, isDone: (standing: Standing) => boolean): Promise<Standing> =>
      waitFor(database, labels.pod, timeoutMs, what, isDone);

    const post = (status: 'firing' | 'resolved'): Promise<void> => {
      const body = samplePayload({ ...sample, status });
      return untilTaken(() => postSample(target, body), patience);
    };
    let isOpen = false;
    try {
      const replicas = await database.untilConfigured(patience, (line) => program.print(`..  ${line}`));
      step(`${replicas === 1 ? 'the bot has' : `${replicas} replicas have`} this configuration`);
      await post('firing');
      isOpen = true;
      step(`${target.url} took an alert for ${source}`);
      const { number, connector, room, rooms } = await until('shown', (one) => one.rooms > 0 && one.shown);
      step(`#${number} is shown in ${rooms === 1 ? `${connector} ${room}` : `${rooms} rooms`}`);
      await database.say({ connector: connector ?? '', room: room ?? '' }, `ack ${number}`);
      await until('acknowledged', (one) => one.acked && one.shown);
      step('it is acknowledged there');
      await post('resolved');
      isOpen = false;
      await until('resolved', (one) => one.phase === 'resolved' && one.shown);
      step('it is resolved there');
      return 0;
    } catch (error) {
      program.print(`BAD ${messageOf(error)}`);
      // A probe that failed half-way must not remind anybody all night.
      if (isOpen) await postSample(target, samplePayload({ ...sample, status: 'resolved' }));
      return 1;
    }
  });
}

async function waitFor(
  database: Database,
  pod: string,
  timeoutMs: number,
  what: string,
  isDone: (standing: Standing) => boolean,
): Promise<Standing> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const standing = await stand(database, pod);
    if (standing && isDone(standing)) return standing;
    if (performance.now() > deadline) throw new StartFailed(`the alert was not ${what} in time: ${remedy(standing)}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

function remedy(standing: Standing | undefined): string {
  if (!standing) return 'it was taken and not handled; look at the log of the bot and `watchbell events failed`';
  if (standing.rooms === 0) return `#${standing.number} goes to no room; does a route drop severity info?`;
  if (!standing.shown) return `#${standing.number} waits for its room; look at \`watchbell doctor\``;
  return `#${standing.number} is ${standing.phase}; look at the log of the bot`;
}

async function stand(database: Database, pod: string): Promise<Standing | undefined> {
  const [row] = await database.sql<Standing>(
    `select a.number, a.phase, a.ack is not null as acked, count(m.id)::int as rooms,
       coalesce(bool_and(m.delivered_version = m.version and m.state = 'live'), false) as shown,
       min(m.connector) as connector, (array_agg(m.room order by m.connector))[1] as room
     from alerts a
     left join alert_group_members g on g.alert_id = a.id
     left join messages m on m.skill = 'alerts' and m.key in ('alert:' || a.number, 'group:' || g.group_id)
     where a.labels ->> 'pod' = $1 and a.number is not null group by a.id`,
    [pod],
  );
  return row;
}
