import blossom from 'edmonds-blossom-fixed';

/** Two vertices and the cost of matching them: an integer below 2⁵⁰. */
export type Edge = readonly [one: number, other: number, cost: number];

/**
 * A matching with as many pairs as possible, and among those one with the lowest cost (Edmonds' blossom algorithm). Returns
 * the mate of each matched vertex. Time grows with vertices × edges: keep the graph sparse.
 */
export function cheapestMatching(edges: readonly Edge[]): ReadonlyMap<number, number> {
  const vertices = [...new Set(edges.flatMap(([one, other]) => [one, other]))];
  const indexOf = new Map(vertices.map((vertex, index) => [vertex, index]));
  const dearest = edges.reduce((most, [, , cost]) => Math.max(most, cost), 0);
  // The algorithm maximises weight, so invert costs. With `true` it matches as many as possible, even at weight 0.
  const mates = blossom(
    edges.map(([one, other, cost]) => [indexOf.get(one) ?? 0, indexOf.get(other) ?? 0, dearest - cost]),
    true,
  );
  const found = new Map<number, number>();
  for (const [index, vertex] of vertices.entries()) {
    const mate = vertices[mates[index] ?? -1];
    if (mate !== undefined) found.set(vertex, mate);
  }
  return found;
}
