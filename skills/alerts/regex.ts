import { parseRegex, type Accepts, type Node } from './regex-parser.ts';

/**
 * Regular expressions in linear time, for matchers over labels that anybody can choose.
 *
 * Alertmanager's are RE2, which never backtracks. JavaScript's do, so that `(a+)+b` against a hostile label stops the
 * program; and back references and lookaround mean nothing to Alertmanager. So: the subset of RE2 that matchers use, as
 * a set of states that walks over the text once (Thompson 1968, as told by Russ Cox, "Regular Expression Matching Can
 * Be Simple And Fast").
 */
export interface Regex {
  /** Whether the whole text matches; Alertmanager anchors both ends. */
  test(text: string): boolean;
}

type State =
  | { readonly type: 'one'; readonly accepts: Accepts; next: number }
  | { readonly type: 'split'; readonly to: number[] }
  | { readonly type: 'start' | 'end'; next: number }
  | { readonly type: 'done' };

/** A repeat is unrolled, so `(a{1000}){1000}` would be a million states. */
const MAX_STATES = 10_000;

/** @throws {Error} saying in a sentence what is not understood. */
export function compileRegex(pattern: string): Regex {
  const node = parseRegex(pattern);
  const states: State[] = [{ type: 'done' }];
  const first = build(node, 0, states);
  return { test: (text) => run(states, first, text) };
}

/** Builds from the end backwards: `next` is the state after this node; returns the node's first state. */
function build(node: Node, next: number, states: State[]): number {
  if (states.length > MAX_STATES) throw new Error('the expression is too large');
  switch (node.type) {
    case 'one':
      return states.push({ type: 'one', accepts: node.accepts, next }) - 1;
    case 'start':
    case 'end':
      return states.push({ type: node.type, next }) - 1;
    case 'sequence':
      return node.of.reduceRight((after, one) => build(one, after, states), next);
    case 'choice':
      return states.push({ type: 'split', to: node.of.map((one) => build(one, next, states)) }) - 1;
    case 'repeat': {
      let first = next;
      if (node.max === Infinity) {
        const loop: State & { type: 'split' } = { type: 'split', to: [next] };
        first = states.push(loop) - 1;
        loop.to.push(build(node.of, first, states));
      } else {
        for (let extra = node.min; extra < node.max; extra++)
          first = states.push({ type: 'split', to: [next, build(node.of, first, states)] }) - 1;
      }
      for (let times = 0; times < node.min; times++) first = build(node.of, first, states);
      return first;
    }
  }
}

function run(states: readonly State[], first: number, text: string): boolean {
  let current: number[] = [];
  const marks = new Int32Array(states.length).fill(-1);
  const add = (state: number, into: number[], at: number): void => {
    const waiting = [state];
    for (let index = waiting.pop(); index !== undefined; index = waiting.pop()) {
      if (marks[index] === at) continue;
      marks[index] = at;
      const found = states[index];
      if (found?.type === 'split') waiting.push(...found.to);
      else if (found?.type === 'one' || found?.type === 'done') into.push(index);
      else if (found && at === (found.type === 'start' ? 0 : text.length)) waiting.push(found.next);
    }
  };
  add(first, current, 0);
  for (let at = 0; at < text.length;) {
    const code = text.codePointAt(at) ?? 0;
    at += code > 0xffff ? 2 : 1;
    const following: number[] = [];
    for (const index of current) {
      const state = states[index];
      if (state?.type === 'one' && state.accepts(code)) add(state.next, following, at);
    }
    if (following.length === 0) return false;
    current = following;
  }
  return current.includes(0);
}
