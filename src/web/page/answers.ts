const MIN_PAUSE_MS = 500;
const MAX_PAUSE_MS = 10_000;

/** Delay before a retry, with jitter, so that many pages do not retry at the same time. */
export function pauseMs(tries: number): number {
  return Math.min(MAX_PAUSE_MS, MIN_PAUSE_MS * 2 ** Math.min(tries, 10)) * (0.75 + Math.random() / 2);
}

export function pause(tries: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, pauseMs(tries)));
}

/** The sentence in an error response. */
export async function sentenceOf(response: Response): Promise<string> {
  try {
    const { title } = (await response.json()) as { title?: string };
    return title ?? `rejected (${response.status})`;
  } catch {
    return `rejected (${response.status})`;
  }
}
