import { FAULTS, type Fault, type FaultyPlatform, type Outcome } from './faults.ts';
import { skipped, Table, type Call } from './table.ts';

export interface FaultSubject {
  readonly name: string;
  readonly calls: readonly Call[];
  /** `now`: the time by the bot's clock, which the fake must use. */
  start(now: () => number): Promise<FaultyPlatform>;
}

/** A call that meets a fault, and the key of the message in question. */
interface Cell {
  readonly call: Call;
  readonly fault: Fault;
  readonly outcome: Outcome;
  readonly key: string;
}

const usualOutcome = (fault: Fault): Outcome =>
  fault === 'rejected' ? 'dead' : fault === 'gone' ? 'given up' : 'shown';

/**
 * Declares one test for each call and fault, through the complete bot: Postgres, dispatcher, delivery and connector. All use
 * one bot, so each test also proves that the previous fault left it working, without a restart.
 */
export function describeFaults(subject: FaultSubject): void {
  describe(`faults of ${subject.name}`, () => {
    let table: Table | undefined;
    afterAll(() => table?.stop());
    const run = async (_: string, { call, fault, outcome, key }: Cell): Promise<void> => {
      table ??= await Table.start(subject.start);
      try {
        await table.run(call, fault, outcome, key);
      } catch (error) {
        // Start afresh, so that one failure does not fail the tests after it.
        await table.stop();
        table = undefined;
        throw error;
      }
    };
    const cells = cellsOf(subject);
    const to = (outcome: Outcome): [string, Cell][] =>
      cells.flatMap((cell) => (cell.outcome === outcome ? [[titleOf(cell), cell]] : []));
    test.each(to('shown'))('%s: done once, in order, and the next message is shown', run);
    test.each(to('dead'))('%s: reported once, and the next message is shown', run);
    test.each(to('given up'))('%s: given up, and the next message is shown', run);
  });
}

function titleOf({ call: { call, scenario }, fault }: Pick<Cell, 'call' | 'fault'>): string {
  return `${call} (${scenario}) meets ${FAULTS[fault]}`;
}

function cellsOf({ name, calls }: FaultSubject): Cell[] {
  return calls.flatMap((call, row) =>
    (Object.keys(FAULTS) as Fault[]).flatMap((fault, column) => {
      const why = call.cannot?.[fault];
      if (why === undefined)
        return [{ call, fault, outcome: call.outcomes?.[fault] ?? usualOutcome(fault), key: `m${row}x${column}` }];
      skipped(`${name} cannot ${why}: ${titleOf({ call, fault })}`);
      return [];
    }),
  );
}
