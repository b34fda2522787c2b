import type { Action } from '../chat/message.ts';

/** The actions of a message from this delivered version on. */
interface Offer {
  readonly version: number;
  readonly actions: readonly Action[];
}

/** Older versions are out of date, whatever they offered. */
const MAX_OFFERS = 20;

function offersOf(offered: string | null): Offer[] {
  return JSON.parse(offered ?? '[]') as Offer[];
}

/** Adds the actions of a version that the room shows now, unless they are the same as before; `actions` is JSON. Pure. */
export function withOffer(offered: string | null, version: number, actions: string): string {
  const offers = offersOf(offered);
  if (JSON.stringify(offers.at(-1)?.actions ?? []) === actions) return JSON.stringify(offers);
  return JSON.stringify([...offers, { version, actions: JSON.parse(actions) as Action[] }].slice(-MAX_OFFERS));
}

/** The actions that the message offers now. */
export function actionsOf(offered: string | null): readonly Action[] {
  return offersOf(offered).at(-1)?.actions ?? [];
}

/** The command that a press stands for; of an older version, only if it is still offered. Undefined: the button is out of date. */
export function offeredCommand(
  offered: string | null,
  press: { readonly version: number; readonly index: number },
): string | undefined {
  const seen = offersOf(offered).findLast(({ version }) => version <= press.version)?.actions[press.index]?.command;
  return actionsOf(offered).some(({ command }) => command === seen) ? seen : undefined;
}
