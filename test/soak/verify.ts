import pg from 'pg';
import type { LoadPlan } from './load.ts';
import { ANN, type SoakSetting } from './setting.ts';

export interface Verdict {
  readonly lost: string[];
  readonly doubled: string[];
  readonly wrong: string[];
}

interface ShownLine {
  readonly text: string;
  readonly room: string;
}

/** Compares the rooms, and the rings recorded in the database, with the plan. */
export async function verify(
  setting: SoakSetting,
  plan: LoadPlan,
  databaseUrl: string,
  failuresBefore = 0,
): Promise<Verdict> {
  const verdict: Verdict = { lost: [], doubled: [], wrong: [] };
  const lines: ShownLine[] = [];
  for (const [room, id] of setting.rooms)
    for (const message of await setting.homeserver.shown(id))
      if (message.sender !== ANN) lines.push({ text: message.text, room });
  countCommands(plan, lines, failuresBefore, verdict);
  const rows = await ringsByAlert(databaseUrl);
  for (const alert of plan.alerts) {
    const subject = new RegExp(`\\b${alert.name} #\\d+`);
    const copies = lines.filter((line) => subject.test(line.text.split('\n')[0] ?? ''));
    const living = copies.filter((line) => !line.text.includes('continued below'));
    const row = rows.get(alert.name);
    if (row?.fold) {
      checkFolded(alert, lines, living.length, verdict);
      continue;
    }
    if (living.length === 0 || !row) {
      verdict.lost.push(`${alert.name}: not shown in ${alert.room}`);
      continue;
    }
    if (living.length > 1) verdict.doubled.push(`${alert.name}: ${living.length} active messages`);
    if (copies.some((line) => line.room !== alert.room)) verdict.wrong.push(`${alert.name}: in the wrong room`);
    const state = /RESOLVED/.test(living[0]?.text ?? '') ? 'resolved' : 'firing';
    if (state !== alert.finally) verdict.wrong.push(`${alert.name}: shown as ${state}, is ${alert.finally}`);
    if (row.rings < alert.rings) verdict.lost.push(`${alert.name}: rang ${row.rings} times instead of ${alert.rings}`);
    if (row.rings > alert.rings)
      verdict.doubled.push(`${alert.name}: rang ${row.rings} times instead of ${alert.rings}`);
    if (row.delivered !== row.rings) verdict.lost.push(`${alert.name}: its last ring was not shown`);
    if (row.copies !== copies.length)
      verdict.doubled.push(`${alert.name}: ${copies.length} messages in the room, the bot knows of ${row.copies}`);
    if (alert.tap) countTap(alert.name, living[0]?.text ?? '', lines, verdict);
  }
  if (verdict.lost.length + verdict.doubled.length + verdict.wrong.length > 0)
    verdict.wrong.push(await whatHappened(databaseUrl, verdict.lost));
  return verdict;
}

function countCommands(plan: LoadPlan, lines: readonly ShownLine[], failuresBefore: number, verdict: Verdict): void {
  const answers = new Map<string, number>();
  for (const { text } of lines) {
    const word = /^echo (\S+)$/.exec(text.trim())?.[1];
    if (word) answers.set(word, (answers.get(word) ?? 0) + 1);
  }
  const failures = lines.filter((line) => line.text.startsWith('Sorry, something failed')).length - failuresBefore;
  const booms = plan.commands.filter((command) => command.verb === 'boom').length;
  if (failures < booms) verdict.lost.push(`${booms} commands failed, ${failures} were reported`);
  if (failures > booms) verdict.doubled.push(`${booms} commands failed, ${failures} were reported`);
  for (const { word, verb } of plan.commands) {
    if (verb === 'boom') continue;
    const count = answers.get(word) ?? 0;
    if (count === 0) verdict.lost.push(`command ${word}: not answered`);
    if (count > 1) verdict.doubled.push(`command ${word}: answered ${count} times`);
  }
}

/** Combined during a storm: the digest lists it once, with its state. */
function checkFolded(
  alert: LoadPlan['alerts'][number],
  lines: readonly ShownLine[],
  living: number,
  verdict: Verdict,
): void {
  const named = lines.flatMap((line) =>
    line.text.includes(' combined: this room is rate-limited')
      ? line.text.split('\n').filter((one) => new RegExp(`\\b${alert.name} #\\d+`).test(one))
      : [],
  );
  if (named.length === 0) verdict.lost.push(`${alert.name}: combined, but no digest lists it`);
  if (named.length > 1 || living > 0)
    verdict.doubled.push(`${alert.name}: in ${named.length} lines of digests and ${living} messages`);
  if (named[0] !== undefined && /RESOLVED/.test(named[0]) !== (alert.finally === 'resolved'))
    verdict.wrong.push(`${alert.name}: its digest line says "${named[0]}", it is ${alert.finally}`);
}

