/** A step for each kernel that the compiler knows, for every engine to be tested by. */
import { tf } from '../../src/engines/index.js';
import { sample, type Step } from './support.js';

/** A step and its arguments: small enough to be checked by hand when one fails. */
export type KernelCase = readonly [name: string, step: Step, args: () => unknown[]];

const ints = (values: number[], shape = [values.length]): tf.Tensor => tf.tensor(values, shape, 'int32');
const bools = (values: number[]): tf.Tensor => tf.tensor1d(values.map(Boolean), 'bool');
const floats = (values: number[]): tf.Tensor => tf.tensor1d(values);

const unary: Record<string, (x: tf.Tensor) => tf.Tensor> = {
  neg: (x) => tf.neg(x),
  abs: (x) => tf.abs(x),
  square: (x) => tf.square(x),
  exp: (x) => tf.exp(x),
  expm1: (x) => tf.expm1(x),
  log: (x) => tf.log(tf.abs(x)),
  log1p: (x) => tf.log1p(tf.abs(x)),
  sqrt: (x) => tf.sqrt(tf.abs(x)),
  rsqrt: (x) => tf.rsqrt(tf.add(tf.abs(x), 0.1)),
  reciprocal: (x) => tf.reciprocal(x),
  sigmoid: (x) => tf.sigmoid(x),
  tanh: (x) => tf.tanh(x),
  softplus: (x) => tf.softplus(x),
  erf: (x) => tf.erf(x),
  sin: (x) => tf.sin(x),
  cos: (x) => tf.cos(x),
  relu: (x) => tf.relu(x),
  relu6: (x) => tf.relu6(tf.mul(x, 4)),
  elu: (x) => tf.elu(x),
  leakyRelu: (x) => tf.leakyRelu(x, 0.2),
  floor: (x) => tf.floor(x),
  ceil: (x) => tf.ceil(x),
  round: (x) => tf.round(tf.mul(x, 2)),
  sign: (x) => tf.sign(x),
  step: (x) => tf.step(x),
  'step with a slope': (x) => tf.step(x, 0.5),
  clipByValue: (x) => tf.clipByValue(x, -0.5, 1),
  'clip to one side': (x) => tf.clipByValue(x, -0.5, Infinity),
  isNaN: (x) => tf.isNaN(x),
  isFinite: (x) => tf.isFinite(tf.div(x, 0)),
  isInf: (x) => tf.isInf(tf.div(x, 0)),
  'cast to int32': (x) => tf.cast(tf.mul(x, 3), 'int32'),
  'cast to bool': (x) => tf.cast(x, 'bool'),
};

const binary: Record<string, (x: tf.Tensor, y: tf.Tensor) => tf.Tensor> = {
  add: (x, y) => tf.add(x, y),
  sub: (x, y) => tf.sub(x, y),
  mul: (x, y) => tf.mul(x, y),
  div: (x, y) => tf.div(x, tf.add(y, 3)),
  maximum: (x, y) => tf.maximum(x, y),
  minimum: (x, y) => tf.minimum(x, y),
  pow: (x, y) => tf.pow(tf.abs(x), y),
  mod: (x, y) => tf.mod(x, tf.add(y, 3)),
  floorDiv: (x, y) => tf.floorDiv(tf.cast(tf.mul(x, 9), 'int32'), tf.cast(tf.add(tf.abs(y), 2), 'int32')),
  squaredDifference: (x, y) => tf.squaredDifference(x, y),
  equal: (x, y) => tf.equal(tf.sign(x), tf.sign(y)),
  notEqual: (x, y) => tf.notEqual(tf.sign(x), tf.sign(y)),
  greater: (x, y) => tf.greater(x, y),
  greaterEqual: (x, y) => tf.greaterEqual(tf.round(x), tf.round(y)),
  less: (x, y) => tf.less(x, y),
  lessEqual: (x, y) => tf.lessEqual(tf.round(x), tf.round(y)),
  logicalAnd: (x, y) => tf.logicalAnd(tf.greater(x, 0), tf.greater(y, 0)),
  logicalOr: (x, y) => tf.logicalOr(tf.greater(x, 0), tf.greater(y, 0)),
  'where and not': (x, y) => tf.where(tf.logicalNot(tf.greater(x, y)), x, tf.mul(y, 2)),
};

const whole = [7, -7, 16777217, -123456789, 0, 5];
const divisors = [2, 2, 2, 10, -3, -3];

