/** What a network takes as a file: all of it, and its quantized kernels alone. */
import { get, quantizedBlocks } from '../../model/index.js';
import { type ExportedNetwork, exportOnnx } from './onnx.js';
import { storedKernel, type StoredKernel } from './storedKernel.js';

/** What a quantized network takes as an ONNX file. */
export interface ExportedSize {
  /** The size of the whole file. */
  readonly bytes: number;
  /** The size of the same network's file in FP32. */
  readonly fp32Bytes: number;
  /** The size of the quantized kernels in the file, including their scales and codebooks. */
  readonly kernelBytes: number;
  /** 8·kernelBytes over the number of weights in them; none where no kernel is quantized, as with a single block. */
  readonly bitsPerWeight?: number;
}

/**
 * What a network takes on disk. Of a file that is encoded already, with whatever options, `bytes` is the size, so that
 * it is not encoded again.
 */
export function exportedSize(
  network: ExportedNetwork,
  bytes: number = exportOnnx(network).length,
): ExportedSize {
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
    bytes,
    fp32Bytes: quantization ? exportOnnx({ arch, stateDict }).length : bytes,
    kernelBytes,
    ...(weights > 0 && { bitsPerWeight: (8 * kernelBytes) / weights }),
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
