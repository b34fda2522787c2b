import { formatDuration } from '../chat/duration.ts';
import { escape } from '../chat/message.ts';
import { formatTime } from '../chat/time.ts';
import type { Commands } from '../contract/command.ts';
import type { CommandContext } from '../contract/context.ts';
import type { Person } from '../contract/people.ts';
import { CommandError } from '../errors.ts';
import { linkAccount, unlinkAccount } from '../people/linked-accounts.ts';
import { countWrongGuess, createCode, guessPauseMs, storeCode, takeCode } from '../people/link-codes.ts';

type LinkContext = CommandContext<unknown, Record<string, unknown>>;

/** How people add their accounts on other platforms to the one in the configuration. */
export const linkCommands: Commands = {
  'link {code?}': {
    help: 'adds your account on another platform: send it in a direct message to get a code',
    late: 'run',
    unlisted: true,
    secret: true,
    run: (context) => link(context),
  },
  'unlink {connector}': { help: 'removes an account that you added with `link`', late: 'run', run: unlinkOwn },
  'unlink {connector} {person}': {
    help: 'removes an account that someone added with `link`',
    class: 'admin',
    run: unlinkOther,
  },
};

async function link(context: LinkContext): Promise<void> {
  const { args, sender, room, sql, now, wrong } = context;
  const code = args['code'] === undefined ? undefined : String(args['code']);
  if (!room.direct || room.name !== undefined) {
    if (code === undefined) return wrong('`link` works only in a direct message. Send it to me there.');
    // Anyone in the room could use it.
    await takeCode(sql, code, now);
    return wrong(
      '`link` works only in a direct message. A code that was sent in a room is no longer valid: get a new one with `link`.',
    );
  }
  if (sender.kind !== 'account') return wrong('Only accounts on a platform can be linked.');
  const person = sender.person === undefined ? undefined : context.people.byId(sender.person);
  if (person) return code === undefined ? giveCode(context, person) : wrong(alreadyListed(person));
  if (code === undefined)
    return wrong(
      'This account is not listed under `people:`. From an account that is, send me `link` in a direct message; then send me `link CODE` here.',
    );
  return useCode(context, code);
}

async function giveCode(context: LinkContext, person: Person): Promise<void> {
  const { sql, now, timeZone } = context;
  const code = createCode();
  const expiresAt = await storeCode(sql, { person: person.id, code }, now);
  const accounts = Object.entries(person.accounts).map(
    ([connector, account]) => `${escape(connector)} \`${escape(account)}\``,
  );
  await context.reply(
    [
      `Send me \`link ${code}\` in a direct message from your account on another platform, before ${formatTime(expiresAt, timeZone, now)}. It works once and links that account to you: do not share it.`,
      `Your accounts: ${accounts.join(', ')}. \`unlink CONNECTOR\` removes one that you added.`,
    ].join('\n'),
  );
}

async function useCode(context: LinkContext, code: string): Promise<void> {
  const { sender, sql, now, people } = context;
  const account = { connector: sender.connector, account: sender.accountId };
  const pauseMs = await guessPauseMs(sql, account, now);
  if (pauseMs > 0) return context.wrong(`Too many wrong codes. Try again in ${formatDuration(pauseMs)}.`);
  const id = await takeCode(sql, code, now);
  const person = id === undefined ? undefined : people.byId(id);
  if (!person) {
    await countWrongGuess(sql, account, now);
    return context.invalid(
      'That code is wrong, has expired or was already used. To get a new one, send me `link` from an account that is listed.',
    );
  }
  const other = await linkAccount(sql, people, { ...account, person: person.id }, now);
  const name = escape(person.name);
  const connector = escape(account.connector);
  // An error, so that the code can still be used.
  if (other === account.account) throw new CommandError('This account has just been linked. `whoami` shows to whom.');
  if (other !== undefined)
    throw new CommandError(
      `${name} already has an account on ${connector}: \`${escape(other)}\`. If it was added with \`link\`, \`unlink ${connector}\` removes it; otherwise ask an admin.`,
    );
  await context.reply(
    `This account is now linked to ${name}: it has the same rights and gets the same direct messages. \`unlink ${connector}\` undoes that.`,
  );
  // So that a stolen code does not go unnoticed.
  await context.notify(
    person.id,
    `The account \`${escape(account.account)}\` (${escape(sender.name)}) on ${connector} is now linked to you. If that was not you, send me \`unlink ${connector}\` and tell an admin.`,
    { key: `linked:${account.connector}:${account.account}` },
  );
}

async function unlinkOwn(context: LinkContext): Promise<string> {
  const { args, sender, people } = context;
  const person = sender.person === undefined ? undefined : people.byId(sender.person);
  if (!person) throw new CommandError('This account is not listed under `people:`, and not linked to anyone.');
  const removed = await unlink(context, person.id);
  if (removed !== undefined) return `${removed} no longer linked to you.`;
  const connector = String(args['connector']);
  throw new CommandError(
    Object.hasOwn(person.accounts, connector)
      ? `Your account on ${escape(connector)} is in the configuration: an admin has to remove it there.`
      : `You have not linked an account on ${escape(connector)}.`,
  );
}

async function unlinkOther(context: LinkContext): Promise<string> {
  const id = String(context.args['person']);
  const removed = await unlink(context, id);
  if (removed === undefined)
    throw new CommandError(`${escape(id)} has not linked an account on ${escape(String(context.args['connector']))}.`);
  return `${removed} no longer linked to ${escape(id)}.`;
}

/** The removed accounts as the beginning of a sentence; undefined: there were none. */
async function unlink({ args, sql }: LinkContext, person: string): Promise<string | undefined> {
  const removed = await unlinkAccount(sql, { connector: String(args['connector']), person });
  if (removed.length === 0) return undefined;
  const names = removed.map(({ connector, account }) => `\`${escape(account)}\` on ${escape(connector)}`);
  return `${names.join(', ')} ${names.length === 1 ? 'is' : 'are'}`;
}

function alreadyListed(person: Person): string {
  return `This account already belongs to ${escape(person.name)}. Send the code from the account that you want to add.`;
}
