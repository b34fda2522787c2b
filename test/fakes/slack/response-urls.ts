import { randomUUID } from 'node:crypto';
import { acceptBlocks } from './blocks.ts';
import type { Channel } from './channel.ts';
import { list, map, text } from './json.ts';
import type { Json, JsonMap } from './json.ts';
import { createMessage } from './message.ts';
import type { Message } from './message.ts';
import { sent } from './mrkdwn.ts';
import { Refusal } from './refusal.ts';
import type { Workspace } from './workspace.ts';

const MAX_USES = 5;
const LIFETIME_MS = 30 * 60_000;

interface Given {
  readonly channel: Channel;
  readonly user: string;
  /** What was pressed; undefined for a slash command, which has no message to replace. */
  readonly source: Message | undefined;
  readonly at: number;
  uses: number;
}

/** URLs to answer a press or a slash command, valid for five answers within half an hour. */
export class ResponseUrls {
  private readonly workspace: Workspace;
  private readonly given = new Map<string, Given>();

  constructor(workspace: Workspace) {
    this.workspace = workspace;
  }

  /** A path below the server's address. */
  create(kind: 'actions' | 'commands', channel: Channel, user: string, source?: Message): string {
    const path = `/${kind}/${this.workspace.teamId}/${this.given.size + 1}/${randomUUID()}`;
    this.given.set(path, { channel, user, source, at: this.workspace.now(), uses: 0 });
    return path;
  }

  /** Executes a POST to one of them. @throws {Refusal} whose error code Slack sends as plain text. */
  post(path: string, body: JsonMap): void {
    const given = this.given.get(path);
    if (!given) throw new Refusal('no_service');
    if (this.workspace.now() - given.at > LIFETIME_MS) throw new Refusal('expired_url');
    if (given.uses >= MAX_USES) throw new Refusal('used_url');
    answerPrivately(this.workspace, given, body);
    given.uses += 1;
  }

  /** Does the same with the content of an acknowledgement. */
  acknowledge(path: string, body: JsonMap): void {
    const given = this.given.get(path);
    if (given && (text(body['text']) !== '' || body['blocks'] !== undefined))
      answerPrivately(this.workspace, given, body);
  }
}

function answerPrivately(workspace: Workspace, { channel, user, source }: Given, body: JsonMap): void {
  const isTrue = (name: string): boolean => body[name] === true || body[name] === 'true';
  const alone = channel.ephemeral.find(({ message }) => message === source);
  if (isTrue('delete_original')) {
    if (alone) channel.ephemeral.splice(channel.ephemeral.indexOf(alone), 1);
    else if (source && channel.messages.includes(source)) workspace.remove(channel, source);
    return;
  }
  const content = contentOf(workspace, body);
  if (isTrue('replace_original') && source) {
    if (alone) Object.assign(alone.message, content, { edits: alone.message.edits + 1 });
    else if (channel.messages.includes(source))
      workspace.change(channel, source, () => {
        Object.assign(source, content, {
          edits: source.edits + 1,
          edited: { user: source.user, ts: workspace.newTs() },
        });
      });
    return;
  }
  const { userId, botId, appId } = workspace.app;
  const message = { user: userId, botId, appId, ...content, threadTs: text(body['thread_ts']) || undefined };
  if (body['response_type'] === 'in_channel') workspace.post(channel, message);
  else channel.ephemeral.push({ user, message: createMessage(workspace.newTs(), workspace.now(), message) });
}

function contentOf(workspace: Workspace, body: JsonMap): Pick<Message, 'text' | 'blocks' | 'attachments'> {
  const blocks: Json | undefined = body['blocks'];
  const words = text(body['text']);
  if (words === '' && list(blocks).length === 0 && list(body['attachments']).length === 0) throw new Refusal('no_text');
  return {
    text: sent(words),
    blocks: blocks === undefined ? undefined : acceptBlocks(blocks, () => workspace.newId('b').slice(-5)),
    attachments: body['attachments'] === undefined ? undefined : list(body['attachments']).map(map),
  };
}
