import { z } from 'zod';
import { Gone, Rejected, type Operation } from '../connector.ts';
import type { SlackApi } from './api.ts';
import { bodyOf, metadataOf, shownBy } from './content.ts';
import { nameOfEmoji } from './emoji.ts';
import { sendToOne } from './ephemeral.ts';
import { classified, slugOf } from './failures.ts';
import { keepFile, shareFile, uploadFile } from './files.ts';
import { findMessage } from './find.ts';
import { messageId, tsOf } from './ids.ts';
import { escapeText, type SlackBody } from './render.ts';

type Of<Type extends Operation['type']> = Extract<Operation, { type: Type }>;

const anything = z.looseObject({});
const posted = z.looseObject({ channel: z.string(), ts: z.string() });

/** Errors that mean the thread no longer exists. */
const NO_THREAD = new Set(['thread_not_found', 'message_not_found', 'cannot_reply_to_message', 'invalid_thread_ts']);
const NO_UNFURLING = { unfurl_links: false, unfurl_media: false };

/** Slack limits requests per method, and new messages per channel. */
export function bucketsOf(operation: Operation): readonly string[] {
  switch (operation.type) {
    case 'edit':
      return ['chat.update'];
    case 'delete':
      return ['chat.delete'];
    case 'react':
      return ['reactions.add'];
    case 'upload':
      return ['files'];
    case 'send':
      return operation.to ? ['response_url', 'chat.postEphemeral'] : operation.part.file ? ['files'] : [];
  }
}

/**
 * Performs one operation. A retried send is looked up first, because Slack has no idempotency keys.
 * @throws the contract's errors.
 */
export async function perform(api: SlackApi, operation: Operation, signal: AbortSignal): Promise<string> {
  try {
    return await once(api, operation, signal);
  } catch (error) {
    const bucket = bucketsOf(operation).at(-1) ?? `room:${operation.room}`;
    throw classified(error, { room: operation.room, bucket });
  }
}

async function once(api: SlackApi, operation: Operation, signal: AbortSignal): Promise<string> {
  switch (operation.type) {
    case 'upload':
      return uploadFile(api, operation.file, signal);
    case 'send':
      return operation.to ? sendToOne(api, operation, signal) : send(api, operation, signal);
    case 'edit':
      return edit(api, operation, signal);
    case 'delete':
      await api.call('chat.delete', placeOf(operation), anything, signal);
      return operation.target;
    case 'react':
      return react(api, operation, signal);
  }
}

async function send(api: SlackApi, operation: Of<'send'>, signal: AbortSignal): Promise<string> {
  try {
    return await sendWithin(api, operation, signal);
  } catch (error) {
    if (operation.thread === undefined || !NO_THREAD.has(slugOf(error) ?? '')) throw error;
    return sendWithin(api, { ...operation, thread: undefined }, signal);
  }
}

async function sendWithin(api: SlackApi, operation: Of<'send'>, signal: AbortSignal): Promise<string> {
  const { room, thread, key, part, unknownTries, uploads } = operation;
  const body = bodyOf(part);
  const isRepeat = unknownTries > 0;
  const file = uploads?.[0];
  if (body.file && file)
    return shareFile(api, { room, thread, file, title: body.file.name, comment: body.text, isRepeat }, signal);
  const found = isRepeat ? await findMessage(api, { room, thread, key }, signal) : undefined;
  if (found !== undefined) return found;
  const answer = await api.call(
    'chat.postMessage',
    {
      ...{ channel: room, ...(await shown(api, body, signal)), metadata: metadataOf(key), ...NO_UNFURLING },
      ...(thread !== undefined && { thread_ts: tsOf(thread) }),
    },
    posted,
    signal,
  );
  return messageId(answer.channel, answer.ts);
}

async function edit(api: SlackApi, operation: Of<'edit'>, signal: AbortSignal): Promise<string> {
  const { target, part, uploads } = operation;
  const body = bodyOf(part);
  const file = uploads?.[0];
  if (body.file && file) await keepFile(api, file, body.file.name, signal);
  const files = body.file && file ? { file_ids: [file] } : {};
  const given = { ...placeOf(operation), blocks: [], ...(await shown(api, body, signal)), ...files };
  await api.call('chat.update', given, anything, signal);
  return target;
}

/** The content of a message. A picture is uploaded first; uploading it again in a retry is invisible. */
async function shown(api: SlackApi, body: SlackBody, signal: AbortSignal): Promise<object> {
  if (body.file) return { text: `${escapeText(body.file.name)}: ${body.text}` };
  if (!body.image) return shownBy(body);
  const { png, alt } = body.image;
  const picture = { name: 'image.png', alt, bytes: Buffer.from(png, 'base64') };
  const file = await uploadFile(api, picture, signal);
  if (file === '') return shownBy(body);
  await keepFile(api, file, 'image.png', signal);
  return { text: body.text, blocks: [{ type: 'image', slack_file: { id: file }, alt_text: alt || 'image' }] };
}

async function react(api: SlackApi, operation: Of<'react'>, signal: AbortSignal): Promise<string> {
  const name = nameOfEmoji(operation.emoji);
  if (name === undefined) throw new Rejected(`Slack has no emoji ${operation.emoji}`);
  const { channel, ts: timestamp } = placeOf(operation);
  try {
    await api.call('reactions.add', { channel, timestamp, name }, anything, signal);
  } catch (error) {
    if (slugOf(error) !== 'already_reacted') throw error;
  }
  return operation.target;
}

/** @throws {Gone} for a message that Slack does not store, such as an ephemeral one. */
function placeOf({ room, target }: { room: string; target: string }): { channel: string; ts: string } {
  const ts = tsOf(target);
  if (!/^\d+\.\d+$/.test(ts)) throw new Gone();
  return { channel: room, ts };
}
