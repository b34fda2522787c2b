import { matchesWildcard } from '../chat/wildcard.ts';
import type { AccessRule } from '../config/schema.ts';
import type { Actor, CommandClass } from '../contract/actor.ts';

/** May this actor run this command, or query, here? */
export interface DecisionQuestion {
  readonly actor: Actor;
  readonly skill: string;
  /** The literal words of the command's pattern: `ack`, `job run`; of a query, skill and name: `alerts open`. */
  readonly command: string;
  readonly isQuery?: boolean;
  readonly class: CommandClass;
  /** The configured name; undefined for a direct message and in a room that is not configured. */
  readonly room: string | undefined;
  readonly direct: boolean;
  /** In a direct message it is not only for listed people. */
  readonly unlisted?: boolean | undefined;
  /** The resource of the command, such as `job:site/deploy`; undefined: none. */
  readonly resource?: string | undefined;
}

/** What each API token may do, by name. */
export type TokenLists = Readonly<
  Record<string, { readonly commands: readonly string[]; readonly queries: readonly string[] }>
>;

export interface Decision {
  readonly allow: boolean;
  /** Why, as part of a sentence: in the "Not allowed" reply, in the audit and in `why`. */
  readonly because: string;
}

/**
 * The access policy. Pure. The first matching rule decides. Without one, `read` and `respond` are for every member of a
 * configured room, `act` for listed people and API tokens, `admin` for the group `admins` and for whoever runs the program.
 *
 * It fails closed: bots may do nothing, nothing works in a room that is not configured, direct messages are for listed people
 * (except commands declared `unlisted`), and a guest may do only what a rule allows to `guests`, or to that person or one of their groups by name.
 */
export function decide(rules: readonly AccessRule[], question: DecisionQuestion, tokens: TokenLists = {}): Decision {
  const { actor, room, direct } = question;
  if (actor.bot) return denied('bots may not run commands');
  const outside = actor.kind === 'token' ? notInTokenLists(tokens, question) : undefined;
  if (outside !== undefined) return denied(outside);
  // A configured room with only two members may look like a direct message.
  if (direct && room === undefined && actor.person === undefined && actor.kind === 'account' && !question.unlisted) {
    return denied(
      'direct messages are for people listed under people:; ask an admin, or send `link` if another account of yours is listed',
    );
  }
  if (!direct && room === undefined) return denied('this room is not in the configuration');
  for (const [index, rule] of rules.entries()) {
    const named = matchedName(rule, question);
    if (named === undefined) continue;
    const which = `access rule ${index + 1}`;
    if (rule.allow !== undefined) return allowed(`${which} allows it to ${named}`);
    return denied(rule.reason ?? `${which} denies \`${question.command}\` to ${named}`);
  }
  return withoutRule(question);
}

/** A token may do only what its entry lists; access rules may deny some of that. */
function notInTokenLists(tokens: TokenLists, question: DecisionQuestion): string | undefined {
  const { actor, command, isQuery = false } = question;
  const name = actor.accountId.replace(/^token:/, '');
  const lists = Object.hasOwn(tokens, name) ? tokens[name] : undefined;
  if (!lists) return `${actor.accountId} is no longer in the configuration`;
  const list = isQuery ? 'queries' : 'commands';
  if (lists[list].some((entry) => matchesCommand(entry, question))) return undefined;
  return `\`${command}\` is not among the ${list} of ${actor.accountId}; ask an admin to add it to api.tokens.${name}.${list}`;
}

function withoutRule({ actor, class: commandClass, command, room }: DecisionQuestion): Decision {
  if (actor.guest) return denied(`\`${command}\` is not for guests; ask an admin for a rule under access:`);
  switch (commandClass) {
    case 'read':
    case 'respond':
      return allowed(`everyone in ${room ?? 'a direct message'} may, and no access rule says otherwise`);
    case 'act':
      if (actor.kind !== 'account')
        return allowed(`${actor.accountId} is in the configuration, and no access rule says otherwise`);
      if (actor.person !== undefined)
        return allowed(`${actor.person} is listed under people:, and no access rule says otherwise`);
      return denied(`\`${command}\` is for people listed under people:; ask an admin`);
    case 'admin':
      if (actor.kind === 'program') return allowed(`${actor.accountId} runs the program itself`);
      if (actor.groups.includes('admins')) return allowed(`${actor.person ?? actor.accountId} is in the group admins`);
      return denied(`\`${command}\` is for the group admins; ask one of them`);
    default:
      // A class of a later release, or a mistake in a skill without types.
      return denied(`\`${command}\` has an unknown class, and no access rule allows it`);
  }
}

/** The entry of the rule that names the actor, if command, room and resource match too. */
function matchedName(rule: AccessRule, question: DecisionQuestion): string | undefined {
  if (rule.in !== undefined && (question.room === undefined || !rule.in.includes(question.room))) return undefined;
  if (!rule.commands.some((entry) => matchesCommand(entry, question))) return undefined;
  const { resource } = question;
  // `job:*` matches every job in every namespace.
  if (rule.on !== undefined && !(resource !== undefined && rule.on.some((glob) => matchesWildcard(glob, resource))))
    return undefined;
  const denies = rule.deny !== undefined;
  return (rule.deny ?? rule.allow ?? []).find((entry) => names(entry, question.actor, denies));
}

function matchesCommand(entry: string, { command, skill, class: commandClass }: DecisionQuestion): boolean {
  if (entry === '*') return true;
  if (entry.startsWith('class:')) return entry.slice(6) === commandClass;
  if (entry.startsWith('skill:')) return entry.slice(6) === skill;
  const expected = words(entry);
  const parts = words(command);
  return expected.length > 0 && expected.every((word, index) => parts[index] === word);
}

function words(text: string): string[] {
  return text.toLowerCase().split(/\s+/).filter(Boolean);
}

/** `everyone` and platforms include guests in deny rules, but not in allow rules. */
function names(entry: string, actor: Actor, denies: boolean): boolean {
  if (entry === 'everyone') return denies || !actor.guest;
  if (entry === 'guests') return actor.guest;
  if (entry.startsWith('platform:')) return entry.slice(9) === actor.connector && (denies || !actor.guest);
  if (actor.kind !== 'account' && entry === actor.accountId) return true;
  return entry === actor.person || actor.groups.includes(entry);
}

function allowed(because: string): Decision {
  return { allow: true, because };
}

function denied(because: string): Decision {
  return { allow: false, because };
}
