/**
 * Kernels of tfjs-node that are missing or too narrow, as operations of libtensorflow: convolutions and both
 * their gradients with padding in pixels (tfjs-node takes only 'same' and 'valid', and at stride 2 neither is
 * PyTorch's), the search in sorted values and the count of classes that clustering needs.
 */
import { tf } from '../tf.js';

/** An attribute of an operation; `type` is one of the binding's numbers. */
interface Attribute {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}

/** What is used of tfjs-node's backend. */
interface NodeBackend extends tf.KernelBackend {
  readonly binding: {
    readonly TF_ATTR_INT: number;
    readonly TF_ATTR_BOOL: number;
    readonly TF_ATTR_STRING: number;
    readonly TF_ATTR_TYPE: number;
    readonly TF_FLOAT: number;
    readonly TF_INT32: number;
  };
  executeSingleOutput(operation: string, attributes: Attribute[], inputs: tf.TensorInfo[]): tf.Tensor;
}

type Inputs = Readonly<Record<string, tf.TensorInfo>>;

interface ConvolutionAttributes {
  readonly strides: number | [number, number];
  readonly pad: 'valid' | 'same' | number | tf.backend_util.ExplicitPadding;
  readonly dataFormat: 'NHWC' | 'NCHW';
  readonly dilations?: number | [number, number];
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
  /** Of the gradients: the shape of the result. */
  readonly inputShape?: [number, number, number, number];
  readonly filterShape?: [number, number, number, number];
}

/** Registers them for 'tensorflow'. */
export function completeTensorflowKernels(): void {
  replace(tf.Conv2D, (backend, { x, filter }, attributes) =>
    backend.executeSingleOutput(
      tf.Conv2D,
      convolution(backend, attributes as ConvolutionAttributes, shape4d(x!), shape4d(filter!)),
      [x!, filter!],
    ),
  );
  replace(tf.Conv2DBackpropInput, (backend, { dy, filter }, attributes) => {
    const { inputShape } = attributes as ConvolutionAttributes;
    const attrs = convolution(backend, attributes as ConvolutionAttributes, inputShape!, shape4d(filter!));
    return withNumbers(inputShape!, (sizes) =>
      backend.executeSingleOutput(tf.Conv2DBackpropInput, attrs, [sizes, filter!, dy!]),
    );
  });
  replace(tf.Conv2DBackpropFilter, (backend, { x, dy }, attributes) => {
    const { filterShape } = attributes as ConvolutionAttributes;
    const attrs = convolution(backend, attributes as ConvolutionAttributes, shape4d(x!), filterShape!);
    return withNumbers(filterShape!, (sizes) =>
      backend.executeSingleOutput(tf.Conv2DBackpropFilter, attrs, [x!, sizes, dy!]),
    );
  });
  replace(tf.SearchSorted, (backend, { sortedSequence, values }, attributes) => {
    const { side } = attributes as { side: 'left' | 'right' };
    return backend.executeSingleOutput(
      side === 'left' ? 'LowerBound' : 'UpperBound',
      [typeOf(backend, 'T', sortedSequence!), int32(backend, 'out_type')],
      [sortedSequence!, values!],
    );
  });
  replace(tf.DenseBincount, (backend, { x, weights }, attributes) => {
    const { size, binaryOutput = false } = attributes as { size: number; binaryOutput?: boolean };
    const attrs = [
      typeOf(backend, 'Tidx', x!),
      typeOf(backend, 'T', weights!),
      { name: 'binary_output', type: backend.binding.TF_ATTR_BOOL, value: binaryOutput },
    ];
    // `searchSorted` answers [1, n] for n values, whose weights are [n]: the operation wants one shape.
    const weighted = tf.util.sizeFromShape(weights!.shape) > 0;
    const alike = weighted ? reshaped(backend, weights!, x!.shape) : weights!;
    try {
      return withNumbers(size, (bins) =>
        backend.executeSingleOutput(tf.DenseBincount, attrs, [x!, bins, alike]),
      );
    } finally {
      if (weighted) (alike as tf.Tensor).dispose();
    }
  });
}