function countTap(name: string, living: string, lines: readonly ShownLine[], verdict: Verdict): void {
  const number = /#(\d+)/.exec(living)?.[1];
  // In a storm its line may be in a digest, with others.
  const acks = lines.filter((line) => new RegExp(`\\bhas #${number ?? ''}\\b`).test(line.text)).length;
  if (acks === 0 || !living.includes('ACKED')) verdict.lost.push(`${name}: has a reaction, but is not acknowledged`);
  if (acks > 1) verdict.doubled.push(`${name}: acknowledged ${acks} times`);
}

async function connected<T>(databaseUrl: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Details to investigate a failed verdict: event states, reactions without effect, and answers. */
async function whatHappened(databaseUrl: string, lost: readonly string[]): Promise<string> {
  return connected(databaseUrl, async (client) => {
    const { rows } = await client.query(
      `select kind, state, result, count(*)::int as count from events group by 1, 2, 3 order by 1, 2, 3`,
    );
    const { rows: ignored } = await client.query(
      `select id, source_id, accepted_at, handled_at, lane from events where kind = 'reaction' and coalesce(result, '') <> 'ok' limit 5`,
    );
    const { rows: audit } = await client.query(
      `select at, command, text, result, because from audit where result <> 'ok' and skill = 'alerts' limit 5`,
    );
    const { rows: errors } = await client.query(
      `select at, skill, message from errors where message not like '%on purpose%' limit 5`,
    );
    const words = lost.flatMap((line) => /^command (\w+):/.exec(line)?.[1] ?? []);
    const { rows: answers } = await client.query(
      `select m.* from messages m, unnest($1::text[]) word where m.content like '%' || word || '%' or m.attempt like '%' || word || '%'`,
      [words],
    );
    const { rows: tasks } = await client.query(
      `select t.* from tasks t, unnest($1::text[]) word where to_jsonb(t)::text like '%' || word || '%'`,
      [words],
    );
    return `what happened: ${JSON.stringify({ rows, ignored, audit, errors, answers, tasks })}`;
  });
}

/** Webhook calls that shared their transaction with others. */
export async function handledTogether(databaseUrl: string): Promise<number> {
  return connected(databaseUrl, async (client) => {
    const { rows } = await client.query<{ count: number }>(
      `select coalesce(sum(count), 0)::int as count from (select count(*) as count from events where state = 'done' and kind = 'webhook' group by xmin::text having count(*) > 1) shared`,
    );
    return rows[0]?.count ?? 0;
  });
}

async function ringsByAlert(
  databaseUrl: string,
): Promise<Map<string, { rings: number; delivered: number; copies: number; fold: boolean }>> {
  return connected(databaseUrl, async (client) => {
    const { rows } = await client.query<{
      content: string;
      ring_version: number;
      delivered_ring: number;
      copies: string;
      fold: string | null;
    }>(
      `select content, ring_version, delivered_ring, copies, fold from messages where skill = 'alerts' and key ~ '^alert:[0-9]+$' and state = 'live'`,
    );
    return new Map(
      rows.map((row) => {
        const { title = '' } = JSON.parse(row.content) as { title?: string };
        const copies = JSON.parse(row.copies) as { parts: unknown[] }[];
        return [
          /(Soak\d+|After\d+) #/.exec(title)?.[1] ?? title,
          {
            rings: row.ring_version,
            delivered: row.delivered_ring,
            copies: copies.reduce((sum, copy) => sum + copy.parts.length, 0),
            fold: row.fold !== null,
          },
        ];
      }),
    );
  });
}

/** Resolves when the bot has a stream position for each connector: earlier messages are never run. */
export async function listening(databaseUrl: string, connectors: readonly string[]): Promise<void> {
  return connected(databaseUrl, async (client) => {
    const sql = 'select 1 from cursors where connector = any($1)';
    while ((await client.query(sql, [connectors])).rowCount !== connectors.length)
      await new Promise((resolve) => setTimeout(resolve, 50));
  });
}

/** Resolves when nothing is left to do, or after `withinMs` to what is left. */
export async function settle(databaseUrl: string, withinMs: number): Promise<string | undefined> {
  const end = Date.now() + withinMs;
  return connected(databaseUrl, async (client) => {
    for (let quiet = 0; ;) {
      const { rows } = await client.query<{
        events: number;
        messages: number;
        tasks: number;
        failed: number;
        dead: number;
      }>(
        `select (select count(*)::int from events where state = 'new') as events, (select count(*)::int from messages where pending) as messages,
           (select count(*)::int from tasks where state <> 'done') as tasks, (select count(*)::int from events where state = 'failed') as failed, (select count(*)::int from messages where state = 'dead') as dead`,
      );
      const left = rows[0];
      // A task whose replica died shows no activity until that is noticed, which takes longer than the quiet period.
      quiet = left && left.events === 0 && left.messages === 0 && left.tasks === 0 ? quiet + 1 : 0;
      // The homeserver's long poll may still deliver something: wait for a quiet period.
      if (quiet >= 15) return left && left.dead > 0 ? `${left.dead} dead letters` : undefined;
      if (Date.now() > end) return `after ${withinMs / 1000} s there are still ${JSON.stringify(left)}`;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  });
}
