import { WorkQueues, type Turn } from './work-queues.ts';

const WEBHOOK = 'alerts alertmanager';
let lines: WorkQueues;
beforeEach(() => {
  lines = new WorkQueues();
});

const heard = (
  id: number,
  lane: string | null = null,
  { webhook = null as string | null, urgent = false } = {},
): void => lines.add({ id, lane, webhook }, { urgent, drain: false });
const swept = (id: number, lane: string | null = null): void => lines.add({ id, lane }, { urgent: false, drain: true });
const ids = (turn: Turn | undefined): number[] => turn?.works.map(({ id }) => id) ?? [];

/** Takes what is next and says how it ended. */
function handle(outcome: 'handled' | 'none' | 'left' = 'handled', meanwhile = (): void => {}): number[] {
  const turn = lines.take(true);
  meanwhile();
  for (const work of turn?.works ?? []) lines.ended(work, outcome);
  if (turn) turn.line.takers--;
  return ids(turn);
}

test('an event waits once, however often it is heard of, and may come again when it has ended', () => {
  heard(1);
  heard(1);
  swept(1);
  expect([handle(), handle()]).toEqual([[1], []]);
  heard(1);
  expect(handle()).toEqual([1]);
});

test('a lane is taken again for each event that was heard of, also while one is being handled, and no longer', () => {
  heard(1, 'a');
  heard(2, 'a');
  expect(handle('handled', () => heard(3, 'a'))).toHaveLength(1);
  expect([handle(), handle(), handle()].flat()).toHaveLength(2);
  heard(4, 'a');
  expect([handle(), handle()].flat()).toHaveLength(1);
});

test('a lane that a sweep found is taken until there is none left in it', () => {
  swept(1, 'a');
  expect([handle(), handle(), handle('none'), handle()].flat()).toHaveLength(3);
});

test('where none was found, it is looked for again only if one was heard of meanwhile', () => {
  heard(1, 'a');
  expect(handle('none', () => heard(2, 'a'))).toHaveLength(1);
  expect([handle('none'), handle()].flat()).toHaveLength(1);
});

test('what people say goes first, and alone where others have to wait', () => {
  heard(1);
  heard(2, null, { urgent: true });
  expect(ids(lines.take(false))).toEqual([2]);
  expect(ids(lines.take(false))).toEqual([]);
  expect(ids(lines.take(true))).toEqual([1]);
});

test('the calls of one webhook are taken together, up to 32, by two at one time', () => {
  for (let id = 1; id <= 100; id++) heard(id, null, { webhook: WEBHOOK });
  const turns = [lines.take(true), lines.take(true), lines.take(true)];
  expect(turns.map((turn) => turn?.works.length)).toEqual([32, 32, undefined]);
  expect(turns[0]?.line.webhook).toBe(WEBHOOK);
  if (turns[0]) turns[0].line.takers--;
  expect(lines.take(true)?.works).toHaveLength(32);
  expect(lines.length).toBe(4);
});

test('a storm of one webhook keeps neither another one nor what is handled alone from its turn', () => {
  for (let id = 1; id <= 100; id++) heard(id, null, { webhook: WEBHOOK });
  heard(101);
  heard(102, null, { webhook: 'forge forge' });
  expect([handle(), handle(), handle()].map(([first]) => first).toSorted((a = 0, b = 0) => a - b)).toEqual([
    1, 101, 102,
  ]);
});

test('a call that there was no room for waits on, and one that is set apart is taken alone', () => {
  heard(1, null, { webhook: WEBHOOK });
  heard(2, null, { webhook: WEBHOOK });
  expect(handle('left')).toEqual([1, 2]);
  const turn = lines.take(true);
  for (const work of turn?.works ?? []) lines.setApart(work);
  expect([handle(), handle(), handle()]).toEqual([[1], [2], []]);
});

test('after everything was forgotten, what is heard of again waits again', () => {
  heard(1);
  heard(2, 'a');
  lines.clear();
  expect(lines.length).toBe(0);
  heard(1);
  heard(2, 'a');
  expect([handle(), handle()]).toEqual([[1], [2]]);
});
