import { escape } from '../chat/message.ts';
import { readable, type IndexedCommand, type Lookup } from '../commands/command-index.ts';
import type { Actor } from '../contract/actor.ts';
import type { Registry } from '../registry/registry.ts';
import type { Place, CommandRequest } from './command-request.ts';

/** Further rooms are counted, not listed. */
const MAX_ROOMS = 5;

/** Whether the skill listens in that place. */
export function isListening(registry: Registry, skill: string, place: Pick<Place, 'name' | 'direct'>): boolean {
  const rooms = registry.skills.get(skill)?.rooms;
  return place.direct || rooms === undefined || (place.name !== undefined && rooms.has(place.name));
}

/** The commands that an actor may run there, in the order of `help`. */
export function usableCommands(
  registry: Registry,
  actor: Actor,
  place: Pick<Place, 'name' | 'direct' | 'onlySkill'>,
): IndexedCommand[] {
  return registry.commands.all.filter(
    (entry) =>
      !entry.command.hidden &&
      (place.onlySkill === undefined || [place.onlySkill, 'core'].includes(entry.skill)) &&
      isListening(registry, entry.skill, place) &&
      registry.decide({
        actor,
        skill: entry.skill,
        command: entry.name,
        class: entry.command.class ?? 'read',
        room: place.name,
        direct: place.direct,
        unlisted: entry.command.unlisted,
      }).allow,
  );
}

/** The reply to text that is not a command; undefined: none. */
export function answerUnknown(
  registry: Registry,
  { actor, place, text, answerUnknown: isAsked }: CommandRequest,
): string | undefined {
  if (!isAsked || !(place.name !== undefined || actor.person !== undefined || actor.kind !== 'account'))
    return undefined;
  const near = registry.commands.nearest(text, usableCommands(registry, actor, place));
  const said = text === '' ? 'Yes?' : `I do not know that.`;
  return near ? `${said} Did you mean \`${readable(near)}\`?` : `${said} Say \`help\` to see what I can do.`;
}

/**
 * The reply where a skill does not listen: it names the rooms where it does. With `!` only for an actual command; only to
 * actors who may list the rooms; and not for late commands, which the room's own bot has answered already.
 */
export function notListeningReply(
  registry: Registry,
  { actor, place, tapped, lateMs, answerUnknown: isAsked }: CommandRequest,
  { found, entry }: Exclude<Lookup, { readonly found: 'nothing' }>,
): string | undefined {
  if (tapped || lateMs > 0 || (!isAsked && found !== 'command')) return undefined;
  const asked = { actor, skill: 'core', command: 'rooms', class: 'read' as const };
  if (!registry.decide({ ...asked, room: place.name, direct: place.direct }).allow) return undefined;
  const rooms = [...(registry.skills.get(entry.skill)?.rooms ?? [])].map(escape);
  const named = rooms.slice(0, MAX_ROOMS).join(', ');
  const where =
    rooms.length === 0
      ? ` or in any other; configure a room under \`skills.${entry.skill}\``
      : `, only in ${named}${rooms.length > MAX_ROOMS ? ` and ${rooms.length - MAX_ROOMS} more` : ''}`;
  return `\`${entry.skill}\` does not listen in this room${where}.`;
}

/** What was not understood, and the usage of the command. */
export function usageReply({ entry, mismatch }: Extract<Lookup, { readonly found: 'misfit' }>): string {
  const usage = `Usage: \`${readable(entry)}\``;
  return mismatch ? `${escape(mismatch.message)}. ${usage}` : usage;
}
