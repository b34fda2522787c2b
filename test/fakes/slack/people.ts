import { randomUUID } from 'node:crypto';
import type { Channel } from './channel.ts';
import { canonicalName } from './emoji.ts';
import { blockActions, slashCommand } from './interaction.ts';
import { join, leave, emitCreated } from './membership.ts';
import type { Message } from './message.ts';
import { addReaction, removeReaction } from './methods/reactions.ts';
import { richText, typed } from './mrkdwn.ts';
import type { Outbox } from './outbox.ts';
import type { ResponseUrls } from './response-urls.ts';
import type { Workspace } from './workspace.ts';

export interface SayOptions {
  readonly thread?: string;
  readonly broadcast?: boolean;
  /** For a bot: it posts under this name, as `bot_message`. */
  readonly username?: string;
}

/** What people do. People and channels are given by id or name. */
export class People {
  private readonly workspace: Workspace;
  private readonly outbox: Outbox;
  private readonly responseUrls: ResponseUrls;
  private readonly url: () => string;

  constructor(workspace: Workspace, outbox: Outbox, responseUrls: ResponseUrls, url: () => string) {
    this.workspace = workspace;
    this.outbox = outbox;
    this.responseUrls = responseUrls;
    this.url = url;
  }

  /** Types a message; mentions are given as Slack writes them: `<@U1>`. For a bot, its app posts it. Returns its `ts`. */
  say(user: string, channel: string, words: string, options: SayOptions = {}): string {
    const { id, botId, appId } = this.workspace.user(user);
    const where = this.workspace.channel(channel);
    if (where.isArchived) throw new Error(`${channel} is archived`);
    const kept = typed(words);
    return this.workspace.post(where, {
      user: id,
      text: kept,
      blocks: [{ ...richText(kept), block_id: randomUUID().slice(0, 5) }],
      threadTs: options.thread,
      isBroadcast: options.broadcast ?? false,
      ...(options.username === undefined ? {} : { subtype: 'bot_message', extra: { username: options.username } }),
      ...(botId === undefined ? { clientMsgId: randomUUID() } : { botId, appId }),
    }).ts;
  }

  /** A mention of a user, for use in a text. */
  mention(user: string): string {
    return `<@${this.workspace.user(user).id}>`;
  }

  /** Adding a mention emits `app_mention`, as for a new message. */
  edit(user: string, channel: string, ts: string, words: string): void {
    const { id } = this.workspace.user(user);
    const { where, message } = this.find(channel, ts);
    const kept = typed(words);
    const isMentioned = message.text.includes(this.mention(this.workspace.app.userId));
    this.workspace.change(where, message, () => {
      message.text = kept;
      message.blocks = [{ ...richText(kept), block_id: randomUUID().slice(0, 5) }];
      message.edits += 1;
      message.edited = { user: id, ts: this.workspace.newTs() };
    });
    if (!isMentioned) this.workspace.emitMention(where, message);
  }

  /** Slack adds a preview of a link: `message_changed` without an edit. */
  unfurl(channel: string, ts: string, title: string): void {
    const { where, message } = this.find(channel, ts);
    this.workspace.change(where, message, () => {
      message.attachments = [{ id: 1, from_url: 'https://fake.test/', title, fallback: title }];
    });
  }

  remove(channel: string, ts: string): void {
    const { where, message } = this.find(channel, ts);
    this.workspace.remove(where, message);
  }

  react(user: string, channel: string, ts: string, name: string): void {
    const { where, message } = this.find(channel, ts);
    addReaction(this.workspace, where, message, this.workspace.user(user).id, canonicalName(name) ?? name);
  }

  unreact(user: string, channel: string, ts: string, name: string): void {
    const { where, message } = this.find(channel, ts);
    removeReaction(this.workspace, where, message, this.workspace.user(user).id, canonicalName(name) ?? name);
  }

  /**
   * Presses a button or chooses an option, by its position, `action_id` or value. Resolves when the app has acknowledged.
   */
  async press(user: string, channel: string, ts: string, which: number | string): Promise<void> {
    const { id } = this.workspace.user(user);
    const where = this.workspace.channel(channel);
    const alone = where.ephemeral.find((one) => one.user === id && one.message.ts === ts)?.message;
    const message = alone ?? this.find(channel, ts).message;
    const responseUrl = this.url() + this.responseUrls.create('actions', where, id, message);
    const payload = blockActions(this.workspace, where, message, id, which, responseUrl, alone !== undefined);
    await this.outbox.send({ kind: 'interactive', payload });
  }

  /** Types `/COMMAND WORDS`. Resolves when the app has acknowledged. */
  async command(user: string, channel: string, command: string, words: string): Promise<void> {
    const { id } = this.workspace.user(user);
    const where = this.workspace.channel(channel);
    const path = this.responseUrls.create('commands', where, id);
    const payload = slashCommand(this.workspace, where, id, command, words, this.url() + path);
    const response = await this.outbox.send({ kind: 'slash_commands', payload });
    if (response) this.responseUrls.acknowledge(path, response);
  }

  /** The conversation of these people and the bot. */
  direct(...people: readonly string[]): string {
    const ids = people.map((user) => this.workspace.user(user).id);
    return this.workspace.direct([this.workspace.app.userId, ...ids]).channel.id;
  }

  /** Creates a channel; when it is public, every app gets `channel_created`. Returns its id. */
  createChannel(user: string, name: string, isPrivate = false): string {
    const { id } = this.workspace.user(user);
    const channel = this.workspace.addChannel(isPrivate ? 'group' : 'channel', name, id, [id]);
    emitCreated(this.workspace, channel);
    return channel.id;
  }

  join(user: string, channel: string): void {
    join(this.workspace, this.workspace.channel(channel), this.workspace.user(user).id);
  }

  /** Adds a user, or the bot, to a channel. */
  invite(by: string, channel: string, user: string): void {
    join(this.workspace, this.workspace.channel(channel), this.workspace.user(user).id, this.workspace.user(by).id);
  }

  leave(user: string, channel: string): void {
    leave(this.workspace, this.workspace.channel(channel), this.workspace.user(user).id);
  }

  /** Removes a user, or the bot, from a channel. */
  kick(by: string, channel: string, user: string): void {
    leave(this.workspace, this.workspace.channel(channel), this.workspace.user(user).id, this.workspace.user(by).id);
  }

  /** Shares a file. Returns the `ts` of its message. */
  share(user: string, channel: string, name: string, comment = ''): string {
    const { id } = this.workspace.user(user);
    return this.workspace.post(this.workspace.channel(channel), {
      user: id,
      text: typed(comment),
      subtype: 'file_share',
      files: [{ id: this.workspace.newId('F'), name, title: name, user: id }],
    }).ts;
  }

  private find(channel: string, ts: string): { readonly where: Channel; readonly message: Message } {
    const where = this.workspace.channel(channel);
    const message = where.find(ts);
    if (!message) throw new Error(`no message ${ts} in ${channel}`);
    return { where, message };
  }
}
