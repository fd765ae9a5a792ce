/** Conv2D and its two gradients, in NHWC. */
import { type Geometry, geometryOf, type KernelCall } from '../../ops/index.js';
import type { Builder } from '../builder.js';
import { forwardConvolution, inputGradient } from '../convolution.js';
import { kernelGradient } from '../kernelGradient.js';
import type { Lowering, Source } from '../layout.js';
import { suitsWinograd } from '../winograd.js';
import type { Lowerings } from './lowering.js';

type Size4 = [number, number, number, number];
type ConvolutionName = 'Conv2D' | 'Conv2DBackpropInput' | 'Conv2DBackpropFilter';

export const convolutionLowerings: Lowerings<ConvolutionName> = {
  Conv2D: (l, node) => {
    const [x, filter] = node.inputs;
    const geometry = geometryOf(l.typeOf(x!).shape, l.typeOf(filter!).shape, node.attributes);
    const kernel = l.plain(filter!);
    setConvolution(l, node, geometry, (options) =>
      forwardConvolution(l.b, convolutionInput(l, x!), kernel, geometry, l.block, options),
    );
  },
  Conv2DBackpropInput: (l, node) => {
    const [dy, filter] = node.inputs;
    const geometry = geometryOf(node.attributes.inputShape, l.typeOf(filter!).shape, node.attributes);
    const kernel = l.plain(filter!);
    const blocked = inputGradient(l.b, l.blocked(dy!), kernel, geometry, l.block);
    if (blocked === undefined) {
      const name = transposedConvolution(l.b, l.plain(dy!), kernel, geometry);
      l.set(node.outputs[0]!.id, { kind: 'plain', name });
      return;
    }
    const fusable = geometry.strides.every((stride) => stride === 1);
    if (!fusable) {
      l.set(node.outputs[0]!.id, { kind: 'blocked', name: blocked });
      return;
    }
    setConvolution(l, node, geometry, (options) =>
      inputGradient(l.b, l.blocked(dy!), kernel, geometry, l.block, options)!,
    );
  },
  Conv2DBackpropFilter: (l, node) => {
    const [x, dy] = node.inputs;
    const geometry = geometryOf(l.typeOf(x!).shape, node.attributes.filterShape, node.attributes);
    const name = kernelGradient(l.b, convolutionInput(l, x!), l.blocked(dy!), geometry, l.block);
    l.set(node.outputs[0]!.id, { kind: 'plain', name });
  },
};

/**
 * Images of few channels go in as [N,C,H,W]: the engine has a convolution for them, and blocks would be
 * mostly zeros.
 */
function convolutionInput(l: Lowering, id: number): string {
  const { shape } = l.typeOf(id);
  if (l.isBlocked(id) || shape[3]! >= l.block) return l.blocked(id);
  return l.b.transpose(l.plain(id), [0, 3, 1, 2]);
}

/** A convolution that is read once waits for what can be fused into it. */
function setConvolution(
  l: Lowering,
  node: KernelCall<ConvolutionName>,
  geometry: Geometry,
  emit: Extract<Source, { kind: 'convolution' }>['emit'],
): void {
  const { id } = node.outputs[0]!;
  const [n, h, w, c] = geometry.input as Size4;
  const alone = suitsWinograd(geometry.kernel, [n, c, h, w], geometry);
  if (l.uses(id) > 1) {
    l.set(id, { kind: 'blocked', name: emit({}) });
    return;
  }
  l.set(id, {
    kind: 'affine',
    affine: { terms: [{ source: { kind: 'convolution', emit, alone }, scale: 1 }], offset: 0 },
  });
}

/** The gradient of the input for any geometry, through ONNX's ConvTranspose on [N,C,H,W]. */
function transposedConvolution(b: Builder, dy: string, kernel: string, geometry: Geometry): string {
  const { input, output, strides, dilations, pads } = geometry;
  const [n, h, w, c] = input as Size4;
  const [kh, kw] = b.shapeOf(kernel) as Size4;
  const missing = (
    size: number,
    out: number,
    stride: number,
    k: number,
    dilation: number,
    padding: number,
  ): number => size - (stride * (out - 1) + dilation * (k - 1) + 1 - padding);
  const extra = [
    missing(h, output[1]!, strides[0], kh, dilations[0], pads[0] + pads[2]),
    missing(w, output[2]!, strides[1], kw, dilations[1], pads[1] + pads[3]),
  ];
  const result = b.emit('ConvTranspose', [b.transpose(dy, [0, 3, 1, 2]), b.transpose(kernel, [3, 2, 0, 1])], {
    shape: [n, c, h, w],
    attributes: { kernel_shape: [kh, kw], strides, dilations, pads, output_padding: extra },
  });
  return b.transpose(result, [0, 2, 3, 1]);
}
