import { toMessage } from '../chat/message.ts';
import type { MessageLike } from '../chat/message.ts';
import type { WebChat, WebLine, WebPress, WebSend } from './web-chat.ts';

/** A web chat in memory, for tests: idempotent by id as the real one is. */
export class MemoryWebChat implements WebChat {
  readonly sent: WebSend[] = [];
  readonly pressed: WebPress[] = [];
  /** Called first; throw to be out of order. */
  before: () => void = () => {};
  /** A press is answered when this is. */
  pressing: Promise<void> = Promise.resolve();
  private readonly listeners = new Map<string, Set<(changed: readonly WebLine[]) => void>>();
  private readonly lines = new Map<string, Map<string, WebLine>>();
  private seq = 0;

  rooms() {
    return [
      { id: 'ops', name: 'ops' },
      { id: 'random', name: 'random' },
    ];
  }

  async history(room: string, limit: number): Promise<readonly WebLine[]> {
    this.before();
    return [...(this.lines.get(room)?.values() ?? [])].sort((a, b) => a.seq - b.seq).slice(-limit);
  }

  async send(room: string, line: WebSend): Promise<void> {
    this.before();
    if (this.sent.some(({ id }) => id === line.id)) return;
    this.sent.push(line);
    const { id, text, replyTo, sender } = line;
    this.show(room, id, { text }, { author: sender.name, ...(replyTo !== undefined && { replyTo }) });
  }

  async press(_room: string, press: WebPress): Promise<void> {
    this.before();
    await this.pressing;
    if (!this.pressed.some(({ id }) => id === press.id)) this.pressed.push(press);
  }

  subscribe(room: string, listener: (changed: readonly WebLine[]) => void): () => void {
    const listeners = this.listeners.get(room) ?? new Set();
    this.listeners.set(room, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  subscribers(room: string): number {
    return this.listeners.get(room)?.size ?? 0;
  }

  /** Shows a line, new or changed. */
  show(room: string, id: string, message: MessageLike, more: Partial<WebLine> = {}): void {
    const lines = this.lines.get(room) ?? new Map<string, WebLine>();
    this.lines.set(room, lines);
    const before = lines.get(id);
    const line: WebLine = {
      id,
      seq: before?.seq ?? ++this.seq,
      author: before?.author ?? 'bot',
      at: before?.at ?? new Date().toISOString(),
      version: (before?.version ?? 0) + 1,
      message: toMessage(message),
      ...more,
    };
    lines.set(id, line);
    for (const listener of this.listeners.get(room) ?? []) listener([line]);
  }
}
