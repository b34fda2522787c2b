const FIRST_MS = 500;
const LONGEST_MS = 10_000;

/** How long to wait before trying once more; with a random part, so that a crowd does not come back in step. */
export function pauseMs(tries: number): number {
  return Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(tries, 10)) * (0.75 + Math.random() / 2);
}

export function pause(tries: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, pauseMs(tries)));
}

/** The sentence in a refusal. */
export async function sentenceOf(response: Response): Promise<string> {
  try {
    const { title } = (await response.json()) as { title?: string };
    return title ?? `refused (${response.status})`;
  } catch {
    return `refused (${response.status})`;
  }
}
