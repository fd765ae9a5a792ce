/** How steps run where nobody says: OABN_EAGER and OABN_PRECISION, so that a notebook need not be changed for a machine. */
import { check } from '../base/index.js';
import type { Precision } from './compile.js';

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
