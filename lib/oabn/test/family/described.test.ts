/** Networks of layouts that their users describe: strides, residuals, and what cannot be true. */
import assert from 'node:assert/strict';
import { computed, mergeRecognized, parseFamily, recognize } from '../../src/family/index.js';
import { blocksOf, type Operation, type StateDict } from '../../src/model/index.js';
import { numbersOf } from '../golden/numbers.js';

const dictOf = (shapes: Readonly<Record<string, readonly number[]>>): StateDict =>
  Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [name, { shape, data: numbersOf(name, shape) }]),
  );

const bnOf = (name: string, channels: number): Record<string, number[]> =>
  Object.fromEntries(
    ['weight', 'bias', 'running_mean', 'running_var'].map((member) => [`${name}.${member}`, [channels]]),
  );

/** A block of a 3×3 and a 1×1 convolution. */
const unit = (name: string, cin: number, cout: number): Record<string, number[]> => ({
  ...{ [`${name}.big.c.weight`]: [cout, cin, 3, 3], [`${name}.small.c.weight`]: [cout, cin, 1, 1] },
  ...bnOf(`${name}.big.n`, cout),
  ...bnOf(`${name}.small.n`, cout),
});

const layered = dictOf({
  ...unit('layers.0', 3, 8),
  ...unit('layers.1', 8, 8),
  ...unit('layers.2', 8, 16),
  ...bnOf('layers.1.same', 8),
  'out.weight': [10, 16],
});

function networkOf(stateDict: StateDict, layout: object, strides?: readonly number[]) {
  const block = {
    keys: ['big.c.weight'],
    terms: [
      { conv: 'big.c', bn: 'big.n' },
      { conv: 'small.c', bn: 'small.n' },
      { identity: 'named', bn: 'same' },
    ],
    merged: 'one',
  };
  const text = JSON.stringify({ name: 'mine', blocks: [block], layout: { classifier: ['out'], ...layout } });
  return computed(stateDict, recognize(stateDict, parseFamily(text, 'mine.json'))!, { strides });
}

function stridesOf(network: ReturnType<typeof networkOf>): number[] {
  assert.ok('arch' in network, 'reason' in network ? network.reason : '');
  return blocksOf(network.arch).map(({ stride }) => stride);
}

const each = (pattern: string, ...steps: object[]): object => ({ each: pattern, steps });
const staged = (conv: string): object => ({ conv, stride: 'stage', activation: 'relu' });

describe('networks that their users describe', () => {
  it('have one stride for each first number of the outermost pattern, in order', () => {
    const layout = { steps: [each('layers.*', staged(''))], strides: [1, 1, 2] };
    const network = networkOf(layered, layout);
    assert.deepEqual(stridesOf(network), [1, 1, 2]);
    // Nothing was taken for granted: the description says it.
    assert.deepEqual('arch' in network && network.assumptions, []);
    assert.deepEqual(stridesOf(networkOf(layered, layout, [2, 1, 3])), [2, 1, 3]);
    const nested = dictOf({
      ...unit('parts.0.0', 3, 8),
      ...unit('parts.0.1', 8, 8),
      ...unit('parts.1.0', 8, 16),
      'out.weight': [10, 16],
    });
    for (const steps of [[each('parts.*.*', staged(''))], [each('parts.*', each('*', staged('')))]]) {
      assert.deepEqual(stridesOf(networkOf(nested, { steps, strides: [2, 4] })), [2, 1, 4]);
    }
  });

  it('count a convolution that stands alone as a stage only where it asks for a stride', () => {
    const stemmed = dictOf({ ...unit('stem', 3, 8), ...unit('parts.0', 8, 16), 'out.weight': [10, 16] });
    const steps = (stem: object): object[] => [stem, each('parts.*', staged(''))];
    assert.deepEqual(
      stridesOf(networkOf(stemmed, { steps: steps(staged('stem')), strides: [1, 2] })),
      [1, 2],
    );
    const fixed = { steps: steps({ conv: 'stem', stride: 3 }), strides: [2] };
    assert.deepEqual(stridesOf(networkOf(stemmed, fixed)), [3, 2]);
  });

  it('are refused where their strides cannot be true', () => {
    const refuse = (layout: object, message: RegExp): void => {
      const network = networkOf(layered, layout);
      assert.match('reason' in network ? network.reason : 'computed', message);
    };
    const steps = [each('layers.*', staged(''))];
    refuse(
      { steps, strides: [2, 2, 2] },
      /layers\.1 has an identity branch, so its stride is 1, but .* says 2/,
    );
    refuse({ steps, strides: [2, 1, 2, 2] }, /has 3 stages, but 4 strides were given \(2, 1, 2, 2\)/);
    refuse({ steps, strides: [2, 1] }, /more stages than strides were given \(2, 1\)/);
    refuse({ steps }, /more stages than strides were given \(none\)/);
    const always = [each('layers.*', { conv: '', stride: 2 })];
    refuse({ steps: always }, /layers\.1 has an identity branch, so its stride is 1/);
  });

  it('are refused where a kernel has no centre', () => {
    const even = { ...layered, 'stem.weight': dictOf({ w: [3, 3, 2, 2] })['w']! };
    const network = networkOf(even, { steps: [{ conv: 'stem' }, each('layers.*', { conv: '' })] });
    assert.match(
      'reason' in network ? network.reason : '',
      /stem has a kernel of 2×2, whose sides must be odd/,
    );
  });

  it('add residuals where the shape stays the same, if that is what they say', () => {
    const steps = (more: object): object[] => [
      each('layers.*', { residual: [{ conv: '', activation: 'relu' }], ...more }),
    ];
    const network = networkOf(layered, { steps: steps({ sameShape: true }) });
    assert.ok('arch' in network);
    assert.deepEqual(
      network.arch.operations!.map(({ op }: Operation) => op),
      ['convolution', 'activation', 'residual', 'convolution', 'activation'],
    );
    const refused = networkOf(layered, { steps: steps({}) });
    assert.match('reason' in refused ? refused.reason : '', /turns 3 channels into 8 .*"sameShape": true/);
  });

  it('are merged once: of a merged file, no block is called incomplete', () => {
    const text = JSON.stringify({
      name: 'pairs',
      blocks: [{ keys: ['c.weight'], terms: [{ conv: 'c', bn: 'n' }], merged: 'c' }],
    });
    const family = parseFamily(text, 'pairs.json');
    const pairs = dictOf({ 'a.c.weight': [8, 3, 3, 3], ...bnOf('a.n', 8) });
    const merged = mergeRecognized(pairs, recognize(pairs, family)!);
    const again = recognize(merged, family)!;
    assert.deepEqual([again.blocks, again.incomplete, again.merged], [[], {}, ['a.c']]);
    assert.throws(() => mergeRecognized(merged, again), /nothing to merge/);
    const { 'a.n.running_var': _, ...broken } = pairs;
    assert.match(Object.values(recognize(broken, family)!.incomplete).join(), /running_var/);
  });
});
