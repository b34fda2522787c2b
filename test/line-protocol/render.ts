import { cut } from '../../src/chat/cut.ts';
import { fit } from '../../src/chat/fit.ts';
import { markdownToPlain } from '../../src/chat/markdown.ts';
import type { Message } from '../../src/chat/message.ts';
import type { Part, RenderOptions } from '../../src/connectors/connector.ts';
import { MAX_BYTES } from './platform.ts';

/** One part of plain text, with the labels of its buttons and the identifiers for presses. */
export function render(message: Message, { press }: RenderOptions): Part[] {
  const { title, text, fields = [], code, actions = [] } = fit(message, MAX_BYTES / 2);
  const rows = [title, text && markdownToPlain(text), ...fields.map(({ label, value }) => `${label}: ${value}`), code];
  const body = {
    text: cut(rows.filter(Boolean).join('\n'), MAX_BYTES / 2),
    ...(press && { press: { ...press }, buttons: actions.map(({ label }) => label) }),
  };
  return [{ body, bytes: Buffer.byteLength(JSON.stringify(body)) }];
}
