declare module 'edmonds-blossom-fixed' {
  /** Maximum-weight matching; edges are `[one, other, weight]`. Returns the mate of each vertex, -1: none. */
  export default function blossom(edges: [number, number, number][], maxCardinality?: boolean): number[];
}
