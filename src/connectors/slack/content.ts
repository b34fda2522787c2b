import { keyText, type JsonObject, type JsonValue, type Part, type RequestKey } from '../connector.ts';
import type { SlackBody } from './render.ts';

/** The type of the bot's metadata; the app's manifest subscribes to it, so that events include the key. */
export const METADATA_TYPE = 'watchbell';

/** Parses a stored part defensively: another release may have written it. */
export function bodyOf(part: Part): SlackBody {
  const { text, blocks, image, file } = part.body;
  return {
    text: typeof text === 'string' && text !== '' ? text : '…',
    blocks: Array.isArray(blocks) ? blocks.filter(isObject) : null,
    ...(isObject(image) && { image: { png: String(image['png']), alt: String(image['alt']) } }),
    ...(isObject(file) && { file: { name: String(file['name']) } }),
  };
}

/** The content of a message, however it is posted. */
export function shownBy({ text, blocks }: SlackBody): JsonObject {
  return { text, ...(blocks && blocks.length > 0 && { blocks }) };
}

/** The metadata by which a message is found again. */
export function metadataOf(key: RequestKey): JsonObject {
  return { event_type: METADATA_TYPE, event_payload: { key: keyText(key) } };
}

/** The key of one of this bot's messages; undefined: it has none, or the app may not see it. */
export function keyOf(metadata: unknown): RequestKey | undefined {
  if (!isObject(metadata) || metadata['event_type'] !== METADATA_TYPE || !isObject(metadata['event_payload']))
    return undefined;
  const [, uuid, count] = /^([0-9a-f-]{36})\.(\d{1,9})$/.exec(String(metadata['event_payload']['key'])) ?? [];
  return uuid === undefined ? undefined : { uuid, count: Number(count) };
}

function isObject(value: unknown): value is { [key: string]: JsonValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
