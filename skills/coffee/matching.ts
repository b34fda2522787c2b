import blossom from 'edmonds-blossom-fixed';

/** Two vertices and what it costs to match them; whole numbers below 2⁵⁰. */
export type Edge = readonly [one: number, other: number, cost: number];

/**
 * As many pairs as the edges allow, and among such matchings one of least cost: Edmonds' blossom algorithm. Returns the
 * mate of each matched vertex. Time grows with vertices × edges: keep the graph sparse.
 */
export function cheapestMatching(edges: readonly Edge[]): ReadonlyMap<number, number> {
  const vertices = [...new Set(edges.flatMap(([one, other]) => [one, other]))];
  const indexOf = new Map(vertices.map((vertex, index) => [vertex, index]));
  const dearest = edges.reduce((most, [, , cost]) => Math.max(most, cost), 0);
  // Greater weights first: the algorithm maximises, and of edges without weight it would still take all it can.
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
