/**
 * Resolves when it is so; looks every 5 ms.
 * @throws after `withinMs`, naming the condition: a test that waits in vain says for what.
 */
export async function until(isSo: () => boolean | Promise<boolean>, withinMs = 45_000): Promise<void> {
  const endMs = performance.now() + withinMs;
  while (!(await isSo())) {
    if (performance.now() > endMs) throw new Error(`still not so after ${withinMs / 1000} s: ${isSo.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
