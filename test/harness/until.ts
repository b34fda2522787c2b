/**
 * Resolves when the condition is true; checks every 5 ms.
 * @throws after `withinMs`, with the condition, so that a timeout says what the test waited for.
 */
export async function until(isSo: () => boolean | Promise<boolean>, withinMs = 45_000): Promise<void> {
  const endMs = performance.now() + withinMs;
  while (!(await isSo())) {
    if (performance.now() > endMs)
      throw new Error(`condition still false after ${withinMs / 1000} s: ${isSo.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
