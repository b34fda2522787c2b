import type { Action } from '../chat/message.ts';

/** The actions of a message from this delivered version on. */
interface Offer {
  readonly version: number;
  readonly actions: readonly Action[];
}

/** What is older is out of date, whatever it offered. */
const MOST_OFFERS = 20;

function offersOf(offered: string | null): Offer[] {
  return JSON.parse(offered ?? '[]') as Offer[];
}

/** Adds what a version offers, now that the room shows it; `actions` is JSON. One that offers the same adds nothing. Pure. */
export function withOffer(offered: string | null, version: number, actions: string): string {
  const offers = offersOf(offered);
  if (JSON.stringify(offers.at(-1)?.actions ?? []) === actions) return JSON.stringify(offers);
  return JSON.stringify([...offers, { version, actions: JSON.parse(actions) as Action[] }].slice(-MOST_OFFERS));
}

/** What the room offers now. */
export function actionsOf(offered: string | null): readonly Action[] {
  return offersOf(offered).at(-1)?.actions ?? [];
}

/** The command that a press means; of an older version only if it is still offered. Undefined: the button is out of date. */
export function offeredCommand(
  offered: string | null,
  press: { readonly version: number; readonly index: number },
): string | undefined {
  const seen = offersOf(offered).findLast(({ version }) => version <= press.version)?.actions[press.index]?.command;
  return actionsOf(offered).some(({ command }) => command === seen) ? seen : undefined;
}
