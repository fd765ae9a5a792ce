/**
 * A network as an ONNX file for other programs: images [N,3,H,W], normalised as in training, to logits [N,
 * classes]. Each block is one 3×3 convolution with bias and ReLU (paper, figure 3); networks of other
 * families are their operations.
 *
 * A quantized network keeps its few bits in the file: activations pass QuantizeLinear, DequantizeLinear and a
 * clip to b bits; uniform weights are int8 or int4 behind DequantizeLinear; clustered weights are indices of
 * b bits, which standard operators unpack and look up in the layer's codebook. The first convolution and the
 * classifier are FP32 (paper, figure 6). An engine computes what depends on no image once, when it opens the
 * file.
 *
 * Its logits are ours to the last bit where sums are exact in single precision. Elsewhere engines add up in
 * other orders, and an activation that lies within such a difference of half-way between two levels may take
 * the other one: of 3,000 small networks with random weights and ranges, five had logits that were more than
 * 0.01% away from ours for that reason, by 0.23% at most.
 */
import { check, type HostTensor, writeFileAtomic } from 'oabn-base';
import {
  elementTypes,
  encodeModel,
  type OnnxAttribute,
  type OnnxGraph,
  type OnnxNode,
  type OnnxTensor,
} from 'tfjs-native/onnx';
import {
  type Activation,
  type Architecture,
  blocksOf,
  checkFinite,
  type ConvolutionOperation,
  type Gate,
  get,
  type Operation,
  quantizedBlocks,
  type StateDict,
} from '../../model/index.js';
import { checkRanges } from '../calibrate.js';
import type { QuantizedNetwork } from '../quantizedNetwork.js';
import { activationBitsOf } from '../scheme.js';
import { roundHalfToEven } from '../uniform.js';
import { packBitPlanes, packInt4 } from './bitPlanes.js';
import { storedKernel, type StoredKernel } from './storedKernel.js';

/** A merged network, quantized or not. */
export interface ExportedNetwork {
  readonly arch: Architecture;
  readonly stateDict: StateDict;
  readonly quantization?: Pick<QuantizedNetwork, 'scheme' | 'activations'>;
}

/** Operator set 21 (2024) is the first with int4. */
const opsets = { '': 21 };
const irVersion = 10;

/** The bytes of the ONNX file. @throws UserError for a network that is not merged, or not finite. */
export function exportOnnx(network: ExportedNetwork): Uint8Array {
  const { arch, stateDict, quantization } = network;
  checkFinite(stateDict, 'The network to export', 'it is broken');
  checkRanges(quantization?.activations ?? {});
  const metadata = {
    arch: JSON.stringify(arch),
    ...(quantization && { scheme: JSON.stringify(quantization.scheme) }),
  };
  return encodeModel(exportGraph(network), opsets, { irVersion, producer: 'oabn', name: 'oabn', metadata });
}

/** Writes the ONNX file; returns its bytes. */
export async function saveOnnx(path: string, network: ExportedNetwork): Promise<number> {
  const bytes = exportOnnx(network);
  await writeFileAtomic(path, bytes);
  return bytes.length;
}

/** What a quantized network takes as an ONNX file. */
export interface ExportedSize {
  /** The size of the whole file. */
  readonly bytes: number;
  /** The size of the same network's file in FP32. */
  readonly fp32Bytes: number;
  /** The size of the quantized kernels in the file, including their scales and codebooks. */
  readonly kernelBytes: number;
  /** 8·kernelBytes over the number of weights in them. */
  readonly bitsPerWeight: number;
}

/** What a network takes on disk. */
export function exportedSize(network: ExportedNetwork): ExportedSize {
  const { arch, stateDict, quantization } = network;
  const kernels = quantizedBlocks(arch).map(({ name }) => get(stateDict, `${name}.rbr_reparam.weight`));
  const weights = kernels.reduce((sum, { data }) => sum + data.length, 0);
  const kernelBytes = kernels.reduce(
    (sum, kernel) =>
      sum +
      (quantization
        ? storedBytes(storedKernel(kernel, quantization.scheme.granularity), kernel.data.length)
        : 4 * kernel.data.length),
    0,
  );
  return {
    bytes: exportOnnx(network).length,
    fp32Bytes: exportOnnx({ arch, stateDict }).length,
    kernelBytes,
    bitsPerWeight: (8 * kernelBytes) / weights,
  };
}

