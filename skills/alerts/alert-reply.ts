import { numbersText } from './text.ts';

/** A command's reply about one alert, and the same reply about many. */
export interface AlertReply {
  readonly number: number;
  readonly text: string;
  readonly textForMany: (numbers: string) => string;
}

/** One line an alert; more than three alerts with the same kind of reply share a line. */
export function replyLines(replies: readonly AlertReply[]): string[] {
  const kinds = new Map<AlertReply['textForMany'], AlertReply[]>();
  for (const reply of replies) kinds.set(reply.textForMany, [...(kinds.get(reply.textForMany) ?? []), reply]);
  return [...kinds].flatMap(([textForMany, some]) =>
    some.length > 3 ? [textForMany(numbersText(some.map((reply) => reply.number)))] : some.map((reply) => reply.text),
  );
}