function replace(
  kernelName: string,
  compute: (backend: NodeBackend, inputs: Inputs, attributes: unknown) => tf.TensorInfo,
): void {
  if (tf.getKernel(kernelName, 'tensorflow')) tf.unregisterKernel(kernelName, 'tensorflow');
  tf.registerKernel({
    kernelName,
    backendName: 'tensorflow',
    kernelFunc: ({ backend, inputs, attrs }) => compute(backend as NodeBackend, inputs as Inputs, attrs),
  });
}

/**
 * The attributes that the three convolutions share. Padding in pixels is the operation's «explicit» padding.
 */
function convolution(
  { binding }: NodeBackend,
  { strides, pad, dataFormat, dilations = 1, dimRoundingMode }: ConvolutionAttributes,
  inputShape: [number, number, number, number],
  filterShape: [number, number, number, number],
): Attribute[] {
  const format = tf.backend_util.convertConv2DDataFormat(dataFormat);
  const info = tf.backend_util.computeConv2DInfo(
    ...([inputShape, filterShape, strides, dilations, pad, dimRoundingMode, false, format] as const),
  );
  const { top, bottom, left, right, type } = info.padInfo;
  const spatial = (batch: number[], rows: number[], columns: number[], channels: number[]): number[] =>
    dataFormat === 'NCHW'
      ? [...batch, ...channels, ...rows, ...columns]
      : [...batch, ...rows, ...columns, ...channels];
  const inPixels = type !== 'SAME' && type !== 'VALID';
  const numbers = (name: string, value: number[]): Attribute => ({ name, type: binding.TF_ATTR_INT, value });
  const text = (name: string, value: string): Attribute => ({ name, type: binding.TF_ATTR_STRING, value });
  return [
    { name: 'T', type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT },
    numbers('strides', spatial([1], [info.strideHeight], [info.strideWidth], [1])),
    text('padding', inPixels ? 'EXPLICIT' : type),
    ...(inPixels
      ? [numbers('explicit_paddings', spatial([0, 0], [top, bottom], [left, right], [0, 0]))]
      : []),
    text('data_format', dataFormat),
    { name: 'use_cudnn_on_gpu', type: binding.TF_ATTR_BOOL, value: true },
    numbers('dilations', spatial([1], [info.dilationHeight], [info.dilationWidth], [1])),
  ];
}

const int32 = ({ binding }: NodeBackend, name: string): Attribute => ({
  name,
  type: binding.TF_ATTR_TYPE,
  value: binding.TF_INT32,
});

const typeOf = (backend: NodeBackend, name: string, { dtype }: tf.TensorInfo): Attribute =>
  dtype === 'float32'
    ? { name, type: backend.binding.TF_ATTR_TYPE, value: backend.binding.TF_FLOAT }
    : int32(backend, name);

const shape4d = ({ shape }: tf.TensorInfo): [number, number, number, number] =>
  shape as [number, number, number, number];

/** Runs `work` with sizes as a tensor of its own, which the operations want as an input. */
function withNumbers<T>(numbers: number | number[], work: (sizes: tf.Tensor) => T): T {
  const sizes = typeof numbers === 'number' ? tf.scalar(numbers, 'int32') : tf.tensor1d(numbers, 'int32');
  try {
    return work(sizes);
  } finally {
    sizes.dispose();
  }
}

/** The same data in another shape, as a tensor to dispose of. */
function reshaped(backend: NodeBackend, info: tf.TensorInfo, shape: number[]): tf.Tensor {
  const attrs = [typeOf(backend, 'T', info), int32(backend, 'Tshape')];
  return withNumbers(shape, (sizes) => backend.executeSingleOutput(tf.Reshape, attrs, [info, sizes]));
}
