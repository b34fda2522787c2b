import { randomUUID } from 'node:crypto';
import { messageOf, parseDuration, StartFailed, type Program, type ProgramDatabase } from '#skill';
import { alertToken, postSample, postUntilAccepted } from './cli-alert.ts';
import type { AlertOptions } from './options.ts';
import { samplePayload } from './sample.ts';

type Database = ProgramDatabase<AlertOptions>;

/** The state of the probe's alert. `shown`: every room has its newest version. */
interface ProbeStatus {
  readonly number: number;
  readonly phase: string;
  readonly acked: boolean;
  readonly rooms: number;
  readonly shown: boolean;
  readonly connector: string | null;
  readonly room: string | null;
}

const POLL_MS = 100;
/** Longer between posts, since the bot counts each one it rejects. */
const RETRY_MS = 500;

/**
 * Tests a round trip: waits until the bot has the configuration that this command reads, posts an alert to its webhook, waits
 * until every room shows it, acknowledges it like a person in the room, and resolves it. Prints one line for each step;
 * returns 0 when all succeed.
 */
export function probe(program: Program<AlertOptions>): Promise<number> {
  const { url = '', source: named, timeout = '60s' } = program.flags;
  const timeoutMs = parseDuration(String(timeout));
  if (timeoutMs === undefined) throw new StartFailed(`--timeout: "${String(timeout)}" is not a duration such as 60s`);
  return program.withValidConfig(async (database) => {
    const { sources = {} } = database.options ?? {};
    const source = typeof named === 'string' ? named : (Object.keys(sources)[0] ?? 'default');
    const target = { url: String(url), source, token: await alertToken(program, sources, source) };
    const labels = { pod: `probe-${randomUUID()}`, namespace: 'watchbell' };
    const sample = { name: 'WatchbellProbe', severity: 'info', summary: 'a probe; it resolves automatically', labels };
    const retry = { timeoutMs, everyMs: RETRY_MS };
    let from = performance.now();
    const step = (what: string): void => {
      program.print(`ok  ${what} (${Math.round(performance.now() - from)} ms)`);
      from = performance.now();
    };
    const until = (what: string, isDone: (status: ProbeStatus) => boolean): Promise<ProbeStatus> =>
      waitFor(database, labels.pod, timeoutMs, what, isDone);

    const post = (status: 'firing' | 'resolved'): Promise<void> => {
      const body = samplePayload({ ...sample, status });
      return postUntilAccepted(() => postSample(target, body), retry);
    };
    let isOpen = false;
    try {
      const replicas = await database.untilConfigured(retry, (line) => program.print(`..  ${line}`));
      step(`${replicas === 1 ? 'the bot has' : `${replicas} replicas have`} this configuration`);
      await post('firing');
      isOpen = true;
      step(`${target.url} accepted an alert for ${source}`);
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
      // An alert of a failed probe must not send reminders all night.
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
  isDone: (status: ProbeStatus) => boolean,
): Promise<ProbeStatus> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const status = await readStatus(database, pod);
    if (status && isDone(status)) return status;
    if (performance.now() > deadline) throw new StartFailed(`the alert was not ${what} in time: ${remedy(status)}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function remedy(status: ProbeStatus | undefined): string {
  if (!status) return 'it was accepted but not handled; see the log of the bot and `watchbell events failed`';
  if (status.rooms === 0) return `#${status.number} has no room; does a route drop severity info?`;
  if (!status.shown) return `#${status.number} is not shown in every room yet; see \`watchbell doctor\``;
  return `#${status.number} is ${status.phase}; see the log of the bot`;
}

async function readStatus(database: Database, pod: string): Promise<ProbeStatus | undefined> {
  const [row] = await database.sql<ProbeStatus>(
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
