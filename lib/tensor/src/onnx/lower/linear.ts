/** Matrix products. */
import type { Shape } from '../../ops/index.js';
import type { Builder } from '../builder.js';
import { type Lowerings, plainly } from './lowering.js';

export const linearLowerings: Lowerings<'BatchMatMul'> = {
  BatchMatMul: plainly(({ b }, [x, y], { shape }, { transposeA, transposeB }) =>
    matMul(b, x!, y!, shape, transposeA === true, transposeB === true),
  ),
};

/** One matrix goes to Gemm, which transposes while it packs; several to MatMul. */
function matMul(b: Builder, x: string, y: string, shape: Shape, transA: boolean, transB: boolean): string {
  const single = shape.slice(0, -2).every((size) => size === 1);
  if (single) {
    const [left, right] = [x, y].map((name) => b.reshape(name, b.shapeOf(name).slice(-2)));
    const attributes = { transA: Number(transA), transB: Number(transB) };
    const product = b.emit('Gemm', [left!, right!], { shape: shape.slice(-2), attributes });
    return b.reshape(product, shape);
  }
  return b.emit('MatMul', [transA ? swapped(b, x) : x, transB ? swapped(b, y) : y], { shape });
}

function swapped(b: Builder, name: string): string {
  const axes = b.shapeOf(name).map((_, i) => i);
  const rank = axes.length;
  return b.transpose(name, [...axes.slice(0, -2), rank - 1, rank - 2]);
}
