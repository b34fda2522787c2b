import type { Context } from '#skill';

/** The answer that `watchbell pair` waits for; see cli-pair.ts. */
export interface Answer {
  readonly ok: boolean;
  readonly says: string;
}

const KEPT_MS = 3_600_000;

/** Stores an answer where the command line polls for it. It is deleted after an hour. */
export async function answerRequest(context: Context, request: string | undefined, answer: Answer): Promise<void> {
  if (request === undefined) return;
  await context.state.set(`request:${request}`, { ...answer });
  await context.at(`request:${request}`, new Date(context.now.getTime() + KEPT_MS), 'forget', request);
}
