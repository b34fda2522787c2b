import { toMessage } from '../chat/message.ts';
import type { MessageLike } from '../chat/message.ts';
import { MAX_LINES } from './web-chat.ts';
import type { Following, WebChat, WebExcerpt, WebLine, WebPress, WebReader, WebSend } from './web-chat.ts';

/** A web chat in memory, for tests: idempotent by id like the real one. */
export class MemoryWebChat implements WebChat {
  readonly sent: WebSend[] = [];
  readonly pressed: WebPress[] = [];
  /** Maximum number of lines in an excerpt. */
  most = MAX_LINES;
  /** Called before each operation; throws to simulate a failure. */
  before: () => void = () => {};
  /** A press is answered when this resolves. */
  pressing: Promise<void> = Promise.resolve();
  private readonly readers = new Map<string, Map<WebReader, Map<string, WebLine>>>();
  private readonly lines = new Map<string, Map<string, WebLine>>();
  private seq = 0;

  rooms() {
    return [
      { id: 'ops', name: 'ops' },
      { id: 'random', name: 'random' },
    ];
  }

  async follow(room: string, reader: WebReader): Promise<Following> {
    const readers = this.readers.get(room) ?? new Map<WebReader, Map<string, WebLine>>();
    this.readers.set(room, readers.set(reader, new Map()));
    const stop = (): void => void readers.delete(reader);
    try {
      const excerpt = await this.earlier(room, Infinity);
      return { excerpt, stop, more: () => this.notify(room) };
    } catch (error) {
      stop();
      throw error;
    }
  }

  async earlier(room: string, before: number): Promise<WebExcerpt> {
    this.before();
    const older = [...(this.lines.get(room)?.values() ?? [])]
      .filter(({ seq }) => seq < before)
      .sort((a, b) => a.seq - b.seq);
    return { lines: older.slice(-this.most), earlier: older.length > this.most };
  }

  async send(room: string, line: WebSend): Promise<'accepted' | 'taken'> {
    this.before();
    if (this.sent.some(({ id }) => id === line.id)) return 'accepted';
    if (this.lines.get(room)?.has(line.id)) return 'taken';
    this.sent.push(line);
    const { id, text, replyTo, sender } = line;
    this.show(room, id, { text }, { author: sender.name, ...(replyTo !== undefined && { replyTo }) });
    return 'accepted';
  }

  async press(_room: string, press: WebPress): Promise<void> {
    this.before();
    await this.pressing;
    if (!this.pressed.some(({ id }) => id === press.id)) this.pressed.push(press);
  }

  readersOf(room: string): number {
    return this.readers.get(room)?.size ?? 0;
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
      press: { message: id, version: (before?.version ?? 0) + 1 },
      ...more,
    };
    lines.set(id, line);
    for (const pending of this.readers.get(room)?.values() ?? []) pending.set(id, line);
    this.notify(room);
  }

  private notify(room: string): void {
    for (const [reader, pending] of this.readers.get(room) ?? []) {
      if (pending.size === 0 || !reader.isReady()) continue;
      reader.send([...pending.values()]);
      pending.clear();
    }
  }
}
