import type { IncomingMessage, ServerResponse } from 'node:http';
import { map } from './json.ts';
import type { Json, JsonMap } from './json.ts';

/** A request, read completely. */
export interface CompleteRequest {
  readonly path: string;
  readonly contentType: string;
  readonly bearer: string | undefined;
  readonly body: Buffer;
  /** The arguments from the query and the body; undefined: the body does not match its content type. */
  given(): Promise<JsonMap | undefined>;
}

export interface Reply {
  readonly status: number;
  readonly body: JsonMap | string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Undefined: the client has disconnected. */
export async function readRequest(request: IncomingMessage): Promise<CompleteRequest | undefined> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  } catch {
    return undefined;
  }
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://fake');
  const contentType = request.headers['content-type'] ?? '';
  const body = Buffer.concat(chunks);
  return {
    path: pathname,
    contentType,
    bearer: /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1],
    body,
    given: async () => {
      const fields = await parse(contentType, body);
      return fields && { ...Object.fromEntries(searchParams), ...fields };
    },
  };
}

async function parse(contentType: string, body: Buffer): Promise<JsonMap | undefined> {
  if (contentType.startsWith('application/json')) {
    try {
      return map(JSON.parse(body.toString() || '{}') as Json);
    } catch {
      return undefined;
    }
  }
  if (!contentType.startsWith('multipart/form-data')) return Object.fromEntries(new URLSearchParams(body.toString()));
  const fields: JsonMap = {};
  for (const [name, value] of await form(contentType, body)) if (typeof value === 'string') fields[name] = value;
  return fields;
}

/** The bytes of an upload: the body, or the first file of a form. */
export async function uploaded({ contentType, body }: CompleteRequest): Promise<Buffer> {
  if (!contentType.startsWith('multipart/form-data')) return body;
  for (const [, value] of await form(contentType, body))
    if (typeof value !== 'string') return Buffer.from(await value.arrayBuffer());
  return Buffer.alloc(0);
}

function form(contentType: string, body: Buffer): Promise<FormData> {
  return new Response(new Uint8Array(body), { headers: { 'content-type': contentType } }).formData();
}

export function reply(response: ServerResponse, { status, body, headers }: Reply): void {
  if (typeof body === 'string') return replyText(response, status, body, headers);
  replyText(response, status, JSON.stringify(body), { 'Content-Type': 'application/json; charset=utf-8', ...headers });
}

export function replyText(
  response: ServerResponse,
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (response.destroyed || response.headersSent) return;
  response.writeHead(status, { 'Content-Type': 'text/plain', 'Content-Length': Buffer.byteLength(body), ...headers });
  response.end(body);
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
