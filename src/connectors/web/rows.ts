import { randomUUID } from 'node:crypto';
import { Gone, keyText, Rejected, type ConnectorEnvironment, type Operation } from '../connector.ts';

type Query = ConnectorEnvironment['pages']['query'];

/** Writes what one operation asks for; resolves to the id of the message concerned. A repeat changes nothing. */
export async function performOn(query: Query, connector: string, operation: Operation): Promise<string> {
  switch (operation.type) {
    case 'send':
      return send(query, connector, operation);
    case 'edit':
      return changed(await edit(query, connector, operation.target, JSON.stringify(operation.part.body)));
    case 'delete':
      return changed(await remove(query, connector, operation.target));
    default:
      throw new Rejected(`pages have no ${operation.type}`);
  }
}

type Send = Extract<Operation, { type: 'send' }>;

async function send(query: Query, connector: string, { room, key, part, replyTo, thread, to }: Send): Promise<string> {
  // The row that a repeat meets is touched, because only what is written is seen whoever else wrote it meanwhile.
  const rows = await query<{ id: string }>(
    `insert into web_messages (id, connector, room, key, body, reply_to, visible_to) values ($1, $2, $3, $4, $5, $6, $7)
     on conflict (connector, key) do update set key = excluded.key returning id`,
    [
      randomUUID(),
      connector,
      room,
      keyText(key),
      JSON.stringify(part.body),
      replyTo ?? thread ?? null,
      to?.accountId ?? null,
    ],
  );
  return idOf(rows);
}

function edit(query: Query, connector: string, id: string, body: string): Promise<{ id: string }[]> {
  return query(
    `update web_messages set body = $3, version = version + (body <> $3)::int, changed_at = clock_timestamp()
     where connector = $1 and id = $2 and not deleted returning id`,
    [connector, id, body],
  );
}

function remove(query: Query, connector: string, id: string): Promise<{ id: string }[]> {
  return query(
    `update web_messages set deleted = true, body = '{}', version = version + 1, changed_at = clock_timestamp()
     where connector = $1 and id = $2 and not deleted returning id`,
    [connector, id],
  );
}

function changed(rows: readonly { id: string }[]): string {
  if (rows.length === 0) throw new Gone();
  return idOf(rows);
}

function idOf([row]: readonly { id: string }[]): string {
  if (!row) throw new Error('the row was not written');
  return row.id;
}
