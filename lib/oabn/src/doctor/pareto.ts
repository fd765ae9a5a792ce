/** The Pareto front: what is not beaten in both cost and value. */

/**
 * Whether each of `items` is on the front: nothing costs no more and is worth more, or costs less and is
 * worth as much.
 */
export function onFront<T>(
  items: readonly T[],
  cost: (item: T) => number,
  value: (item: T) => number,
): boolean[] {
  return items.map((item) =>
    items.every((other) => {
      const [cheaper, better] = [cost(item) - cost(other), value(other) - value(item)];
      return !((cheaper >= 0 && better > 0) || (cheaper > 0 && better >= 0));
    }),
  );
}