function storedBytes(stored: StoredKernel, weights: number): number {
  switch (stored.kind) {
    case 'levels':
      return Math.ceil((weights * stored.bits) / 8) + 4 * stored.scales.length;
    case 'codebook':
      return stored.bits * Math.ceil(weights / 8) + 4 * stored.codebooks.length;
    case 'float':
      return 4 * weights;
    default:
      return stored satisfies never;
  }
}

/** A graph in the making: every method adds to it and returns the name of what it added. */
interface Draft {
  readonly nodes: OnnxNode[];
  readonly initializers: Map<string, OnnxTensor>;
  readonly constant: (
    name: string,
    type: OnnxTensor['type'],
    shape: readonly number[],
    data: ArrayBufferView,
  ) => string;
  readonly node: (
    op: string,
    inputs: readonly string[],
    output: string,
    attributes?: Readonly<Record<string, OnnxAttribute>>,
  ) => string;
}

function createDraft(): Draft {
  const nodes: OnnxNode[] = [];
  const initializers = new Map<string, OnnxTensor>();
  return {
    nodes,
    initializers,
    constant(name, type, shape, data) {
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      initializers.set(name, { type, shape, bytes });
      return name;
    },
    node(op, inputs, output, attributes = {}) {
      nodes.push({ op, domain: '', inputs, outputs: [output], attributes });
      return output;
    },
  };
}

function exportGraph(network: ExportedNetwork): OnnxGraph {
  const { arch, stateDict } = network;
  check(
    `${blocksOf(arch)[0]!.name}.rbr_reparam.weight` in stateDict,
    'Only a merged network can be exported; merge the three branches first',
  );
  const draft = createDraft();
  const x = exportOperations(draft, network, operationsOf(arch), 'images', '');
  const pooled = draft.node('GlobalAveragePool', [x], 'pooled');
  const features = draft.node('Flatten', [pooled], 'features', { axis: int(1) });
  const { shape, data } = get(stateDict, 'linear.weight');
  const matrix = draft.constant('linear.weight', 'float32', shape, data);
  const bias = draft.constant('linear.bias', 'float32', [arch.classes], get(stateDict, 'linear.bias').data);
  draft.node('Gemm', [features, matrix, bias], 'logits', { transB: int(1) });
  const images = { 0: 'batch', 2: 'height', 3: 'width' };
  return {
    nodes: draft.nodes,
    initializers: draft.initializers,
    inputs: [{ name: 'images', type: 'float32', shape: [0, 3, 0, 0], free: images }],
    outputs: [{ name: 'logits', type: 'float32', shape: [0, arch.classes], free: { 0: 'batch' } }],
  };
}

/** RepVGG's chain of blocks, or the operations of another family. */
function operationsOf(arch: Architecture): readonly Operation[] {
  return (
    arch.operations ??
    blocksOf(arch).flatMap(({ name, inChannels, outChannels, stride }): Operation[] => [
      { op: 'convolution', name, kernel: [outChannels, inChannels, 3, 3], stride },
      { op: 'activation', of: 'relu' },
    ])
  );
}

/** Adds operations behind `x`; returns their output. `path` tells apart what has no name of its own. */
function exportOperations(
  draft: Draft,
  network: ExportedNetwork,
  operations: readonly Operation[],
  x: string,
  path: string,
): string {
  let before = 'images';
  return operations.reduce((x, operation, index) => {
    const here = `${path}${index}`;
    switch (operation.op) {
      case 'convolution':
        before = operation.name;
        return exportConvolution(draft, network, operation, x);
      case 'activation': {
        // Named after the convolution that it follows, as other programs' tables refer to it.
        const name = operations[index - 1]?.op === 'convolution' ? before : `activation${here}`;
        return activationNode(draft, operation.of, x, `${name}.output`);
      }
      case 'residual': {
        const body = exportOperations(draft, network, operation.body, x, `${here}.`);
        return draft.node('Add', [x, body], `residual${here}`);
      }
      case 'squeeze': {
        const { reduce, expand, gate } = operation;
        const mean = draft.node('GlobalAveragePool', [x], `${reduce.name}.mean`);
        const reduced = draft.node(
          'Relu',
          [exportConvolution(draft, network, reduce, mean)],
          `${reduce.name}.output`,
        );
        const expanded = exportConvolution(draft, network, expand, reduced);
        return draft.node(
          'Mul',
          [x, gateNode(draft, gate, expanded, `${expand.name}.gate`)],
          `squeeze${here}`,
        );
      }
      case 'average':
        return draft.node('GlobalAveragePool', [x], `average${here}`);
      default:
        return operation satisfies never;
    }
  }, x);
}

