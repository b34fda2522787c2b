/** A bounded number of places, with a lower limit per holder. */
export interface Places {
  /** Takes a place for `holder`; call the returned function once to free it. Undefined: none is free. */
  take(holder: string): (() => void) | undefined;
}

export function createPlaces(most: number, mostOfOne: number): Places {
  const taken = new Map<string, number>();
  let all = 0;
  return {
    take(holder) {
      const own = taken.get(holder) ?? 0;
      if (all >= most || own >= mostOfOne) return undefined;
      all++;
      taken.set(holder, own + 1);
      return () => {
        all--;
        const left = (taken.get(holder) ?? 1) - 1;
        if (left > 0) taken.set(holder, left);
        else taken.delete(holder);
      };
    },
  };
}
