/**
 * A network as an ONNX file for other programs: images [N,3,H,W], normalized as in training, to logits [N,
 * classes]. Each block is one 3×3 convolution with bias and ReLU (paper, figure 3); networks of other
 * families are their operations.
 *
 * A quantized network keeps its few bits in the file: activations pass QuantizeLinear, DequantizeLinear and a
 * clip to b bits; uniform weights are int8 or int4 behind DequantizeLinear; clustered weights are indices of
 * b bits, which standard operators unpack and look up in the layer's codebook. The first convolution and the
 * classifier are FP32 (paper, figure 6). An engine computes what does not depend on the image once, when it
 * opens the file.
 *
 * Its logits equal ours to the last bit where sums are exact in single precision. Elsewhere engines add in
 * other orders, and an activation that is that close to half-way between two levels may take the other one:
 * of 3,000 small networks with random weights and ranges, five had logits that were more than 0.01% away from
 * ours for that reason, by 0.23% at most.
 */
import { check, writeFileAtomic } from 'oabn-base';
import { encodeModel, type OnnxGraph } from 'tfjs-native/onnx';
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
import { createDraft, type Draft, int, ints } from './draft.js';
import { quantizedActivation, quantizedWeight } from './quantizedNodes.js';
import { storedKernel } from './storedKernel.js';

/** A merged network, quantized or not. */
export interface ExportedNetwork {
  /** Its description. */
  readonly arch: Architecture;
  /** Merged. */
  readonly stateDict: StateDict;
  /** How it is quantized; absent: it is in FP32. */
  readonly quantization?: Pick<QuantizedNetwork, 'scheme' | 'activations'>;
}

/** How a network becomes a file. */
export interface OnnxExportOptions {
  /**
   * For 8 bits: engines may convolve in integers. ONNX Runtime does, about twice as fast as otherwise, and
   * rounds biases to multiples of the product of both scales; so the logits are no longer ours to the last bit.
   */
  readonly integer?: boolean;
}

/** Operator set 21 (2024) is the first with int4. */
const opsets = { '': 21 };
const irVersion = 10;

/**
 * The bytes of the ONNX file.
 * @throws UserError for a network that is not merged, or not finite, and for integers of other than 8 bits
 */
export function exportOnnx(network: ExportedNetwork, options: OnnxExportOptions = {}): Uint8Array {
  const { arch, stateDict, quantization } = network;
  if (options.integer === true) checkIntegers(network);
  checkFinite(stateDict, 'The network to export', 'it is broken');
  checkRanges(quantization?.activations ?? {});
  const metadata = {
    arch: JSON.stringify(arch),
    ...(quantization && { scheme: JSON.stringify(quantization.scheme) }),
  };
  return encodeModel(exportGraph(network, options), opsets, {
    irVersion,
    producer: 'oabn',
    name: 'oabn',
    metadata,
  });
}

/** Integer kernels take 8-bit activations, and weights that are levels of 8 bits. */
function checkIntegers({ arch, quantization }: ExportedNetwork): void {
  const scheme = quantization?.scheme;
  const bits = scheme && [
    scheme.bits,
    ...Object.values(scheme.layerBits ?? {}),
    ...quantizedBlocks(arch).map(({ name }) => activationBitsOf(scheme, name)),
  ];
  check(
    scheme?.weights === 'uniform' && bits!.every((each) => each === 8),
    () =>
      `Integer kernels are for uniform weights and activations of 8 bits; this network has ${
        scheme ? `${scheme.weights} weights of ${scheme.bits} bits` : 'FP32 weights'
      }`,
  );
}

/** Writes the ONNX file; returns its size in bytes. */
export async function saveOnnx(
  path: string,
  network: ExportedNetwork,
  options: OnnxExportOptions = {},
): Promise<number> {
  const bytes = exportOnnx(network, options);
  await writeFileAtomic(path, bytes);
  return bytes.length;
}

function exportGraph(network: ExportedNetwork, { integer }: OnnxExportOptions): OnnxGraph {
  const { arch, stateDict } = network;
  check(
    `${blocksOf(arch)[0]!.name}.rbr_reparam.weight` in stateDict,
    'Only a merged network can be exported; merge the three branches first',
  );
  const draft = createDraft(integer);
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

/** Adds operations behind `x`; returns their output. `path` distinguishes what has no name of its own. */
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
        // Named after the convolution that it follows, because other programs' tables refer to it so.
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
