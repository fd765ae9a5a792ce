import assert from 'node:assert/strict';
import fc from 'fast-check';
import { tf } from 'tfjs-native';
import { random } from 'oabn-base';
import { mergeBlock, type MergedBlock, mergeParts, mergeTensors } from '../../src/merge/index.js';
import {
  type Architecture,
  type Block,
  blocksOf,
  bnPrefix,
  initialize,
  normalizeArchitecture,
  type StateDict,
  toHost,
  toTensor,
  toVariables,
  type Tensors,
} from '../../src/model/index.js';
import { assertClose } from '../golden/index.js';

const archOf = (options: Partial<Architecture> = {}): Architecture =>
  normalizeArchitecture({ widths: [2, 3], depths: [1, 2], strides: [1, 1], classes: 2, ...options });

function randomNetwork(arch: Architecture, seed: number): StateDict {
  return Object.fromEntries(
    Object.entries(initialize(arch, seed)).map(([name, { shape, data }]) => {
      const stream = random(seed, name);
      const value = (): number =>
        name.endsWith('running_var') || name.endsWith('threshold') ? 0.2 + stream.uniform() : stream.normal();
      return [name, { shape, data: data.map(value) }];
    }),
  );
}

const kinds: Partial<Architecture>[] = [
  {},
  { oabn: { threshold: 0.5 } },
  { oabn: { threshold: 0.5, branches: ['3x3', '1x1', 'identity'] } },
  { oabn: { threshold: 0.5, gradient: 'straightThrough' } },
  { oabn: { threshold: 0.5, learned: true } },
  { block: 'qarepvgg' },
];

/** The merge on the engine with the running statistics. */
function merged(arch: Architecture, block: Block, params: Tensors, buffers: Tensors): MergedBlock {
  return mergeTensors(arch, params, block, (place) => ({
    mean: buffers[`${bnPrefix(block, place)}.running_mean`]!,
    variance: buffers[`${bnPrefix(block, place)}.running_var`]!,
  }));
}

describe('merge: differentiable', () => {
  it('is the merge of the host, for any limit and kind of block', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...kinds), fc.integer(), async (kind, seed) => {
        const arch = archOf(kind);
        const stateDict = randomNetwork(arch, seed);
        const { params, buffers } = toVariables(stateDict);
        for (const block of blocksOf(arch)) {
          const { kernel, bias } = merged(arch, block, params, buffers);
          const host = mergeBlock(arch, stateDict, block);
          assertClose((await toHost(kernel)).data, host.kernel.data, 1e-6, 'kernel');
          assertClose(await bias.data(), host.bias.data, 1e-5, 'bias');
        }
      }),
      { numRuns: 15 },
    );
  });

  for (const kind of kinds) {
    const { oabn } = kind;
    it(`has the gradients of the double-precision merge: ${JSON.stringify(kind)}`, async () => {
      const arch = archOf(kind);
      const block = blocksOf(arch).at(-1)!;
      const stateDict = randomNetwork(arch, 4);
      const { params, buffers } = toVariables(stateDict);
      const names = Object.keys(params).filter((name) => name.startsWith(block.name));
      const stream = random(9);
      const shape = [block.outChannels, block.inChannels, 3, 3];
      const ofKernel = Float32Array.from({ length: 81 }, () => stream.normal());
      const ofBias = Float32Array.from({ length: 3 }, () => stream.normal());
      /** Σ c·kernel + Σ d·bias, in double precision. */
      const hostLoss = (host: StateDict, as: Architecture = arch): number => {
        const { kernels, bias } = mergeParts(as, host, block);
        let sum = 0;
        for (const kernel of Object.values(kernels)) kernel.forEach((w, i) => (sum += w * ofKernel[i]!));
        bias.forEach((b, i) => (sum += b * ofBias[i]!));
        return sum;
      };
      const gradients = tf.grads((...values: tf.Tensor[]) => {
        const named = Object.fromEntries(names.map((name, i) => [name, values[i]!]));
        const { kernel, bias } = merged(arch, block, named, buffers);
        const weighted = tf.sum(tf.mul(kernel, toTensor({ shape, data: ofKernel })));
        return tf.add(weighted, tf.sum(tf.mul(bias, tf.tensor1d(ofBias))));
      })(names.map((name) => params[name]!));
      for (const [i, name] of names.entries()) {
        const { data } = await toHost(gradients[i]!);
        const straight = oabn?.gradient === 'straightThrough' && name.endsWith('rbr_identity.weight');
        for (const at of data.keys()) {
          const shifted = (by: number): number => {
            const values = stateDict[name]!.data.slice();
            values[at]! += by;
            const changed = { ...stateDict, [name]: { shape: stateDict[name]!.shape, data: values } };
            // Straight through, the gradient is that of the ratio without its limit.
            return hostLoss(changed, straight ? archOf() : arch);
          };
          const step = 2 ** -8;
          const expected = (shifted(step) - shifted(-step)) / (2 * step);
          assertClose([data[at]!], [expected], 2e-4, `${name}[${at}]`);
        }
      }
      const limited = oabn !== undefined;
      const r0 = limited ? mergeParts(archOf(), stateDict, block).ratios.identity! : [];
      assert.ok(!limited || r0.some((r) => Math.abs(r) > 0.6), 'the test must clip something');
    });
  }
});
