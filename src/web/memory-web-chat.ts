import { toMessage } from '../chat/message.ts';
import type { MessageLike } from '../chat/message.ts';
import { MOST_LINES } from './web-chat.ts';
import type { Following, WebChat, WebExcerpt, WebLine, WebPress, WebReader, WebSend } from './web-chat.ts';

/** A web chat in memory, for tests: idempotent by id as the real one is. */
export class MemoryWebChat implements WebChat {
  readonly sent: WebSend[] = [];
  readonly pressed: WebPress[] = [];
  /** Lines of an excerpt. */
  most = MOST_LINES;
  /** Called first; throw to be out of order. */
  before: () => void = () => {};
  /** A press is answered when this is. */
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
      return { excerpt, stop, more: () => this.tell(room) };
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
    for (const untold of this.readers.get(room)?.values() ?? []) untold.set(id, line);
    this.tell(room);
  }

  private tell(room: string): void {
    for (const [reader, untold] of this.readers.get(room) ?? []) {
      if (untold.size === 0 || !reader.isReady()) continue;
      reader.tell([...untold.values()]);
      untold.clear();
    }
  }
}
