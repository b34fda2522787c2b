/**
 * A message is identified by its channel and its `ts`, which is unique in the channel and the same in the message event, the
 * mention event and the history.
 */
export const messageId = (channel: string, ts: string): string => `${channel}:${ts}`;

/** The `ts` of a message. */
export const tsOf = (id: string): string => id.slice(id.lastIndexOf(':') + 1);

/** The time of a `ts`, by Slack's clock. */
export const timeOf = (ts: string): Date => new Date(Math.round(Number(ts) * 1000));

/** A `ts` for a time. */
export const tsAt = (ms: number): string => (ms / 1000).toFixed(6);

/** Whether the channel is a conversation with one person. */
export const isDirect = (channel: string): boolean => channel.startsWith('D');
