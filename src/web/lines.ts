import type { Message } from '../chat/message.ts';
import type { Query } from '../db/database.ts';
import { MAX_BYTES, MAX_LINES, type WebExcerpt, type WebLine } from './web-chat.ts';

/** A line without its content. */
export interface LineHead {
  readonly id: string;
  readonly seq: number;
  readonly version: number;
}

export interface LinesOf {
  readonly connector: string;
  readonly room: string;
  /** The reader: messages visible only to another account are left out. */
  readonly account: string;
}

interface LineRow extends LineHead {
  readonly bot: boolean;
  readonly name: string;
  readonly at: Date;
  readonly reply_to: string | null;
  readonly deleted: boolean;
  /** Null: newer lines have filled the excerpt. */
  readonly content: string | null;
}

/** The limit in each branch makes both scan their index backwards instead of sorting the room's complete history. */
const newest = (ofBot: string, ofPeople: string, which = ''): string =>
  `(select ${ofBot} from web_messages where connector = $1 and room = $2 and (visible_to is null or visible_to = $4) ${which} order by position desc limit $3)
   union all
   (select ${ofPeople} from web_lines where connector = $1 and room = $2 ${which} order by position desc limit $3)`;

const WITH_CONTENT = [
  `id, position as seq, version, true as bot, '' as name, at, reply_to, deleted, body as content`,
  `id, position, 1, false, name, at, reply_to::text, false, text`,
] as const;

/** Lines with content, newest first; content beyond the byte limit is left out, but never that of the first. */
const bounded = (which: string): string =>
  `select id, seq, version, bot, name, at, reply_to, deleted,
     case when sum(octet_length(content)) over newest_first <= ${MAX_BYTES} or row_number() over newest_first = 1 then content end as content
   from (${newest(...WITH_CONTENT, which)}) lines window newest_first as (order by seq desc) order by seq desc limit $3`;

/** The newest lines of a room without content, cheap enough to poll each second. */
export function readHeads(query: Query, { connector, room, account }: LinesOf): Promise<LineHead[]> {
  return query<LineHead>(
    `select * from (${newest('id, position as seq, version', 'id, position, 1')}) lines order by seq desc limit $3`,
    [connector, room, MAX_LINES, account],
  );
}

/** The newest of these lines that fit into an excerpt. */
export async function readLines(query: Query, of: LinesOf, ids: readonly string[]): Promise<WebLine[]> {
  const { connector, room, account } = of;
  return linesWithContent(
    await query<LineRow>(bounded('and id = any($5::uuid[])'), [connector, room, MAX_LINES, account, ids]),
  );
}

/** The newest lines of a room, or of those before a position; `heads` are those of all lines read. */
export async function readExcerpt(
  query: Query,
  { connector, room, account }: LinesOf,
  before?: number,
): Promise<WebExcerpt & { heads: readonly LineHead[] }> {
  const rows = await query<LineRow>(bounded('and ($5::bigint is null or position < $5)'), [
    ...[connector, room, MAX_LINES + 1, account],
    before ?? null,
  ]);
  const lines = linesWithContent(rows.slice(0, MAX_LINES));
  return { lines, earlier: lines.length < rows.length, heads: rows };
}

function linesWithContent(rows: readonly LineRow[]): WebLine[] {
  const first = rows.findIndex(({ content }) => content === null);
  return rows
    .slice(0, first < 0 ? undefined : first)
    .map(lineOf)
    .reverse();
}

function lineOf({ id, seq, version, bot, name, at, reply_to, deleted, content }: LineRow): WebLine {
  return {
    ...{ id, seq, version, author: bot ? 'bot' : name, at: at.toISOString() },
    ...(bot ? shown(content ?? '{}') : { message: plain(content ?? '') }),
    ...(reply_to !== null && { replyTo: reply_to }),
    ...(deleted && { deleted: true }),
  };
}

/** The message as rendered by the connector; empty if it was deleted. */
function shown(body: string): Pick<WebLine, 'message' | 'press'> {
  return { message: {}, ...(JSON.parse(body) as Partial<WebLine>) };
}

/** A person's text is shown as written, never as markup. */
function plain(text: string): Message {
  return { text: text.replace(/[\\`*_[\]<>~|]/g, '\\$&') };
}

export interface StoredLine {
  readonly id: string;
  readonly connector: string;
  readonly room: string;
  readonly account: string;
  readonly name: string;
  readonly text: string;
  readonly replyTo: string | null;
}

/** Stores a person's line. `repeat`: it exists already; `taken`: the id belongs to another line, or to one of the bot. */
export async function insertLine(query: Query, line: StoredLine): Promise<'new' | 'repeat' | 'taken'> {
  const { id, connector, room, account, name, text, replyTo } = line;
  const stored = await query(
    `insert into web_lines (id, connector, room, account, name, text, reply_to) select $1, $2, $3, $4, $5, $6, $7
     where not exists (select from web_messages where id = $1) on conflict do nothing returning id`,
    [id, connector, room, account, name, text, replyTo],
  );
  if (stored.length > 0) return 'new';
  // In a separate statement, which sees the row that the insert waited for.
  const same = await query(
    `select from web_lines where id = $1 and connector = $2 and room = $3 and account = $4 and text = $5 and reply_to is not distinct from $6::uuid`,
    [id, connector, room, account, text, replyTo],
  );
  return same.length > 0 ? 'repeat' : 'taken';
}