function exportConvolution(
  draft: Draft,
  { arch, stateDict, quantization }: ExportedNetwork,
  { name, kernel: shape, stride = 1, groups = 1 }: ConvolutionOperation,
  x: string,
): string {
  const kernel = get(stateDict, `${name}.rbr_reparam.weight`);
  const isQuantized = quantization && quantizedBlocks(arch).some((block) => block.name === name);
  const weight = isQuantized
    ? quantizedWeight(draft, name, kernel, storedKernel(kernel, quantization.scheme.granularity))
    : draft.constant(`${name}.weight`, 'float32', kernel.shape, kernel.data);
  const input = isQuantized ? quantizedActivation(draft, name, x, quantization) : x;
  const { data } = get(stateDict, `${name}.rbr_reparam.bias`);
  const bias = draft.constant(`${name}.bias`, 'float32', [data.length], data);
  const [height, width] = shape.slice(2) as [number, number];
  const [rows, columns] = [(height - 1) / 2, (width - 1) / 2];
  return draft.node('Conv', [input, weight, bias], `${name}.conv`, {
    kernel_shape: ints(height, width),
    strides: ints(stride, stride),
    pads: ints(rows, columns, rows, columns),
    ...(groups > 1 && { group: int(groups) }),
  });
}

function activationNode(draft: Draft, of: Activation, x: string, output: string): string {
  switch (of) {
    case 'relu':
      return draft.node('Relu', [x], output);
    case 'relu6': {
      const bounds = [0, 6].map((bound) =>
        draft.constant(`bound${bound}`, 'float32', [], Float32Array.of(bound)),
      );
      return draft.node('Clip', [x, ...bounds], output);
    }
    case 'gelu':
      return draft.node('Gelu', [x], output);
    case 'silu':
      return draft.node('Mul', [x, draft.node('Sigmoid', [x], `${output}.gate`)], output);
    case 'hardSwish':
      return draft.node('HardSwish', [x], output);
    default:
      return of satisfies never;
  }
}

function gateNode(draft: Draft, gate: Gate, x: string, output: string): string {
  return gate === 'sigmoid'
    ? draft.node('Sigmoid', [x], output)
    : draft.node('HardSigmoid', [x], output, {
        alpha: { kind: 'float', value: 1 / 6 },
        beta: { kind: 'float', value: 0.5 },
      });
}

/**
 * x̂ of figure 5: q = round(x/S)+Z in 8 bits, back to S·(q−Z), and there the clamp of q to 0 … 2^b−1, as
 * S·(0−Z) … S·(2^b−1−Z). It comes last, and at 8 bits too, for what ONNX Runtime (1.30, from its basic
 * optimizations on) makes of other orders is another network: it drops a clamp between QuantizeLinear and
 * DequantizeLinear, and where DequantizeLinear stands directly before a convolution it rounds that one's FP32
 * constants to integers.
 */
function quantizedActivation(
  draft: Draft,
  block: string,
  x: string,
  { scheme, activations }: Pick<QuantizedNetwork, 'scheme' | 'activations'>,
): string {
  const bits = activationBitsOf(scheme, block);
  if (bits === undefined) return x;
  const range = activations[block];
  check(range, () => `No activation range for ${block}; calibrate the network first`);
  const name = `${block}.input`;
  // In single precision and half to even, as the engine computes it in `fakeQuantizeActivation`: in the range
  // −1 … 1 the zero point lies half-way between two levels, and a last bit, or half up, would move all of
  // them by one.
  const low = Math.fround(Math.min(0, range.min));
  const width = Math.fround(Math.fround(Math.max(0, range.max)) - low);
  const scaleValue = Math.max(Math.fround(width / (2 ** bits - 1)), Math.fround(1e-12));
  const zero = roundHalfToEven(Math.fround(-low / scaleValue));
  const scale = draft.constant(`${name}.scale`, 'float32', [], Float32Array.of(scaleValue));
  const zeroPoint = draft.constant(`${name}.zero_point`, 'uint8', [], Uint8Array.of(zero));
  const q = draft.node('QuantizeLinear', [x, scale, zeroPoint], `${name}.quantized`);
  const back = draft.node('DequantizeLinear', [q, scale, zeroPoint], `${name}.dequantized`);
  const bound = (end: string, level: number): string =>
    draft.constant(`${name}.${end}`, 'float32', [], Float32Array.of((level - zero) * scaleValue));
  return draft.node('Clip', [back, bound('min', 0), bound('max', 2 ** bits - 1)], `${name}.clipped`);
}

