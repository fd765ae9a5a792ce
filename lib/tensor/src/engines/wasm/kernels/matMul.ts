/**
 * BatchMatMul with transposed operands, as the gradient of a linear layer has them: tfjs-backend-wasm calls
 * XNNPACK only when nothing is transposed and there is one matrix; else it runs a plain loop. Aᵀ·B is a sum
 * of outer products, and a transposed B is transposed first. `_FusedMatMul` needs the same care: the plain
 * loop adds the bias once per 48 terms of the sum and applies the activation to partial sums, so that its
 * results are wrong; here bias and activation follow the product.
 */
import { tf } from '../../tf.js';
import { addOuterProducts } from '../outerProducts.js';
import {
  addressOf,
  allocate,
  callKernel,
  floats,
  type Kernel,
  type KernelCall,
  release,
  reshaped,
  type TensorInfo,
} from '../simd.js';

interface MatMulAttributes {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

const batchOf = (tensor: TensorInfo): number => tf.util.sizeFromShape(tensor.shape.slice(0, -2));

export const batchMatMul =
  (original: Kernel): Kernel =>
  (call) => {
    const { backend } = call;
    const { a, b } = call.inputs as { a: TensorInfo; b: TensorInfo };
    const { transposeA, transposeB } = call.attrs as unknown as MatMulAttributes;
    const single = batchOf(a) === 1 && batchOf(b) === 1 && a.dtype === 'float32' && b.dtype === 'float32';
    if (!single || (!transposeA && !transposeB)) return original(call);
    const transposed = transposeB ? transposeLast(call, b) : undefined;
    const right = transposed ?? b;
    const inputs = { a, b: right };
    const out = transposeA
      ? transposedTimes(call, a, right)
      : original({ ...call, inputs, attrs: { transposeA: false, transposeB: false } });
    if (transposed) release(backend, transposed);
    return out;
  };

export const fusedMatMul =
  (original: Kernel): Kernel =>
  (call) => {
    const { backend, inputs, attrs } = call;
    const { a, b, bias, preluActivationWeights } = inputs as Record<string, TensorInfo>;
    const { transposeA, transposeB } = attrs as unknown as MatMulAttributes;
    if (!transposeA && !transposeB && batchOf(a!) === 1 && batchOf(b!) === 1) return original(call);
    const { activation = 'linear', leakyreluAlpha } = attrs as {
      activation?: string;
      leakyreluAlpha?: number;
    };
    let out = callKernel(tf.BatchMatMul, backend, { a: a!, b: b! }, { transposeA, transposeB });
    const replaceBy = (next: TensorInfo): void => {
      release(backend, out);
      out = next;
    };
    if (bias) replaceBy(callKernel(tf.Add, backend, { a: out, b: bias }));
    if (activation === 'prelu') {
      replaceBy(callKernel(tf.Prelu, backend, { x: out, alpha: preluActivationWeights! }));
    } else if (activation !== 'linear') {
      const kernel = activationKernels[activation];
      if (!kernel) throw new Error(`_FusedMatMul: unknown activation ${activation}`);
      replaceBy(callKernel(kernel, backend, { x: out }, { alpha: leakyreluAlpha }));
    }
    return out;
  };

const activationKernels: Record<string, string> = {
  relu: tf.Relu,
  relu6: tf.Relu6,
  sigmoid: tf.Sigmoid,
  elu: tf.Elu,
  leakyrelu: tf.LeakyRelu,
};

/** The matrix `b`, transposed. */
function transposeLast({ backend }: KernelCall, b: TensorInfo): TensorInfo {
  const matrix = reshaped(backend, b, b.shape.slice(-2));
  const flat = callKernel(tf.Transpose, backend, { x: matrix }, { perm: [1, 0] });
  release(backend, matrix);
  return { ...flat, shape: [...b.shape.slice(0, -2), b.shape.at(-1)!, b.shape.at(-2)!] };
}

/** aᵀ·b for matrices `[k, m]` and `[k, n]`. */
function transposedTimes({ backend }: KernelCall, a: TensorInfo, b: TensorInfo): TensorInfo {
  const [k, m] = a.shape.slice(-2) as [number, number];
  const [inner, n] = b.shape.slice(-2) as [number, number];
  tf.util.assert(
    k === inner,
    () => `matMul: inner sizes ${k} and ${inner} of [${a.shape}]ᵀ and [${b.shape}] differ`,
  );
  const outer = tf.broadcast_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const out = allocate(backend, [...outer, m, n], 'float32');
  floats(backend, out).fill(0);
  const pixels = (tensor: TensorInfo, width: number) => ({
    address: addressOf(backend, tensor),
    imageBytes: 0,
    rowBytes: 4 * width,
    columnBytes: 0,
  });
  const grid = { images: 1, rows: k, columns: 1, a: pixels(a, m), b: pixels(b, n) };
  addOuterProducts(backend, [{ ...grid, m, n, out: addressOf(backend, out) }]);
  return out;
}
