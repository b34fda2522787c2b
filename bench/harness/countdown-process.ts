// Counts in many rooms at once: the real program with its platform in memory, or, as the peer, bare timers.
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import countdown from '../../skills/countdown/index.ts';
import type { Operation } from '../../src/connectors/connector.ts';
import type { Message } from '../../src/chat/message.ts';
import { MemoryPlatform, startTestBot } from '../../src/testing/index.ts';
import { monotonicMs } from './clock.ts';

export interface CountdownSetting {
  /** Undefined: bare timers. */
  readonly postgres: string | undefined;
  readonly rooms: number;
}

export interface CountdownOrder {
  readonly length: number;
  /** Commands are sent over this many ms; 0: all counts start at the same instant, from rows written beforehand. */
  readonly spreadMs: number;
}

export interface Counted {
  /** How late each number was handed over, in ms, by its second. */
  readonly lateBySecond: readonly (readonly number[])[];
  readonly missing: number;
  readonly doubled: number;
  readonly processorSeconds: number;
  readonly residentMb: number;
}

const setting = JSON.parse(process.argv[2] ?? '{}') as CountdownSetting;
const roomNames = Array.from({ length: setting.rooms }, (_, index) => `r${index}`);

/** What was handed over when, by room and text. Does not store messages, because a real platform would not store them in this process. */
class HandOver extends MemoryPlatform {
  readonly at = new Map<string, number[]>();
  now: () => number = () => 0;

  override perform(operation: Operation): string {
    if (operation.type === 'send') this.note(operation.room, (operation.part.body['message'] as Message).text ?? '');
    return randomUUID();
  }

  note(room: string, text: string): void {
    const key = `${room} ${text}`;
    this.at.set(key, [...(this.at.get(key) ?? []), this.now()]);
  }
}

const platform = new HandOver();

async function startBot(postgres: string): Promise<(order: CountdownOrder) => Promise<ReadonlyMap<string, number>>> {
  const bot = await startTestBot({
    skills: [countdown],
    migrations: { countdown: join(import.meta.dirname, '../../skills/countdown/migrations') },
    config: { rooms: Object.fromEntries(roomNames.map((name) => [name, { in: { memory: name } }])) },
    platform,
    postgres,
  });
  platform.now = () => bot.app.clock.now().getTime();
  const query = async (sql: string): Promise<Map<string, number>> => {
    const rows = await bot.query<{ room: string; at: Date }>(sql);
    return new Map(rows.map((row) => [row.room, row.at.getTime()]));
  };
  const running = (): Promise<Map<string, number>> => query('select room, started_at as at from countdowns');
  return async ({ length, spreadMs }) => {
    const saidAt = platform.now();
    if (spreadMs === 0) {
      // Their first timers are spread over the 4 s before, as with commands; their numbers are due at the same instant.
      await bot.query(
        `with begun as (insert into countdowns (connector, room, began, down, length, started_at)
           select 'memory', room, '{"accountId":"@ann:test","name":"Ann"}', false, $2, clock_timestamp() + interval '4 s' from unnest($1::text[]) room returning id)
         insert into timers (id, skill, key, name, payload, due_at)
         select gen_random_uuid(), 'countdown', 'count:' || id, 'goOn', json_build_object('id', id)::text, clock_timestamp() + random() * interval '3 s' from begun`,
        [roomNames, length],
      );
    } else {
      const begunMs = monotonicMs();
      for (const [index, room] of roomNames.entries()) {
        await sleep(Math.max(0, begunMs + (spreadMs * index) / roomNames.length - monotonicMs()));
        const sender = { accountId: '@ann:test', name: 'Ann', bot: false, guest: false };
        const said = { id: randomUUID(), room, direct: false, sender, at: bot.app.clock.now() };
        platform.happen({ type: 'message', ...said, text: `!count to ${length}`, mentionsBot: false });
      }
    }
    let startedAt = await running();
    // A command that waits for its handler starts late: the time of handling counts, which is in the audit log.
    if (spreadMs > 0) {
      const latest = 'select distinct on (room) room, at from audit order by room, id desc';
      do {
        await sleep(250);
        startedAt = await query(latest);
      } while ([...startedAt.values()].filter((at) => at >= saidAt).length < roomNames.length);
    }
    while ((await running()).size > 0) await sleep(500);
    return startedAt;
  };
}

/** The minimum cost: a timer for each number, set to its absolute time. */
async function bareTimers({ length, spreadMs }: CountdownOrder): Promise<ReadonlyMap<string, number>> {
  platform.now = monotonicMs;
  const begunMs = monotonicMs();
  const startedAt = new Map(roomNames.map((room, index) => [room, begunMs + (spreadMs * index) / roomNames.length]));
  const counts = roomNames.map(async (room) => {
    for (let k = 1; k <= length; k++) {
      await sleep(Math.max(0, (startedAt.get(room) ?? 0) + k * 1000 - monotonicMs()));
      platform.note(room, String(k));
    }
  });
  await Promise.all(counts);
  return startedAt;
}

function counted(
  startedAt: ReadonlyMap<string, number>,
  length: number,
): Pick<Counted, 'lateBySecond' | 'missing' | 'doubled'> {
  let missing = 0;
  let doubled = 0;
  const lateBySecond = Array.from({ length }, (_, index) =>
    roomNames.flatMap((room) => {
      const [at, ...more] = platform.at.get(`${room} ${index + 1}`) ?? [];
      doubled += more.length;
      if (at === undefined) missing++;
      return at === undefined ? [] : [at - (startedAt.get(room) ?? Number.NaN) - (index + 1) * 1000];
    }),
  );
  return { lateBySecond, missing, doubled };
}

const run = setting.postgres === undefined ? bareTimers : await startBot(setting.postgres);
process.on('disconnect', () => process.exit(0));
process.on('message', (order: CountdownOrder) => {
  platform.at.clear();
  const before = process.cpuUsage();
  void run(order).then((startedAt) => {
    const used = process.cpuUsage(before);
    const answer: Counted = {
      ...counted(startedAt, order.length),
      processorSeconds: (used.user + used.system) / 1e6,
      residentMb: process.memoryUsage.rss() / 1e6,
    };
    process.send?.(answer);
  });
});
process.send?.('ready');
