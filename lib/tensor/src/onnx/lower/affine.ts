/** Sums, products and quotients of activations that stay symbolic: see the affine form of layout.ts. */
import { type KernelCall, type KernelName, sameShape, type Shape } from '../../ops/index.js';
import { addAffine, type Affine, blockedShape, type Lowering, materialize, scaleAffine } from '../layout.js';

type Call = Pick<KernelCall<KernelName>, 'inputs' | 'outputs'>;

export function affineSum(sign: 1 | -1) {
  return (l: Lowering, { inputs: [x, y], outputs }: Call): Affine | undefined => {
    const shape = outputs[0]!.shape;
    const [left, right] = [affineOperand(l, x!, shape), affineOperand(l, y!, shape)];
    if (!left || !right) return undefined;
    return addAffine(l.b, left, sign === 1 ? right : scaleAffine(l.b, right, -1));
  };
}

function affineOperand(l: Lowering, id: number, shape: Shape): Affine | undefined {
  if (sameShape(l.typeOf(id).shape, shape)) return l.affine(id);
  const offset = l.vector(id, shape[3]!);
  return offset === undefined ? undefined : { terms: [], offset };
}

export function affineProduct(l: Lowering, { inputs: [x, y], outputs }: Call): Affine | undefined {
  const shape = outputs[0]!.shape;
  for (const [id, other] of [
    [x!, y!],
    [y!, x!],
  ] as const) {
    const scale = l.vector(other, shape[3]!);
    if (scale !== undefined && sameShape(l.typeOf(id).shape, shape)) {
      return scaleAffine(l.b, l.affine(id), scale);
    }
  }
  if (![x!, y!].every((id) => sameShape(l.typeOf(id).shape, shape))) return undefined;
  return productOf(l.blocked(x!), l.blocked(y!));
}

function productOf(x: string, y: string): Affine {
  return { terms: [{ source: { kind: 'product', factors: [x, y] }, scale: 1 }], offset: 0 };
}

export function affineSquare(l: Lowering, { inputs: [x] }: Call): Affine {
  return productOf(l.blocked(x!), l.blocked(x!));
}

export function affineSquaredDifference(l: Lowering, call: Call): Affine | undefined {
  const difference = affineSum(-1)(l, call);
  if (!difference) return undefined;
  const name = materialize(l.b, difference, blockedShape(call.outputs[0]!.shape, l.block));
  return productOf(name, name);
}

/**
 * Division by a known number only: by others, x·(1/y) would round differently from x/y, which quantizers
 * notice.
 */
export function affineQuotient(l: Lowering, { inputs: [x, y], outputs }: Call): Affine | undefined {
  const divisor = l.scalar(y!);
  if (divisor === undefined || !sameShape(l.typeOf(x!).shape, outputs[0]!.shape)) return undefined;
  return scaleAffine(l.b, l.affine(x!), Math.fround(1 / divisor));
}