/** Dtypes and sizes that a kernel rarely gets. */
const rare: KernelCase[] = [
  [
    'floorDiv of large whole numbers',
    (x: tf.Tensor, y: tf.Tensor) => tf.floorDiv(x, y),
    () => [ints(whole), ints(divisors)],
  ],
  [
    'mod of large whole numbers',
    (x: tf.Tensor, y: tf.Tensor) => tf.mod(x, y),
    () => [ints(whole), ints(divisors)],
  ],
  [
    'floorDiv and mod by 0 and −1',
    (x: tf.Tensor, y: tf.Tensor) => [tf.floorDiv(x, y), tf.mod(x, y)],
    () => [ints([7, -7, 0, 6]), ints([0, 0, 0, -1])],
  ],
  [
    'segments that are none',
    (x: tf.Tensor, at: tf.Tensor1D) => tf.unsortedSegmentSum(x, at, 2),
    () => [sample([4, 3]), ints([-1, 0, 2, 1])],
  ],
  [
    'numbers of whole numbers',
    (x: tf.Tensor) => [
      tf.exp(x),
      tf.expm1(x),
      tf.log1p(x),
      tf.step(x),
      tf.leakyRelu(x),
      tf.isNaN(x),
      tf.isFinite(x),
    ],
    () => [ints([0, 1, 2])],
  ],
  [
    'arithmetic of truths',
    (x: tf.Tensor, y: tf.Tensor) => [
      tf.mul(x, y),
      tf.square(x),
      tf.abs(y),
      tf.cumsum(x),
      tf.pad(x, [[1, 0]], 1),
      tf.where(x, y, x),
      tf.argMax(x),
    ],
    () => [bools([1, 0, 1]), bools([1, 1, 0])],
  ],
];

const x34 = (): tf.Tensor => sample([3, 4], 1, -2, 2);

