/** The description in docs/your-own-family.md is one, and does with its network what the page says. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { computed, mergeRecognized, parseFamily, recognize } from '../../src/family/index.js';
import { blocksOf, type StateDict } from '../../src/model/index.js';
import { numbersOf } from '../golden/numbers.js';

/** The tensors of the page's `Net`. */
function stateDictOfNet(): StateDict {
  const shapes: Record<string, number[]> = { 'out.weight': [10, 32], 'out.bias': [10] };
  const bn = (name: string, channels: number): void => {
    for (const member of ['weight', 'bias', 'running_mean', 'running_var'])
      shapes[`${name}.${member}`] = [channels];
  };
  const channels = [3, 16, 16, 32, 32];
  for (const [i, cin] of channels.slice(0, 4).entries()) {
    const cout = channels[i + 1]!;
    shapes[`layers.${i}.big.0.weight`] = [cout, cin, 3, 3];
    shapes[`layers.${i}.point.0.weight`] = [cout, cin, 1, 1];
    bn(`layers.${i}.big.1`, cout);
    bn(`layers.${i}.point.1`, cout);
    if (cin === cout) bn(`layers.${i}.skip`, cin);
  }
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [name, { shape, data: numbersOf(name, shape) }]),
  );
}

describe('docs/your-own-family.md', () => {
  it('describes its network: branches, merged names, and strides', async () => {
    const page = await readFile(new URL('../../docs/your-own-family.md', import.meta.url), 'utf8');
    const family = parseFamily(/```json\n([^]*?)```/.exec(page)![1]!, 'mynet.json');
    const stateDict = stateDictOfNet();
    const found = recognize(stateDict, family)!;
    assert.deepEqual(
      found.blocks.map(({ name, branches }) => `${name}: ${branches.map(({ label }) => label).join(' + ')}`),
      [
        'layers.0: 3×3 + 1×1',
        'layers.1: 3×3 + 1×1 + identity',
        'layers.2: 3×3 + 1×1',
        'layers.3: 3×3 + 1×1 + identity',
      ],
    );
    assert.deepEqual(found.rest, ['out.weight', 'out.bias']);
    const merged = Object.keys(mergeRecognized(stateDict, found));
    const convolutions = [0, 1, 2, 3].flatMap((i) => [`layers.${i}.conv.bias`, `layers.${i}.conv.weight`]);
    assert.deepEqual(merged.sort(), [...convolutions, 'out.bias', 'out.weight']);
    const network = computed(stateDict, found);
    assert.ok('arch' in network);
    assert.deepEqual(
      blocksOf(network.arch).map(({ stride }) => stride),
      [2, 1, 2, 1],
    );
  });
});
