import { WorkQueues, type Turn } from './work-queues.ts';

const WEBHOOK = 'alerts alertmanager';
let queues: WorkQueues;
beforeEach(() => {
  queues = new WorkQueues();
});

const add = (id: number, lane: string | null = null, { webhook = null as string | null, urgent = false } = {}): void =>
  queues.add({ id, lane, webhook }, { urgent, drain: false });
const sweep = (id: number, lane: string | null = null): void =>
  queues.add({ id, lane }, { urgent: false, drain: true });
const ids = (turn: Turn | undefined): number[] => turn?.works.map(({ id }) => id) ?? [];

/** Takes the next turn and ends it with an outcome. */
function handle(outcome: 'handled' | 'none' | 'left' = 'handled', meanwhile = (): void => {}): number[] {
  const turn = queues.take(true);
  meanwhile();
  for (const work of turn?.works ?? []) queues.ended(work, outcome);
  if (turn) turn.queue.active--;
  return ids(turn);
}

test('an event is queued once, however often it is added, and again after it has ended', () => {
  add(1);
  add(1);
  sweep(1);
  expect([handle(), handle()]).toEqual([[1], []]);
  add(1);
  expect(handle()).toEqual([1]);
});

test('a lane is taken once for each added event, including those added while one is handled', () => {
  add(1, 'a');
  add(2, 'a');
  expect(handle('handled', () => add(3, 'a'))).toHaveLength(1);
  expect([handle(), handle(), handle()].flat()).toHaveLength(2);
  add(4, 'a');
  expect([handle(), handle()].flat()).toHaveLength(1);
});

test('a lane that a sweep found is taken until it is empty', () => {
  sweep(1, 'a');
  expect([handle(), handle(), handle('none'), handle()].flat()).toHaveLength(3);
});

test('an empty lane is taken again only if an event was added meanwhile', () => {
  add(1, 'a');
  expect(handle('none', () => add(2, 'a'))).toHaveLength(1);
  expect([handle('none'), handle()].flat()).toHaveLength(1);
});

test('events from people go first, and are taken even while others have to wait', () => {
  add(1);
  add(2, null, { urgent: true });
  expect(ids(queues.take(false))).toEqual([2]);
  expect(ids(queues.take(false))).toEqual([]);
  expect(ids(queues.take(true))).toEqual([1]);
});

test('calls of one webhook are taken in batches of up to 32, two at a time', () => {
  for (let id = 1; id <= 100; id++) add(id, null, { webhook: WEBHOOK });
  const turns = [queues.take(true), queues.take(true), queues.take(true)];
  expect(turns.map((turn) => turn?.works.length)).toEqual([32, 32, undefined]);
  expect(turns[0]?.queue.webhook).toBe(WEBHOOK);
  if (turns[0]) turns[0].queue.active--;
  expect(queues.take(true)?.works).toHaveLength(32);
  expect(queues.length).toBe(4);
});

test('a storm of one webhook delays neither another webhook nor single events', () => {
  for (let id = 1; id <= 100; id++) add(id, null, { webhook: WEBHOOK });
  add(101);
  add(102, null, { webhook: 'forge forge' });
  expect([handle(), handle(), handle()].map(([first]) => first).toSorted((a = 0, b = 0) => a - b)).toEqual([
    1, 101, 102,
  ]);
});

test('a call that did not fit stays queued, and calls moved out of the batch are taken alone', () => {
  add(1, null, { webhook: WEBHOOK });
  add(2, null, { webhook: WEBHOOK });
  expect(handle('left')).toEqual([1, 2]);
  const turn = queues.take(true);
  for (const work of turn?.works ?? []) queues.queueAlone(work);
  expect([handle(), handle(), handle()]).toEqual([[1], [2], []]);
});

test('after everything was cleared, added events are queued again', () => {
  add(1);
  add(2, 'a');
  queues.clear();
  expect(queues.length).toBe(0);
  add(1);
  add(2, 'a');
  expect([handle(), handle()]).toEqual([[1], [2]]);
});
