import { archive, rename } from './membership.ts';
import type { Message } from './message.ts';
import type { Tokens } from './tokens.ts';
import type { ChannelOptions, ShownMessage, UserOptions } from './types.ts';
import type { Workspace } from './workspace.ts';

/** Set-up, administration and inspection. People and channels are given by id or name. */
export class Admin {
  private readonly workspace: Workspace;
  private readonly tokens: Tokens;

  constructor(workspace: Workspace, tokens: Tokens) {
    this.workspace = workspace;
    this.tokens = tokens;
  }

  /** Returns the new person's id. */
  addUser(name: string, options: UserOptions = {}): string {
    const { bot, deleted, ...more } = options;
    const made = bot ? { botId: this.workspace.newId('B'), appId: this.workspace.newId('A') } : {};
    return this.workspace.addUser(name, { ...more, ...made, isDeleted: deleted ?? false }).id;
  }

  renameUser(user: string, displayName: string): void {
    const known = this.workspace.user(user);
    known.displayName = displayName;
    const event_ts = this.workspace.newTs();
    this.workspace.onEvent(
      {
        type: 'user_change',
        user: { id: known.id, name: known.name, profile: { display_name: displayName } },
        event_ts,
      },
      undefined,
    );
  }

  deactivate(user: string): void {
    this.workspace.user(user).isDeleted = true;
  }

  /** Adds a channel without an event; its creator is the first member. Returns its id. */
  addChannel(name: string, options: ChannelOptions = {}): string {
    const members = (options.members ?? []).map((member) => this.workspace.user(member).id);
    const channel = this.workspace.addChannel(options.private ? 'group' : 'channel', name, members[0] ?? '', members);
    channel.topic = options.topic ?? '';
    channel.isArchived = options.archived ?? false;
    return channel.id;
  }

  renameChannel(channel: string, name: string): void {
    rename(this.workspace, this.workspace.channel(channel), name);
  }

  archive(channel: string, isArchived = true): void {
    const found = this.workspace.channel(channel);
    archive(this.workspace, found, found.creator, isArchived);
  }

  /** Returns the new user group's id. */
  addGroup(handle: string, users: readonly string[] = []): string {
    const id = this.workspace.newId('S');
    const members = users.map((user) => this.workspace.user(user).id);
    this.workspace.groups.set(id, { id, handle, users: members, isDisabled: members.length === 0 });
    return id;
  }

  /** The members of a user group, by id or handle; none when it is disabled. */
  groupOf(group: string): string[] {
    const found = [...this.workspace.groups.values()].find(({ id, handle }) => [id, handle].includes(group));
    if (!found) throw new Error(`no user group ${group}`);
    return found.isDisabled ? [] : [...found.users];
  }

  membersOf(channel: string): string[] {
    return [...this.workspace.channel(channel).members];
  }

  topicOf(channel: string): string {
    return this.workspace.channel(channel).topic;
  }

  fileText(file: string): string | undefined {
    return this.workspace.files.get(file)?.bytes?.toString();
  }

  /** What the channel shows, threads included, oldest first; with `user`, also what only that user sees. */
  shown(channel: string, user?: string): ShownMessage[] {
    const found = this.workspace.channel(channel);
    const viewer = user === undefined ? undefined : this.workspace.user(user).id;
    const alone = found.ephemeral.filter((one) => one.user === viewer).map((one) => show(one.message, one.user));
    return [...found.messages.map((message) => show(message, null)), ...alone].sort((one, two) =>
      one.ts < two.ts ? -1 : 1,
    );
  }

  /** Makes tokens fail with `invalid_auth`, `token_revoked` or `account_inactive`; null: they work again. */
  refuseTokens(error: string | null, kinds: readonly ('bot' | 'app')[] = ['bot', 'app']): void {
    for (const kind of kinds) this.tokens.refuse(kind, error ?? undefined);
  }

  setScopes(scopes: readonly string[]): void {
    this.tokens.setScopes('bot', scopes);
  }

  /** Removes the app from the workspace: two last events, then no token works. */
  uninstall(): void {
    const { userId } = this.workspace.app;
    this.workspace.onEvent({ type: 'tokens_revoked', tokens: { oauth: [], bot: [userId] } }, undefined);
    this.workspace.onEvent({ type: 'app_uninstalled' }, undefined);
    this.refuseTokens('account_inactive');
  }
}

function show(message: Message, onlyFor: string | null): ShownMessage {
  const { ts, user, botId, text, blocks, threadTs, isBroadcast, reactions, edits, files, metadata, at } = message;
  return {
    ts,
    user,
    botId: botId ?? null,
    text,
    blocks: blocks ?? [],
    thread: threadTs === undefined || threadTs === ts ? null : threadTs,
    broadcast: isBroadcast,
    reactions: [...reactions].map(([name, users]) => ({ name, users })),
    edits,
    onlyFor,
    files: files.map(({ id, name, title }) => ({ id: String(id), name: String(name), title: String(title) })),
    metadata: metadata ?? null,
    at,
  };
}
