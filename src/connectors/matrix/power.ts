import type { JsonObject, JsonValue } from '../connector.ts';
import { dig, text } from './json.ts';

/** The state of a room that defines permissions. */
export interface PowerState {
  /** `m.room.create`: its content, and who sent it. */
  readonly create: JsonObject;
  readonly creator: string | undefined;
  /** `m.room.power_levels`; a room may have none. */
  readonly levels: JsonObject | undefined;
}

/** The power level that an account has, and needs to send non-state events of a type. */
export function powerOf(
  state: PowerState,
  userId: string,
  type: string,
): { readonly has: number; readonly needs: number } {
  const { levels } = state;
  const needs = levelOf(dig(levels, 'events', type)) ?? levelOf(levels?.['events_default']) ?? 0;
  if (!areCreatorsAbove(state.create)) {
    // Without levels the creator has 100, everyone else 0, and 0 is needed.
    const made = (text(state.create['creator']) ?? state.creator) === userId ? 100 : 0;
    return { has: levels ? levelFor(levels, userId) : made, needs };
  }
  const more = state.create['additional_creators'];
  const isCreator = state.creator === userId || (Array.isArray(more) && more.includes(userId));
  return { has: isCreator ? Number.POSITIVE_INFINITY : levelFor(levels, userId), needs };
}

function levelFor(levels: JsonObject | undefined, userId: string): number {
  return levelOf(dig(levels, 'users', userId)) ?? levelOf(levels?.['users_default']) ?? 0;
}

/**
 * Since room version 12 the creator and `additional_creators` are above all levels and not listed in them (MSC4289); before, they have
 * no such meaning. `org.matrix.hydra.11` was the preview name of version 12.
 */
function areCreatorsAbove(create: JsonObject): boolean {
  const version = text(create['room_version']) ?? '1';
  return Number(version) >= 12 || version.startsWith('org.matrix.hydra.');
}

/** Before room version 10 a level may be text. */
function levelOf(value: JsonValue | undefined): number | undefined {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && /^\s*[+-]?\d+\s*$/.test(value) ? Number(value) : undefined;
}
