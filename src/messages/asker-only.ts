import type { Connector, Receiver } from '../connectors/connector.ts';

export const DIRECT = 'direct:';

/** The room name, in message rows, of the conversation with one account. */
export const directRoom = (account: string): string => `${DIRECT}${account}`;

/** A row that may be visible to one account only. */
export interface AskerOnly {
  readonly visible_to: string | null;
  readonly respond_token: string | null;
  readonly respond_until: Date | null;
}

/** How a private message reaches its account: as a private reply, or else in the conversation with it; never in the room. */
export type AskerOnlyRoute = { readonly to: Receiver } | { readonly direct: string };

/** Undefined when the platform cannot do it. Pure. */
export function askerOnlyRoute(
  { visible_to: accountId, respond_token: token, respond_until: until }: AskerOnly,
  { asker, direct }: Connector['capabilities'],
  now: Date,
): AskerOnlyRoute | undefined {
  if (accountId === null) return undefined;
  if (token !== null && until !== null && until > now) return { to: { accountId, respond: { token, until } } };
  if (asker) return { to: { accountId } };
  return direct ? { direct: directRoom(accountId) } : undefined;
}
