import type { JsonObject, JsonValue, Part } from '../connector.ts';
import { isObject } from './json.ts';
import type { MatrixBody, MatrixFile } from './body.ts';

/** The body of a stored part, read defensively: another release may have written it. */
export function bodyOf(part: Part): MatrixBody {
  const { text, html, mentions, notice, image, file } = part.body;
  return {
    text: typeof text === 'string' ? text : '',
    html: typeof html === 'string' ? html : null,
    mentions: Array.isArray(mentions) ? mentions.filter((one: JsonValue) => typeof one === 'string') : [],
    notice: notice === true,
    ...imageOf(image),
    ...fileOf(file),
  };
}

function imageOf(image: JsonValue | undefined): Pick<MatrixBody, 'image'> {
  if (!isObject(image) || typeof image['png'] !== 'string') return {};
  return { image: { png: image['png'], width: Number(image['width']), height: Number(image['height']) } };
}

function fileOf(file: JsonValue | undefined): Pick<MatrixBody, 'file'> {
  if (!isObject(file) || typeof file['name'] !== 'string' || typeof file['mediaType'] !== 'string') return {};
  const { name, mediaType, size, width, height } = file;
  return {
    file: {
      ...{ name, mediaType, size: Number(size) },
      ...(typeof width === 'number' && { width }),
      ...(typeof height === 'number' && { height }),
    },
  };
}

/** Specification, "m.image" and "m.file": with a file name, the body is a caption. */
function fileContent({ url = '', name, mediaType, size, width, height }: MatrixFile, text: string): JsonObject {
  const picture = { ...(width !== undefined && { w: width }), ...(height !== undefined && { h: height }) };
  return {
    msgtype: mediaType.startsWith('image/') ? 'm.image' : 'm.file',
    ...{ body: text, filename: name, url, info: { mimetype: mediaType, size, ...picture }, 'm.mentions': {} },
  };
}

function base(body: MatrixBody, prefix = ''): JsonObject {
  if (body.file?.url) return fileContent(body.file, prefix + body.text);
  if (body.image?.url !== undefined) {
    const { url, width, height, size = 0 } = body.image;
    const info = { mimetype: 'image/png', w: width, h: height, size };
    return { msgtype: 'm.image', body: prefix + body.text, url, info, 'm.mentions': {} };
  }
  return {
    msgtype: body.notice ? 'm.notice' : 'm.text',
    body: prefix + body.text,
    ...(body.html === null ? {} : { format: 'org.matrix.custom.html', formatted_body: prefix + body.html }),
    // Always present, even if empty: then servers notify only the users named here, not for a name or @room in the text.
    'm.mentions': body.mentions.length > 0 ? { user_ids: body.mentions } : {},
  };
}

/** `m.room.message` for a new message. In a thread it is also a reply to the root, for old clients. */
export function sendContent(body: MatrixBody, replyTo: string | undefined, thread: string | undefined): JsonObject {
  if (thread !== undefined) {
    const answered = { 'm.in_reply_to': { event_id: replyTo ?? thread } };
    return {
      ...base(body),
      'm.relates_to': { rel_type: 'm.thread', event_id: thread, is_falling_back: replyTo === undefined, ...answered },
    };
  }
  return replyTo === undefined
    ? base(body)
    : { ...base(body), 'm.relates_to': { 'm.in_reply_to': { event_id: replyTo } } };
}

/** `m.room.message` that replaces `target`. Its own mentions are empty, so that an edit notifies nobody (specification, "Mentioning in edits"). */
export function editContent(body: MatrixBody, target: string): JsonObject {
  return {
    ...base(body, '* '),
    'm.mentions': {},
    'm.new_content': base(body),
    'm.relates_to': { rel_type: 'm.replace', event_id: target },
  };
}

export function reactionContent(target: string, emoji: string): JsonObject {
  return { 'm.relates_to': { rel_type: 'm.annotation', event_id: target, key: emoji } };
}
