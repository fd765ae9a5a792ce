/**
 * Conv2DBackpropFilter, which tfjs-backend-wasm lacks: dW[ky,kx] = Σ over output pixels of x[y·s+ky−p,
 * x·s+kx−p] ⊗ dy, one sum of outer products per filter tap over the part of the output whose input lies
 * inside the image. Padding costs nothing, strides are steps between pixels.
 */
import { tf } from '../../tf.js';
import { addOuterProducts, type OuterProducts } from '../outerProducts.js';
import { addressOf, allocate, floats, type Kernel } from '../simd.js';
import { type ConvAttributes, convShape, validOutputs } from './conv2DShape.js';

export const conv2DBackpropFilter: Kernel = ({ inputs, attrs, backend }) => {
  const { x, dy } = inputs as { x: tf.TensorInfo; dy: tf.TensorInfo };
  const { filterShape, ...rest } = attrs as unknown as ConvAttributes & { filterShape: Shape4 };
  const shape = convShape('Conv2DBackpropFilter', x.shape as Shape4, filterShape, rest);
  const { inHeight, inWidth, inChannels, outHeight, outWidth, outChannels } = shape;

  const out = allocate(backend, filterShape, 'float32');
  const [xAddress, dyAddress, outAddress] = [x, dy, out].map((tensor) => addressOf(backend, tensor));
  floats(backend, out).fill(0);

  const taps: OuterProducts[] = [];
  for (let ky = 0; ky < shape.filterHeight; ky++) {
    const rows = validOutputs(ky - shape.padTop, shape.strideHeight, inHeight, outHeight);
    for (let kx = 0; kx < shape.filterWidth; kx++) {
      const columns = validOutputs(kx - shape.padLeft, shape.strideWidth, inWidth, outWidth);

      taps.push({
        images: shape.batchSize,
        rows: rows.count,
        columns: columns.count,
        a: {
          address: xAddress! + 4 * inChannels * (rows.firstInput * inWidth + columns.firstInput),
          imageBytes: 4 * inChannels * inHeight * inWidth,
          rowBytes: 4 * inChannels * inWidth * shape.strideHeight,
          columnBytes: 4 * inChannels * shape.strideWidth,
        },
        b: {
          address: dyAddress! + 4 * outChannels * (rows.start * outWidth + columns.start),
          imageBytes: 4 * outChannels * outHeight * outWidth,
          rowBytes: 4 * outChannels * outWidth,
          columnBytes: 4 * outChannels,
        },
        m: inChannels,
        n: outChannels,
        out: outAddress! + 4 * inChannels * outChannels * (ky * shape.filterWidth + kx),
      });
    }
  }
  addOuterProducts(backend, taps);
  return out;
};

type Shape4 = [number, number, number, number];
