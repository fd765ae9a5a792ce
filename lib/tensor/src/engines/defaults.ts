/**
 * How steps run by default: OABN_EAGER, OABN_PRECISION and OABN_THREADS, so that a notebook fits any machine
 * unchanged.
 */
import { check } from 'oabn-base';

/** How exact products and convolutions are. */
export type Precision = 'float32' | 'float16';

const precisions = ['float32', 'float16'] as const satisfies readonly Precision[];

/** Whether steps run operation by operation: `OABN_EAGER=1`. */
export const eagerByDefault = (): boolean => process.env.OABN_EAGER === '1';

/** `OABN_PRECISION`, or float32. @throws UserError when it names no precision */
export function precisionByDefault(): Precision {
  const asked = process.env.OABN_PRECISION || 'float32';
  const found = precisions.find((precision) => precision === asked);
  check(found, () => `OABN_PRECISION must be ${precisions.join(' or ')}, got «${asked}»`);
  return found;
}

/**
 * Threads of a step on the CPU: `OABN_THREADS`, if it is set. @throws UserError unless it is a number of
 * threads
 */
export function threadsAsked(): number | undefined {
  const asked = process.env.OABN_THREADS;
  if (!asked) return undefined;
  const threads = Number(asked);
  check(
    Number.isInteger(threads) && threads > 0,
    () => `OABN_THREADS must be a whole number of threads ≥ 1, got «${asked}»`,
  );
  return threads;
}
