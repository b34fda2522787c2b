import { job, openTasks, type OpenTasks } from '../../test/harness/tasks.ts';
import { until } from '../../test/harness/until.ts';
import { z } from '../skill.ts';

let tasks: OpenTasks;
beforeAll(async () => {
  tasks = await openTasks();
});
afterEach(() => tasks.clear());
afterAll(() => tasks.close());

const reports = async (): Promise<unknown[]> =>
  (
    await tasks.database.query<{ payload: string }>(`select payload from events where kind = 'progress' order by id`)
  ).map((row) => (JSON.parse(row.payload) as { progress: unknown }).progress);
const reporting = { progress: z.object({ percent: z.number() }) as z.ZodType<unknown> };

test('of reports that were not handled yet only the newest is kept, before the result', async () => {
  const id = await tasks.queue({ n: 1 }, { key: 'it' });
  tasks.start(
    job({
      ...reporting,
      run: async ({ report }) => {
        await report({ percent: 1 });
        for (const percent of [20, 40, 60]) void report({ percent });
        await report({ percent: 90 });
        return 1;
      },
    }),
  );
  await tasks.ended();
  expect(await reports()).toEqual([{ percent: 90 }]);
  const events = await tasks.database.query<{ kind: string; lane: string; payload: string }>(
    'select kind, lane, payload from events order by id',
  );
  expect(events.map(({ kind }) => kind)).toEqual(['progress', 'task']);
  expect(new Set(events.map(({ lane }) => lane))).toEqual(new Set([`math:task:${id}`]));
  expect(JSON.parse(events[0]?.payload ?? '')).toEqual({ id, key: 'it', payload: { n: 1 }, progress: { percent: 90 } });
});

test('a report does not replace one that is being handled', async () => {
  await tasks.queue();
  let more = (): void => {};
  const handled = new Promise<void>((resolve) => (more = resolve));
  tasks.start(
    job({
      ...reporting,
      run: async ({ report }) => {
        await report({ percent: 1 });
        await handled;
        await report({ percent: 50 });
        return 1;
      },
    }),
  );
  await until(async () => (await reports()).length === 1);
  await tasks.database.transaction(async ({ query }) => {
    await query(`select 1 from events where kind = 'progress' for update`);
    more();
    await tasks.ended();
  });
  expect(await reports()).toEqual([{ percent: 1 }, { percent: 50 }]);
});

test('reports of a superseded attempt are ignored', async () => {
  const id = await tasks.queue();
  let reported = false;
  tasks.start(
    job({
      ...reporting,
      run: async ({ report }) => {
        await tasks.database.query('update tasks set attempt = attempt + 1 where id = $1', [id]);
        await report({ percent: 50 });
        reported = true;
        return 1;
      },
    }),
  );
  await until(() => reported);
  expect(await reports()).toEqual([]);
});

test('a report that does not match its schema fails the task', async () => {
  await tasks.queue();
  tasks.start(job({ ...reporting, run: async ({ report }) => (await report({ percent: 'half' }), 1) }));
  await tasks.ended();
  expect(await tasks.results()).toMatchObject([{ ok: false, reason: expect.stringContaining('expected number') }]);
});
