import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { tf, useBackend } from 'tfjs-native';
import { type Family, parseFamily, recognize, repVGGOf, mergeRecognized, families } from '../../src/family/index.js';
import { forwardMerged, type Network, type StateDict, toVariables } from '../../src/model/index.js';
import { mergeNetwork } from '../../src/merge/index.js';
import { assertClose, goldenPath } from '../golden/index.js';
import { goldenImages, numbersOf } from '../golden/numbers.js';

interface Golden {
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  readonly logits: readonly number[];
}

/** Families whose blocks say nothing of the network around them: described here, as a user would. */
const described: Readonly<Record<string, Partial<Family>>> = Object.fromEntries(
  ['dbb', 'acnet'].map((name) => [
    name,
    {
      ...families.find((family) => family.name === name)!,
      layout: {
        strides: [1],
        classifier: ['fc'],
        steps: [{ conv: 'layer1', activation: 'relu' }, { conv: 'layer2', activation: 'relu' }],
      },
    },
  ]),
);

describe('networks of other families against PyTorch', () => {
  let golden: Readonly<Record<string, Golden>>;
  before(async () => {
    golden = JSON.parse(await readFile(goldenPath('networks.json'), 'utf8'));
    await useBackend();
  });

  const stateDictOf = ({ shapes }: Golden): StateDict =>
    Object.fromEntries(
      Object.entries(shapes).map(([name, shape]) => [name, { shape, data: numbersOf(name, shape) }]),
    );
  const familyOf = (name: string): Family | undefined =>
    described[name] && parseFamily(JSON.stringify(described[name]), 'mine.json');
  const load = (name: string, stateDict: StateDict): Network =>
    repVGGOf(name, { stateDict, integers: {}, metadata: {} }, { family: familyOf(name) });

  function logitsOf({ arch, form, stateDict }: Network): Float32Array {
    const merged = form === 'merged' ? stateDict : mergeNetwork(arch, stateDict);
    return tf.tidy(() => {
      const { params } = toVariables(merged);
      return forwardMerged(arch, params, goldenImages()).dataSync() as Float32Array;
    });
  }

  for (const name of [
    ...['repvgg', 'repoptimizer', 'mobileone', 'mobileone-mmpretrain', 'fastvit', 'dbb', 'acnet'],
    ...['repvgg-timm', 'mobileone-timm', 'fastvit-timm', 'repvit', 'pplcnet-timm'],
  ]) {
    it(`gives the logits of ${name}, and the same from the file that it was merged to`, () => {
      const stateDict = stateDictOf(golden[name]!);
      const recognition = recognize(stateDict, familyOf(name))!;
      assert.equal(recognition.family.name, name);
      const { logits } = golden[name]!;
      assertClose(logitsOf(load(name, stateDict)), logits, 2e-5, name);
      const merged = mergeRecognized(stateDict, recognition);
      assertClose(logitsOf(load(name, merged)), logits, 2e-5, `${name}, merged`);
    });
  }
});
