/** How a quantized network is displayed in a notebook: the scheme, and what each quantized layer keeps. */
import { registerDisplay, type Row, type Summary } from 'oabn-base';
import { get, quantizedBlocks } from '../model/index.js';
import { type QuantizedNetwork, storedBits, storedStates } from './quantizedNetwork.js';
import { activationBitsOf, weightBitsOf } from './scheme.js';

const isQuantizedNetwork = (value: object): value is QuantizedNetwork => {
  const { arch, scheme, stateDict, activations } = value as Partial<QuantizedNetwork>;
  return [arch, scheme, stateDict, activations].every((part) => typeof part === 'object' && part !== null);
};

/**
 * A line for each quantized layer: bits and distinct values of its weights, bits and range of what enters it.
 */
function layerRows({ arch, scheme, stateDict, activations, stored }: QuantizedNetwork): Row[] {
  return quantizedBlocks(arch).map(({ name }) => {
    const weights = get(stateDict, `${name}.rbr_reparam.weight`).data;
    const range = activations[name];
    return {
      layer: name,
      weights: weights.length,
      bits: weightBitsOf(scheme, name),
      values: stored?.[name]?.states ?? new Set(weights).size,
      'activation bits': activationBitsOf(scheme, name) ?? 'FP32',
      'activation range': range ? `${range.min.toPrecision(3)} … ${range.max.toPrecision(3)}` : '–',
    };
  });
}

registerDisplay('oabn: quantized network', isQuantizedNetwork, (network): Summary => {
  const { bits, weights, granularity = 'perTensor' } = network.scheme;
  const kind = `${bits}-bit ${weights === 'cluster' ? 'clustered' : 'uniform'} weights`;
  const each = granularity === 'perChannel' ? 'each channel by itself' : 'each layer by itself';
  const kilobytes = Math.ceil(storedBits(network) / 8192).toLocaleString('en');
  const states = storedStates(network).toLocaleString('en');
  return {
    title: `quantized network: ${kind}, ${each}; ${states} distinct values, ${kilobytes} KiB of codes`,
    rows: layerRows(network),
  };
});
