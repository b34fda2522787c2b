import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { FileContent } from '../connector.ts';
import type { SlackApi } from './api.ts';
import { isRefusal, slugOf } from './failures.ts';
import { messageId, tsOf } from './ids.ts';

/** Slack shows a file and detects its type a moment after the upload is completed. */
const POLL_MS = 100;

const ticket = z.looseObject({ upload_url: z.url({ protocol: /^https?$/ }), file_id: z.string() });
const anything = z.looseObject({});
const share = z.record(z.string(), z.array(z.looseObject({ ts: z.string() })));
const info = z.looseObject({
  file: z.looseObject({
    mimetype: z.string().default(''),
    shares: z.looseObject({ public: share.optional(), private: share.optional() }).optional(),
  }),
});

/** Uploads the bytes without showing them, and resolves to Slack's id of the file; empty: Slack rejects it. */
export async function uploadFile(
  api: SlackApi,
  { name, alt, bytes }: Pick<FileContent, 'name' | 'alt' | 'bytes'>,
  signal: AbortSignal,
): Promise<string> {
  const given = { filename: name, length: bytes.length, ...(alt && { alt_txt: alt }) };
  const place = await api.call('files.getUploadURLExternal', given, ticket, signal).catch((error: unknown) => {
    if (isRefusal(error)) return undefined;
    throw error;
  });
  if (!place) return '';
  const response = await api.post(place.upload_url, new Uint8Array(bytes), 'application/octet-stream', signal);
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`Slack answered an upload with ${response.status}`);
  // If the file cannot be looked up, posting it exactly once is impossible.
  return fileInfo(api, place.file_id, signal).then(
    () => place.file_id,
    (error: unknown) => {
      if (isRefusal(error)) return '';
      throw error;
    },
  );
}

export interface Share {
  readonly room: string;
  readonly thread: string | undefined;
  readonly file: string;
  readonly title: string;
  readonly comment: string;
  /** An earlier try may have shown it. */
  readonly isRepeat: boolean;
}

/** Posts an uploaded file in a room, once, and resolves to the id of the message. */
export async function shareFile(api: SlackApi, given: Share, signal: AbortSignal): Promise<string> {
  const { room, thread, file, title, comment, isRepeat } = given;
  // Completing a file twice posts it twice. Until it is completed, `files.info` does not find it.
  if (!isRepeat || (await fileInfo(api, file, signal)) === undefined)
    await complete(api, { file, title, channel_id: room, initial_comment: comment, thread }, signal);
  for (;;) {
    const { shares } = (await fileInfo(api, file, signal)) ?? {};
    const shown = shares?.public?.[room]?.at(-1) ?? shares?.private?.[room]?.at(-1);
    if (shown) return messageId(room, shown.ts);
    await sleep(POLL_MS, undefined, { signal });
  }
}

/** Makes an uploaded file available to the bot's messages. Calling it again changes nothing. */
export async function keepFile(api: SlackApi, file: string, title: string, signal: AbortSignal): Promise<void> {
  if ((await fileInfo(api, file, signal)) === undefined)
    await complete(api, { file, title, thread: undefined }, signal);
  while (((await fileInfo(api, file, signal))?.mimetype ?? '') === '') await sleep(POLL_MS, undefined, { signal });
}

interface Completion {
  readonly file: string;
  readonly title: string;
  readonly thread: string | undefined;
  readonly channel_id?: string;
  readonly initial_comment?: string;
}

async function complete(api: SlackApi, given: Completion, signal: AbortSignal): Promise<void> {
  const { file, title, thread, ...place } = given;
  const files = [{ id: file, title }];
  const inThread = thread === undefined ? {} : { thread_ts: tsOf(thread) };
  await api.call('files.completeUploadExternal', { files, ...place, ...inThread }, anything, signal);
}

/** Undefined: the upload is not completed. */
async function fileInfo(
  api: SlackApi,
  file: string,
  signal: AbortSignal,
): Promise<z.infer<typeof info>['file'] | undefined> {
  try {
    return (await api.call('files.info', { file }, info, signal)).file;
  } catch (error) {
    if (slugOf(error) === 'file_not_found') return undefined;
    throw error;
  }
}