export const kernelCases: KernelCase[] = [
  ...rare,
  ...Object.entries(unary).map(([name, f]): KernelCase => [
    name,
    f,
    () => [floats([-2, -0.6, -0, 0, 0.25, 0.5, 1.5, 3])],
  ]),
  ...Object.entries(binary).flatMap(([name, f]): KernelCase[] => [
    [`${name}, same shape`, f, () => [x34(), sample([3, 4], 2)]],
    [`${name}, broadcast`, f, () => [x34(), sample([4], 3)]],
  ]),
  [
    'integers',
    (x: tf.Tensor, y: tf.Tensor) => tf.maximum(tf.add(tf.mul(x, 3), y), tf.neg(y)),
    () => [ints([1, -5, 7]), ints([4, 2, -9])],
  ],
  ['sum', (x: tf.Tensor) => [tf.sum(x), tf.sum(x, 0), tf.sum(x, [1], true), tf.sum(x, -1)], () => [x34()]],
  ['mean', (x: tf.Tensor) => [tf.mean(x), tf.mean(x, 0), tf.mean(x, [0, 1], true)], () => [x34()]],
  ['max, min, prod', (x: tf.Tensor) => [tf.max(x), tf.max(x, 1), tf.min(x, 0), tf.prod(x, 1)], () => [x34()]],
  ['all, any', (x: tf.Tensor) => [tf.all(tf.greater(x, 0), 0), tf.any(tf.greater(x, 1), 1)], () => [x34()]],
  ['sum of integers', (x: tf.Tensor) => tf.sum(x, 0), () => [ints([1, 2, 3, 4], [2, 2])]],
  ['argMax, argMin', (x: tf.Tensor) => [tf.argMax(x, 1), tf.argMin(x, 0)], () => [x34()]],
  ['cumsum', (x: tf.Tensor) => [tf.cumsum(x, 1), tf.cumsum(x, 0, true, true)], () => [x34()]],
  ['softmax', (x: tf.Tensor) => [tf.softmax(x), tf.logSoftmax(x), tf.logSumExp(x, 1)], () => [x34()]],
  [
    'reshape',
    (x: tf.Tensor) => [tf.reshape(x, [2, -1]), tf.expandDims(x, 1), tf.squeeze(tf.expandDims(x, 0))],
    () => [x34()],
  ],
  [
    'transpose',
    (x: tf.Tensor) => [tf.transpose(x), tf.transpose(tf.reshape(x, [3, 2, 2]), [1, 2, 0])],
    () => [x34()],
  ],
  ['slice', (x: tf.Tensor) => [tf.slice(x, [1, 1], [2, -1]), tf.slice(x, 1)], () => [x34()]],
  [
    'stridedSlice',
    (x: tf.Tensor) => [
      tf.stridedSlice(x, [0, 3], [3, 0], [2, -1]),
      tf.stridedSlice(x, [0, 0], [3, 4], [1, 2]),
    ],
    () => [x34()],
  ],
  [
    'pad',
    (x: tf.Tensor) => [
      tf.pad(x as tf.Tensor2D, [
        [1, 0],
        [2, 1],
      ]),
      tf.pad(
        x as tf.Tensor2D,
        [
          [0, 1],
          [0, 0],
        ],
        5,
      ),
    ],
    () => [x34()],
  ],
  ['tile', (x: tf.Tensor) => [tf.tile(x, [2, 1]), tf.tile(tf.slice(x, 0, 1), [3, 1])], () => [x34()]],
  [
    'concat',
    (x: tf.Tensor, y: tf.Tensor) => [tf.concat([x, y], 0), tf.concat([x, y, x], 1)],
    () => [x34(), x34()],
  ],
  ['stack, unstack', (x: tf.Tensor) => [tf.stack([x, x], 1), ...tf.unstack(x, 1)], () => [x34()]],
  ['split', (x: tf.Tensor) => [...tf.split(x, 2, 1), ...tf.split(x, [1, 2], 0)], () => [x34()]],
  ['reverse', (x: tf.Tensor) => [tf.reverse(x, 1), tf.reverse(x)], () => [x34()]],
  [
    'fill, zerosLike, onesLike',
    (x: tf.Tensor) => [tf.add(x, tf.fill([3, 4], 2)), tf.zerosLike(x), tf.onesLike(x)],
    () => [x34()],
  ],
  [
    'gather',
    (x: tf.Tensor, i: tf.Tensor) => [tf.gather(x, i as tf.Tensor1D), tf.gather(x, i as tf.Tensor1D, 1)],
    () => [x34(), ints([2, 0, 1, 1])],
  ],
  [
    'oneHot',
    (i: tf.Tensor) => [tf.oneHot(i, 4), tf.oneHot(i, 4, 0.9, 0.1, 'float32')],
    () => [ints([2, 0, -1, 5])],
  ],
  [
    'denseBincount',
    (i: tf.Tensor, w: tf.Tensor) => [
      tf.denseBincount(i as tf.Tensor1D, w as tf.Tensor1D, 4),
      tf.denseBincount(i as tf.Tensor1D, [] as unknown as tf.Tensor1D, 4),
      tf.denseBincount(i as tf.Tensor1D, w as tf.Tensor1D, 4, true),
    ],
    () => [ints([2, 0, 2, 3, 7]), floats([1, 2, 4, 8, 16])],
  ],
  [
    'searchSorted',
    (s: tf.Tensor, v: tf.Tensor) => [tf.searchSorted(s, v, 'left'), tf.searchSorted(s, v, 'right')],
    () => [floats([-1, 0, 0, 2, 5]), floats([-7, -1, -0.5, 0, 1, 2, 4.9, 5, 6, Infinity])],
  ],
  [
    'searchSorted among many',
    (s: tf.Tensor, v: tf.Tensor) => [tf.searchSorted(s, v, 'left'), tf.searchSorted(s, v, 'right')],
    () => [
      floats(Array.from({ length: 70 }, (_, i) => i / 7)),
      floats([-1, 0, 1, 1.01, 5.5, 9, 10, Infinity]),
    ],
  ],
  [
    'searchSorted, rows',
    (s: tf.Tensor, v: tf.Tensor) => tf.searchSorted(s, v),
    () => [
      tf.tensor2d([
        [1, 2, 3],
        [4, 5, 6],
      ]),
      tf.tensor2d([
        [0, 2.5],
        [5, 9],
      ]),
    ],
  ],
  ['topk', (x: tf.Tensor) => tf.topk(x, 2), () => [x34()]],
  [
    'unsortedSegmentSum',
    (x: tf.Tensor, i: tf.Tensor) => tf.unsortedSegmentSum(x, i as tf.Tensor1D, 3),
    () => [x34(), ints([2, 0, 2])],
  ],
  [
    'where over rows',
    (c: tf.Tensor, x: tf.Tensor) => tf.where(c, x, tf.neg(x)),
    () => [bools([1, 0, 1]), floats([1, 2, 3])],
  ],
  [
    'matMul',
    (x: tf.Tensor, y: tf.Tensor) => [
      tf.matMul(x, y, false, true),
      tf.matMul(x, y, true, false),
      tf.matMul(tf.transpose(x), y),
    ],
    () => [x34(), sample([3, 4], 5)],
  ],
  [
    'matMul of batches',
    (x: tf.Tensor, y: tf.Tensor) => [
      tf.matMul(x, y),
      tf.matMul(x, tf.transpose(y, [0, 2, 1]), false, true),
      tf.dot(tf.unstack(x)[0]!, tf.unstack(y)[0]!),
    ],
    () => [sample([2, 3, 4]), sample([2, 4, 5])],
  ],
  [
    'convolution and its gradients',
    (x: tf.Tensor, w: tf.Tensor) => {
      const convolved = (a: tf.Tensor, b: tf.Tensor): tf.Tensor =>
        tf.conv2d(a as tf.Tensor4D, b as tf.Tensor4D, 2, 'same');
      return [convolved(x, w), ...tf.grads((a, b) => tf.sum(tf.square(convolved(a!, b!))))([x, w])];
    },
    () => [sample([2, 5, 5, 3]), sample([3, 3, 3, 4])],
  ],
  [
    'fake quantization, and which values it clips',
    (x: tf.Tensor, scale: tf.Tensor) => {
      const shifted = tf.add(tf.round(tf.div(x, scale)), 3);
      const codes = tf.clipByValue(shifted, 0, 15);
      return [tf.mul(tf.sub(codes, 3), scale), tf.cast(tf.equal(codes, shifted), 'float32')];
    },
    () => [sample([3, 4], 1, -2, 4), tf.scalar(0.21)],
  ],
  [
    'gradients of a little network',
    (x: tf.Tensor, w: tf.Tensor) =>
      tf.valueAndGrads(
        (a: tf.Tensor, b: tf.Tensor) => tf.mean(tf.softplus(tf.matMul(tf.tanh(a), b))) as tf.Scalar,
      )([x, w]),
    () => [x34(), sample([4, 5])],
  ],
  [
    'customGrad',
    (x: tf.Tensor) => {
      const straightThrough = tf.customGrad((v) => ({
        value: tf.round(v as tf.Tensor),
        gradFunc: (dy: tf.Tensor) => dy,
      }));
      return tf.grad((v: tf.Tensor) => tf.sum(tf.square(straightThrough(v))))(x);
    },
    () => [x34()],
  ],
  [
    'constants of the step',
    (x: tf.Tensor) => tf.add(tf.mul(x, tf.tensor2d([[1, 2, 3, 4]])), tf.range(0, 4)),
    () => [x34()],
  ],
];