function quantizedWeight(
  draft: Draft,
  block: string,
  { shape, data }: HostTensor<Float32Array>,
  stored: StoredKernel,
): string {
  const name = `${block}.weight`;
  switch (stored.kind) {
    case 'levels': {
      const { levels, scales, bits } = stored;
      const q =
        bits === 4
          ? draft.constant(`${name}.quantized`, 'int4', shape, packInt4(levels))
          : draft.constant(`${name}.quantized`, 'int8', shape, levels);
      const perTensor = scales.length === 1;
      const scale = draft.constant(`${name}.scale`, 'float32', perTensor ? [] : [scales.length], scales);
      return draft.node('DequantizeLinear', [q, scale], name, perTensor ? {} : { axis: int(0) });
    }
    case 'codebook':
      return codebookWeight(draft, name, shape, stored);
    case 'float':
      return draft.constant(name, 'float32', shape, data);
    default:
      return stored satisfies never;
  }
}

/** Indices from their bit planes [bits, ⌈n/8⌉, 1], then each weight from its group's codebook. */
function codebookWeight(
  draft: Draft,
  name: string,
  shape: readonly number[],
  { indices, codebooks, groups, bits }: Extract<StoredKernel, { kind: 'codebook' }>,
): string {
  const bytes = Math.ceil(indices.length / 8);
  const int64s = (suffix: string, ...values: number[]): string =>
    draft.constant(`${name}.${suffix}`, 'int64', [values.length], BigInt64Array.from(values, BigInt));
  const planes = draft.constant(`${name}.planes`, 'uint8', [bits, bytes, 1], packBitPlanes(indices, bits));
  const places = draft.constant(
    `${name}.places`,
    'uint8',
    [8],
    Uint8Array.from({ length: 8 }, (_, i) => i),
  );
  const one = draft.constant(`${name}.one`, 'uint8', [], Uint8Array.of(1));
  const powers = Int32Array.from({ length: bits }, (_, plane) => 2 ** plane);
  const shifted = draft.node('BitShift', [planes, places], `${name}.shifted`, { direction: text('RIGHT') });
  const bitsOfAll = draft.node('BitwiseAnd', [shifted, one], `${name}.bits`);
  const wide = draft.node('Cast', [bitsOfAll], `${name}.bits.int32`, { to: int(elementTypes.int32) });
  const weighted = draft.node(
    'Mul',
    [wide, draft.constant(`${name}.powers`, 'int32', [bits, 1, 1], powers)],
    `${name}.weighted`,
  );
  const padded = draft.node('ReduceSum', [weighted, int64s('axis', 0)], `${name}.padded`, {
    keepdims: int(0),
  });
  const flat = draft.node('Reshape', [padded, int64s('flat.shape', -1)], `${name}.flat`);
  const cut = draft.node(
    'Slice',
    [flat, int64s('first', 0), int64s('count', indices.length)],
    `${name}.indices`,
  );
  let index = draft.node('Reshape', [cut, int64s('groups', groups, -1)], `${name}.indices.grouped`);
  if (groups > 1) {
    const starts = Int32Array.from({ length: groups }, (_, g) => g * 2 ** bits);
    const offsets = draft.constant(`${name}.starts`, 'int32', [groups, 1], starts);
    index = draft.node('Add', [index, offsets], `${name}.indices.absolute`);
  }
  const codebook = draft.constant(`${name}.codebook`, 'float32', [codebooks.length], codebooks);
  const values = draft.node('Gather', [codebook, index], `${name}.values`);
  return draft.node('Reshape', [values, int64s('shape', ...shape)], name);
}

const int = (value: number): OnnxAttribute => ({ kind: 'int', value });
const ints = (...value: number[]): OnnxAttribute => ({ kind: 'ints', value });
const text = (value: string): OnnxAttribute => ({ kind: 'string', value });
