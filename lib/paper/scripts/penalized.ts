/** What the searches for λ measure of a network, and how their tables show it. */

/** FP32 and, after uniform PTQ, `accuracy` by bits; in [0, 1]. */
export interface Measured {
  readonly fp32: number;
  readonly accuracy: Readonly<Record<string, number>>;
}

/** The columns of a table, in percent. */
export function columnsOf({ fp32, accuracy }: Measured): Record<string, string> {
  const percent = (value: number): string => (100 * value).toFixed(1);
  return {
    FP32: percent(fp32),
    ...Object.fromEntries(Object.entries(accuracy).map(([b, value]) => [`${b} bits`, percent(value)])),
  };
}
