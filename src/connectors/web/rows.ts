import { randomUUID } from 'node:crypto';
import { Gone, keyText, Rejected, type ConnectorEnvironment, type Operation } from '../connector.ts';

type Query = ConnectorEnvironment['pages']['query'];

/**
 * Performs one operation; resolves to the message's id. A repeat changes nothing, and neither does a request that arrives after a later
 * one for the same message.
 */
export async function performOn(query: Query, connector: string, operation: Operation): Promise<string> {
  switch (operation.type) {
    case 'send':
      return send(query, connector, operation);
    case 'edit':
      return changed(await edit(query, connector, operation));
    case 'delete':
      return changed(await remove(query, connector, operation));
    default:
      throw new Rejected(`pages have no ${operation.type}`);
  }
}

type Send = Extract<Operation, { type: 'send' }>;
type Edit = Extract<Operation, { type: 'edit' }>;
type Delete = Extract<Operation, { type: 'delete' }>;

async function send(query: Query, connector: string, { room, key, part, replyTo, thread, to }: Send): Promise<string> {
  // On a repeat, the existing row is updated so that it is returned, even if another transaction has just inserted it.
  const rows = await query<{ id: string }>(
    `insert into web_messages (id, connector, room, key, body, reply_to, visible_to, sends) values ($1, $2, $3, $4, $5, $6, $7, $8)
     on conflict (connector, key) do update set key = excluded.key returning id`,
    [
      randomUUID(),
      connector,
      room,
      keyText(key),
      JSON.stringify(part.body),
      replyTo ?? thread ?? null,
      to?.accountId ?? null,
      key.count,
    ],
  );
  return idOf(rows);
}

// Both statements rewrite the row unchanged after a later request. Postgres re-evaluates the conditions on concurrently updated rows.
function edit(query: Query, connector: string, { target, key, part }: Edit): Promise<{ id: string }[]> {
  return query(
    `update web_messages set body = case when sends <= $4 then $3 else body end, version = version + (sends <= $4 and body <> $3)::int,
       changed_at = case when sends <= $4 then clock_timestamp() else changed_at end, sends = greatest(sends, $4)
     where connector = $1 and id = $2 and (not deleted or sends > $4) returning id`,
    [connector, target, JSON.stringify(part.body), key.count],
  );
}

function remove(query: Query, connector: string, { target, key }: Delete): Promise<{ id: string }[]> {
  return query(
    `update web_messages set deleted = deleted or sends <= $3, body = case when sends <= $3 then '{}' else body end,
       version = version + (sends <= $3)::int, changed_at = case when sends <= $3 then clock_timestamp() else changed_at end,
       sends = greatest(sends, $3)
     where connector = $1 and id = $2 and (not deleted or sends > $3) returning id`,
    [connector, target, key.count],
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
