import { matchesWildcard } from '../chat/wildcard.ts';
import type { AccessRule } from '../config/schema.ts';
import type { Actor, CommandClass } from '../contract/actor.ts';

/** May this actor say this command here, or ask this query? */
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
  /** What the command is about: `job:site/deploy`; undefined: nothing that rules can name. */
  readonly resource?: string | undefined;
}

/** What the tokens of the API are for, by name. */
export type TokenLists = Readonly<
  Record<string, { readonly commands: readonly string[]; readonly queries: readonly string[] }>
>;

export interface Decision {
  readonly allow: boolean;
  /** Why, as part of a sentence: told to whoever is refused, kept in the audit and shown by `why`. */
  readonly because: string;
}

/**
 * The one access policy. Pure. The first rule that matches decides; without one, `read` and `respond` are for every
 * member of a configured room, `act` for listed people and API tokens, `admin` for the group `admins` and for whoever runs
 * the program.
 *
 * It fails closed: nothing is for bots, nothing happens in a room that is not configured, direct messages are for
 * listed people, and a guest gets only what a rule gives to `guests`, to that person or to a group of theirs by name.
 */
export function decide(rules: readonly AccessRule[], question: DecisionQuestion, tokens: TokenLists = {}): Decision {
  const { actor, room, direct } = question;
  if (actor.bot) return refused('commands are not for bots');
  const outside = actor.kind === 'token' ? notListed(tokens, question) : undefined;
  if (outside !== undefined) return refused(outside);
  // A configured room with two people in it is a room like any other.
  if (direct && room === undefined && actor.person === undefined && actor.kind === 'account') {
    return refused('direct messages are for people listed under people:; ask an admin');
  }
  if (!direct && room === undefined) return refused('this room is not in the configuration');
  for (const [index, rule] of rules.entries()) {
    const named = matchedName(rule, question);
    if (named === undefined) continue;
    const which = `access rule ${index + 1}`;
    if (rule.allow !== undefined) return allowed(`${which} allows it to ${named}`);
    return refused(rule.reason ?? `${which} denies \`${question.command}\` to ${named}`);
  }
  return withoutRule(question);
}

/** A token does nothing that its entry does not name; access rules may deny what it names. */
function notListed(tokens: TokenLists, question: DecisionQuestion): string | undefined {
  const { actor, command, isQuery = false } = question;
  const name = actor.accountId.replace(/^token:/, '');
  const lists = Object.hasOwn(tokens, name) ? tokens[name] : undefined;
  if (!lists) return `${actor.accountId} is not in the configuration any more`;
  const list = isQuery ? 'queries' : 'commands';
  if (lists[list].some((entry) => matchesCommand(entry, question))) return undefined;
  return `\`${command}\` is not among the ${list} of ${actor.accountId}; ask an admin to add it to api.tokens.${name}.${list}`;
}

function withoutRule({ actor, class: commandClass, command, room }: DecisionQuestion): Decision {
  if (actor.guest) return refused(`\`${command}\` is not for guests; ask an admin for a rule under access:`);
  switch (commandClass) {
    case 'read':
    case 'respond':
      return allowed(`everyone in ${room ?? 'a direct message'} may, and no access rule says otherwise`);
    case 'act':
      if (actor.kind !== 'account')
        return allowed(`${actor.accountId} is in the configuration, and no access rule says otherwise`);
      if (actor.person !== undefined)
        return allowed(`${actor.person} is listed under people:, and no access rule says otherwise`);
      return refused(`\`${command}\` needs somebody listed under people:; ask an admin`);
    case 'admin':
      if (actor.kind === 'program') return allowed(`${actor.accountId} runs the program itself`);
      if (actor.groups.includes('admins')) return allowed(`${actor.person ?? 'the asker'} is in the group admins`);
      return refused(`\`${command}\` is for the group admins; ask one of them`);
    default:
      // A class of a later release, or a slip in a skill written without types.
      return refused(`\`${command}\` is of an unknown class, and no access rule allows it`);
  }
}

/** The entry of the rule that names the asker, when command and room match too. */
function matchedName(rule: AccessRule, question: DecisionQuestion): string | undefined {
  if (rule.in !== undefined && (question.room === undefined || !rule.in.includes(question.room))) return undefined;
  if (!rule.commands.some((entry) => matchesCommand(entry, question))) return undefined;
  const { resource } = question;
  // `job:*` is every job of every namespace.
  if (rule.on !== undefined && !(resource !== undefined && rule.on.some((glob) => matchesWildcard(glob, resource))))
    return undefined;
  const denies = rule.deny !== undefined;
  return (rule.deny ?? rule.allow ?? []).find((entry) => names(entry, question.actor, denies));
}

function matchesCommand(entry: string, { command, skill, class: commandClass }: DecisionQuestion): boolean {
  if (entry === '*') return true;
  if (entry.startsWith('class:')) return entry.slice(6) === commandClass;
  if (entry.startsWith('skill:')) return entry.slice(6) === skill;
  const wanted = words(entry);
  const said = words(command);
  return wanted.length > 0 && wanted.every((word, index) => said[index] === word);
}

function words(text: string): string[] {
  return text.toLowerCase().split(/\s+/).filter(Boolean);
}

/** `everyone` and a platform hold guests when they are denied something, never when they are given it. */
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

function refused(because: string): Decision {
  return { allow: false, because };
}