/**
 * NaN where tfjs has it, so that training that diverges shows it. (WGSL leaves open what becomes of NaN;
 * `exp` of it is infinite on an emulated GPU, so that no sigmoid is here.)
 */
export const nanCases: KernelCase[] = [
  [
    'NaN through activations, clips and comparisons',
    (x: tf.Tensor, y: tf.Tensor) => [
      ...[tf.relu(x), tf.relu6(x), tf.step(x), tf.elu(x), tf.clipByValue(x, -1, Infinity)],
      ...[tf.clipByValue(x, -1, 1), tf.step(x, -0.5), tf.leakyRelu(x), tf.tanh(x), tf.sqrt(x)],
      ...[tf.maximum(x, y), tf.minimum(x, y), tf.maximum(0, x)],
      ...[tf.greater(x, y), tf.lessEqual(x, y), tf.notEqual(x, y), tf.where(tf.greater(x, 0), x, y)],
    ],
    () => [tf.tensor1d([NaN, 1, NaN, -2, Infinity]), tf.tensor1d([2, NaN, NaN, 3, 0])],
  ],
  ...[0, 5, 31, 40, 63].map((at): KernelCase => [
    `NaN in reductions, at ${at} of 64`,
    (x: tf.Tensor) => [
      ...[tf.max(x), tf.max(x, 0), tf.max(x, 1), tf.max(x, 1, true)],
      ...[tf.min(x), tf.min(x, 0), tf.min(x, 1), tf.min(x, [0, 1], true)],
      ...[tf.argMax(x, 1), tf.argMin(x, 0), tf.logSumExp(x, 1)],
    ],
    () => [
      tf.tensor2d(
        sample([64])
          .dataSync()
          .map((value, i) => (i === at ? NaN : value)),
        [2, 32],
      ),
    ],
  ]),
  [
    'extremes of both infinities',
    (x: tf.Tensor) => [tf.max(x), tf.min(x), tf.max(x, 0), tf.min(x, 1)],
    () => [tf.tensor2d([-Infinity, Infinity, 3, 3e38, -3e38, Infinity], [2, 3])],
  ],
];
