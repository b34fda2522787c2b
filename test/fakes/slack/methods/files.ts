import { acceptBlocks } from '../blocks.ts';
import { list, map, text } from '../json.ts';
import { sent } from '../mrkdwn.ts';
import { Refusal } from '../refusal.ts';
import { describeFile } from '../uploads.ts';
import type { UploadedFile } from '../uploads.ts';
import { author } from './chat.ts';
import { isMember } from './call.ts';
import type { Call, Method } from './call.ts';

export const files: Readonly<Record<string, Method>> = {
  'files.getUploadURLExternal': ({ workspace, args, url }) => {
    const name = args.required('filename');
    const length = Number(args.required('length'));
    if (!Number.isSafeInteger(length) || length < 1) throw new Refusal('invalid_arguments');
    const file: UploadedFile = {
      id: workspace.newId('F'),
      name,
      length,
      altText: args.text('alt_txt') || args.text('alt_text'),
      user: workspace.app.userId,
      at: workspace.now(),
      title: name,
      bytes: undefined,
      isComplete: false,
      shares: new Map(),
    };
    workspace.files.set(file.id, file);
    return { upload_url: `${url}/upload/v1/${file.id}`, file_id: file.id };
  },

  /** The files are shown a moment later; completing twice shows them twice. */
  'files.completeUploadExternal': (call) => {
    const { workspace, args } = call;
    const given = list(args.json('files', 'invalid_arguments')).map(map);
    if (given.length === 0) throw new Refusal('invalid_arguments');
    const completed = given.map(({ id, title }) => {
      const file = workspace.files.get(text(id));
      if (!file?.bytes) throw new Refusal('file_not_found');
      if (text(title) !== '') file.title = text(title);
      return file;
    });
    const show = showIn(call, completed);
    for (const file of completed) file.isComplete = true;
    if (show) setTimeout(show, call.options.shareDelayMs ?? 20).unref();
    return { files: completed.map(describeFile) };
  },

  'files.info': ({ workspace, args }) => {
    const file = workspace.files.get(args.required('file'));
    if (!file?.isComplete) throw new Refusal('file_not_found');
    return { file: describeFile(file), comments: [], response_metadata: { next_cursor: '' } };
  },
};

function showIn(call: Call, completed: readonly UploadedFile[]): (() => void) | undefined {
  const { workspace, args } = call;
  if (!args.has('channel_id')) return undefined;
  const channel = workspace.channels.get(args.text('channel_id'));
  if (!channel || (channel.kind !== 'channel' && !isMember(call, channel))) throw new Refusal('invalid_channel');
  if (!isMember(call, channel) || channel.isArchived) throw new Refusal('posting_to_channel_denied');
  const threadTs = args.ts('thread_ts') || undefined;
  const blocks = args.json('blocks', 'invalid_blocks_format');
  const kept = blocks === undefined ? undefined : acceptBlocks(blocks, () => workspace.newId('b').slice(-5));
  const comment = sent(args.text('initial_comment'));
  return () => {
    const message = workspace.post(channel, {
      ...author(call),
      text: comment,
      blocks: kept,
      threadTs,
      subtype: 'file_share',
      files: completed.map((file) => ({ id: file.id, name: file.name, title: file.title, user: file.user })),
    });
    for (const file of completed)
      file.shares.set(channel.id, [
        ...(file.shares.get(channel.id) ?? []),
        { ts: message.ts, threadTs, isPrivate: channel.kind !== 'channel' },
      ]);
  };
}
