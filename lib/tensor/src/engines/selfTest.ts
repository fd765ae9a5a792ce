/**
 * Does the backend compute correctly, and how fast? A matrix product and a convolution with its two
 * gradients, each compared with float64 at some places of the result, and timed.
 */
import { random } from 'oabn-base';
import { convolutionTerms, productTerms, relativeError, type Terms } from './exact.js';
import { tf } from './tf.js';

/** One result, compared with float64, and how fast it was computed. */
export interface SelfTest {
  /** What was computed. */
  readonly name: string;
  /** The largest |result − float64| / √Σ terms² of the places looked at; see `relativeError`. */
  readonly error: number;
  /** Whether the result is right. */
  readonly correct: boolean;
  /** Its speed, in 10⁹ floating-point operations per second. */
  readonly gflops: number;
}

/** Rounding of float32 sums stays below 1e-5; TensorFloat-32, which some GPUs multiply with, below 2e-3. */
const tolerance = 5e-3;
const places = 48;
const budgetMs = 150;

/** One result: how to compute it on the backend, and the terms of one element of it in float64. */
interface Subject {
  readonly name: string;
  readonly gflop: number;
  readonly compute: () => tf.Tensor;
  readonly terms: Terms;
}

/**
 * Runs the tests on the backend that tfjs uses now; about a second on a CPU.
 * @param matrixSide rows and columns of the matrices; a GPU needs 2048 to show its speed
 */
export async function selfTest(matrixSide = 384): Promise<SelfTest[]> {
  const [product, convolutions] = [matrixProduct(matrixSide), convolution()];
  const results: SelfTest[] = [];
  try {
    for (const subject of [product.subject, ...convolutions.subjects]) results.push(await examine(subject));
  } finally {
    tf.dispose([...product.tensors, ...convolutions.tensors]);
  }
  return results;
}

async function examine({ name, gflop, compute, terms }: Subject): Promise<SelfTest> {
  const output = compute();
  const values = await output.data<'float32'>();
  output.dispose();
  // A result that is not a number fails: NaN is not below the tolerance.
  const error = relativeError(values, terms, { name, places });
  return { name, error, correct: error < tolerance, gflops: gflop / (await secondsOf(compute)) };
}

/** The shortest time of one call: queues of calls, until the time budget is spent. */
async function secondsOf(compute: () => tf.Tensor): Promise<number> {
  let [best, spent, calls] = [Infinity, 0, 1];
  while (spent < budgetMs) {
    const start = performance.now();
    for (let i = 0; i < calls - 1; i++) compute().dispose();
    const last = compute();
    const first = tf.tidy(() => tf.slice(tf.reshape(last, [-1]), 0, 1));
    await first.data();
    const elapsed = performance.now() - start;
    tf.dispose([last, first]);
    best = Math.min(best, elapsed / calls);
    spent += elapsed;
    calls *= 2;
  }
  return best / 1000;
}

function normal(size: number, ...path: string[]): Float32Array {
  const { normal: next } = random(7, ...path);
  return Float32Array.from({ length: size }, next);
}

function matrixProduct(n: number): { subject: Subject; tensors: tf.Tensor[] } {
  const [a, b] = [normal(n * n, 'a'), normal(n * n, 'b')];
  const tensors = [tf.tensor2d(a, [n, n]), tf.tensor2d(b, [n, n])] as const;
  const terms = productTerms(a, b, n);
  const name = `matrix product ${n}×${n}×${n}`;
  const compute = (): tf.Tensor => tf.matMul(tensors[0], tensors[1]);
  return { subject: { name, gflop: (2 * n ** 3) / 1e9, compute, terms }, tensors: [...tensors] };
}

/**
 * A 3×3 convolution of 16×16 images with padding 1, 24 channels to 24: a common layer of networks for small
 * images.
 */
function convolution(): { subjects: Subject[]; tensors: tf.Tensor[] } {
  const [images, side, channels] = [32, 16, 24];
  const pixels = images * side * side;
  const [x, w, dy] = [
    normal(pixels * channels, 'x'),
    normal(9 * channels ** 2, 'w'),
    normal(pixels * channels, 'dy'),
  ];
  const imageShape: [number, number, number, number] = [images, side, side, channels];
  const filterShape: [number, number, number, number] = [3, 3, channels, channels];
  const tensors = [
    tf.tensor4d(x, imageShape),
    tf.tensor4d(w, filterShape),
    tf.tensor4d(dy, imageShape),
  ] as const;
  const attributes = { strides: [1, 1], pad: 'same', dataFormat: 'NHWC' };

  const { forward, toInput, toFilter } = convolutionTerms({ side, channels, x, w, dy });
  const run = (name: string, inputs: tf.NamedTensorMap, more: object): tf.Tensor =>
    tf.engine().runKernel(name, inputs, { ...attributes, ...more });
  const gflop = (2 * pixels * 9 * channels ** 2) / 1e9;
  const size = `3×3, ${channels}→${channels}, ${images}×${side}×${side}`;
  const [xs, ws, dys] = tensors;
  const subjects: Subject[] = [
    {
      name: `convolution ${size}`,
      gflop,
      compute: () => tf.conv2d(xs, ws, 1, 'same'),
      terms: forward,
    },
    {
      name: 'its input gradient',
      gflop,
      compute: () => run(tf.Conv2DBackpropInput, { dy: dys, filter: ws }, { inputShape: imageShape }),
      terms: toInput,
    },
    {
      name: 'its filter gradient',
      gflop,
      compute: () => run(tf.Conv2DBackpropFilter, { x: xs, dy: dys }, { filterShape }),
      terms: toFilter,
    },
  ];
  return { subjects, tensors: [...tensors] };
}
