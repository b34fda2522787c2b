/**
 * The circle method: seats around a table, one of them fixed; everyone else moves on by one each round. Over `seats - 1`
 * rounds each seat faces every other exactly once. `seats` is even; the person who faces an empty seat rests.
 */
export function facing(seat: number, round: number, seats: number): number {
  const moving = seats - 1;
  const turn = ((round % moving) + moving) % moving;
  // Moving seats i and j face each other when i + j = turn; the fixed one faces the i with 2i = turn, and
  // seats / 2 is the inverse of 2 modulo the odd number of moving seats.
  if (seat === moving) return (turn * (seats / 2)) % moving;
  const other = (turn - seat + moving) % moving;
  return other === seat ? moving : other;
}

/**
 * Assigns seats: people keep theirs, newcomers take free ones in the order given. Seats of people who only miss this round are
 * reserved (`kept`). When too many seats are empty, everyone gets a new one.
 */
export function seating(
  seats: readonly (number | undefined)[],
  kept: readonly number[],
): { readonly seats: readonly number[]; readonly count: number } {
  const people = seats.length + kept.length;
  const taken = new Set(kept);
  const found = seats.map((seat) => {
    // Two people with the same seat: only after two histories were merged. The later one moves.
    if (seat === undefined || taken.has(seat)) return undefined;
    taken.add(seat);
    return seat;
  });
  const highest = Math.max(-1, ...taken);
  const isReset = highest + 1 > people * 1.5 + 4;
  if (isReset) taken.clear();
  let free = 0;
  const all = found.map((seat) => {
    if (seat !== undefined && !isReset) return seat;
    while (taken.has(free)) free++;
    taken.add(free);
    return free;
  });
  const count = Math.max(1, ...all, ...(isReset ? [] : kept)) + 1;
  return { seats: all, count: count + (count % 2) };
}
