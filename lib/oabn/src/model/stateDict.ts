/**
 * The two forms of a network's numbers and the conversions between them.
 *
 * - `StateDict`: host memory, PyTorch's names and layouts (conv OIHW, linear [out, in]). Checkpoints,
 *   merging, analysis and k-means work on it.
 * - `Tensors`: on the engine, the same names, but the layouts that tfjs computes with (conv HWIO, linear [in,
 *   out]).
 */
import { tf } from 'tfjs-native';
import { check, type HostTensor, sizeOf } from 'oabn-base';

/** A network's numbers on the host and in files: PyTorch's names and layouts, kernels [out,in,kh,kw]. */
export type StateDict = Readonly<Record<string, HostTensor<Float32Array>>>;
/** Named tensors on the engine: PyTorch's names, tfjs' layouts, kernels [kh,kw,in,out]. */
export type Tensors = Readonly<Record<string, tf.Tensor>>;

/** A network's trainable parameters and the running statistics that are not trained. */
export interface Variables {
  /** What training changes by gradients. */
  readonly params: Tensors;
  /** The running statistics. */
  readonly buffers: Tensors;
}

/** True for the name of a running statistic, which is not trained. */
export const isBuffer = (name: string): boolean => /\.running_(mean|var)$/.test(name);

/** Uploads a state dict: new tensors, which the caller disposes of. */
export function toVariables(stateDict: StateDict): Variables {
  const params: Record<string, tf.Tensor> = {};
  const buffers: Record<string, tf.Tensor> = {};
  for (const [name, tensor] of Object.entries(stateDict)) {
    (isBuffer(name) ? buffers : params)[name] = toTensor(tensor);
  }
  return { params, buffers };
}

/** Downloads tensors into a state dict. */
export async function toStateDict(...groups: readonly Tensors[]): Promise<StateDict> {
  const entries = groups.flatMap((group) => Object.entries(group));
  return Object.fromEntries(
    await Promise.all(entries.map(async ([name, tensor]) => [name, await toHost(tensor)])),
  );
}

/** One tensor in the engine's layout. */
export function toTensor({ shape, data }: HostTensor<Float32Array>): tf.Tensor {
  if (shape.length === 4) return tf.tensor(permute(data, shape, [2, 3, 1, 0]), pick(shape, [2, 3, 1, 0]));
  if (shape.length === 2) return tf.tensor(permute(data, shape, [1, 0]), pick(shape, [1, 0]));
  return tf.tensor(data.slice(), shape.slice());
}

/** One tensor in PyTorch's layout. */
export async function toHost(tensor: tf.Tensor): Promise<HostTensor<Float32Array>> {
  const data = Float32Array.from(await tensor.data());
  const { shape } = tensor;
  if (shape.length === 4)
    return { data: permute(data, shape, [3, 2, 0, 1]), shape: pick(shape, [3, 2, 0, 1]) };
  if (shape.length === 2) return { data: permute(data, shape, [1, 0]), shape: pick(shape, [1, 0]) };
  return { data, shape: shape.slice() };
}

/**
 * The tensor `name` of a state dict. @throws UserError naming it and some of the existing ones when it is
 * missing.
 */
export function get(stateDict: StateDict, name: string): HostTensor<Float32Array> {
  const tensor = stateDict[name];
  check(
    tensor,
    () => `The state dict has no ${name}; it has ${Object.keys(stateDict).slice(0, 4).join(', ')}, …`,
  );
  return tensor;
}

/** The values of a tensor that are NaN or infinite. */
export interface NonFinite {
  /** The tensor's name. */
  readonly name: string;
  /** How many of them there are. */
  readonly count: number;
  /** Of how many elements. */
  readonly size: number;
  /** The place of the first, and the first itself. */
  readonly index: number;
  readonly value: number;
}

/** The tensors that have values that are not finite, in the order of the state dict. */
export function nonFinite(stateDict: StateDict): NonFinite[] {
  return Object.entries(stateDict).flatMap(([name, { data }]) => {
    const index = data.findIndex((value) => !Number.isFinite(value));
    if (index < 0) return [];
    const count = data.reduce((sum, value) => sum + Number(!Number.isFinite(value)), 0);
    return [{ name, count, size: data.length, index, value: data[index]! }];
  });
}

/** «fc.weight has NaN at element 3 of 10, and 4 more values that are not finite». */
export function nonFiniteText({ name, count, size, index, value }: NonFinite): string {
  const more = count > 1 ? `, and ${count - 1} more that ${count === 2 ? 'is' : 'are'} not finite` : '';
  return `${name} has ${value} at element ${index} of ${size}${more}`;
}

/**
 * Refuses NaN and infinity where they arise: once in the weights they spread to every logit, and the largest
 * of logits that are all NaN is class 0, so that a broken network looks like one that guesses.
 * @param what the subject of the message, such as «The merged network»
 * @throws UserError naming the first tensor with its values that are not finite, and `advice`
 */
export function checkFinite(stateDict: StateDict, what: string, advice: string): void {
  const [first, ...others] = nonFinite(stateDict);
  const names = others.slice(0, 3).map(({ name }) => name);
  const more = others.length > names.length ? ` and ${others.length - names.length} more tensors` : '';
  const also = names.length > 0 ? ` (so have ${names.join(', ')}${more})` : '';
  check(!first, () => `${what}: ${nonFiniteText(first!)}${also}; ${advice}`);
}

const pick = (values: readonly number[], order: readonly number[]): number[] =>
  order.map((axis) => values[axis]!);

/** `data` of `shape` with its axes in `order`, as numpy.transpose does it. */
export function permute(
  data: Float32Array,
  shape: readonly number[],
  order: readonly number[],
): Float32Array {
  const strides = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
  const [outShape, outStrides] = [pick(shape, order), pick(strides, order)];
  const result = new Float32Array(data.length);
  const index = new Array<number>(outShape.length).fill(0);
  let source = 0;
  for (let target = 0; target < result.length; target++) {
    result[target] = data[source]!;
    for (let axis = outShape.length - 1; axis >= 0; axis--) {
      index[axis]!++;
      source += outStrides[axis]!;
      if (index[axis]! < outShape[axis]!) break;
      source -= outStrides[axis]! * outShape[axis]!;
      index[axis] = 0;
    }
  }
  return result;
}
