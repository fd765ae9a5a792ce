/**
 * What a cell shows that ends with a value of ours: each kind has a line that says what it is, and its table.
 */
import assert from 'node:assert/strict';
import { table } from 'oabn-paper/figures';
import {
  initialize,
  mergeNetwork,
  quantizeNetwork,
  repvgg,
  type RunConfig,
  stateSize,
  toVariables,
} from 'oabn';
import 'oabn/experiment';
import type { StoredRun } from 'provable-runs';
import { bundleOf } from '../../notebook/src/kernel/runtime/values.js';
import { type Claim, claimOf } from '../src/claims/index.js';
import '../src/report/index.js';
import { lowBitStudy } from '../src/studies/index.js';

const arch = repvgg('A0', { width: 0.125, oabn: { threshold: 0.5 } });
const stateDict = initialize(arch, 1);
const merged = mergeNetwork(arch, stateDict);

/** The text of a value, whose HTML must be there too and have a table. */
async function textOf(value: unknown, tables = 1): Promise<string> {
  const bundle = await bundleOf(value);
  assert.equal(String(bundle['text/html']).split('<table').length - 1, tables);
  const text = String(bundle['text/plain']);
  assert.doesNotMatch(text, /\u001b|Float32Array/);
  return text;
}

describe('values of a notebook show themselves', () => {
  it('a state dict, by names, shapes and sizes', async () => {
    const text = await textOf(stateDict);
    const [title, , , first] = text.split('\n');
    assert.match(title!, /^\d+ tensors, [\d,]+ values$/);
    assert.match(first!, /^stage0\.rbr_dense\.conv\.weight +\[8, 3, 3, 3\] +216$/);
  });

  it('tensors by name, on the engine too', async () => {
    const { params } = toVariables(merged);
    assert.match(await textOf(params), /stage0\.rbr_reparam\.weight +\[3, 3, 3, 8\] +216/);
  });

  it('an architecture, by its layers, whose parameters add up', async () => {
    const [title, , , ...layers] = (await textOf(arch)).split('\n');
    assert.match(title!, /^RepVGG, OABN s = 0\.5, 10 classes: [\d,]+ parameters$/);
    assert.equal(layers.length, 23);
    assert.match(layers[2]!, /^stage1\.1 +8 → 8 +1 +3x3, 1x1, identity +688$/);
    const total = layers.reduce((sum, line) => sum + Number(/(\d+)$/.exec(line)![1]), 0);
    assert.equal(total.toLocaleString('en'), /([\d,]+) parameters/.exec(title!)![1]);
  });

  it('a network, by its layers and where it comes from', async () => {
    const network = { arch, stateDict: merged, form: 'merged', metadata: {}, source: 'seed 1' };
    const text = await textOf(network);
    assert.match(text, /^RepVGG, merged, 10 classes: [\d,]+ parameters · seed 1\n/);
    assert.match(text, /stage1\.1 +8 → 8 +1 +merged 3x3 +584/);
  });

  it('a quantized network, by what each layer keeps', async () => {
    const ranges = Object.fromEntries(
      Object.keys(merged).map((name) => [name.replace(/\.rbr_reparam.*/, ''), { min: 0, max: 2 }]),
    );
    const network = quantizeNetwork({ arch, merged, ranges, scheme: { bits: 3, weights: 'uniform' } });
    const text = await textOf(network);
    assert.match(text, new RegExp(`; ${stateSize(arch, network.stateDict)} distinct values`));
    assert.match(
      text,
      /^quantized network: 3-bit uniform weights, each layer by itself; \d+ distinct values, \d+ KiB/,
    );
    assert.match(text, /stage1\.0 +576 +3 +[57] +3 +0\.00 … 2\.00/);
  });

  it('a run, by what was run, its result and where it was made', async () => {
    const config = {
      kind: 'pretrain',
      arch,
      data: { name: 'made', checksum: '0' },
      training: { seed: 7 },
    } as unknown as RunConfig;
    const run = {
      hash: '0123456789abcdef',
      folder: '/nowhere',
      config,
      result: { accuracy: 0.75, network: 'network.safetensors', epochs: [1, 2] },
      provenance: { backend: 'cpu', device: 'a processor', wallSeconds: 90, versions: {}, sessions: 1 },
      from: 'store',
    } as unknown as StoredRun;
    const text = await textOf(run);
    assert.match(
      text,
      /^train OABN s=0\.5 with decay of the kernels seed 7 · run 0123456789ab, from the store\n/,
    );
    assert.match(text, /accuracy +0\.75/);
    assert.match(text, /epochs +2 entries/);
    assert.match(text, /on +cpu, a processor/);
    const other = await textOf({ ...run, config: { mine: 1 } });
    assert.match(other, /^run · run 0123456789ab/);
  });

  it('a claim, and a board of claims, as cards', async () => {
    const claim: Claim = claimOf({
      ...{ id: 'C1', statement: 'it is so', rule: 'Held: it was seen.' },
      parts: [{ name: '4 bits', verdict: 'held', effect: '+1.0 points', evidence: 'Seen.' }],
    });
    assert.equal(
      await textOf(claim, 0),
      'C1 HELD · it is so · +1.0 points\n    4 bits: held, +1.0 points. Seen.',
    );
    const board = await bundleOf([claim, { ...claim, id: 'C2', verdict: 'undecided' }]);
    assert.deepEqual(Object.keys(board), ['text/html', 'text/markdown', 'text/plain']);
    assert.equal(String(board['text/html']).split('class="oabn-claim"').length - 1, 2);
  });

  it('the result of a study, by its table', async () => {
    const study = lowBitStudy({ methods: ['ptq'], thresholds: [Infinity], bits: [4] });
    const rows = [{ threshold: Infinity, seed: 1, bits: 4, method: 'ptq', accuracy: 0.5, fp32: 0.9, images: 100, stateSize: 10 }]; // prettier-ignore
    assert.match(
      await textOf({ study, rows, source: 'made data' }),
      new RegExp(`^${study.name} · made data\n`),
    );
  });

  it('rows and a DataFrame, as tables, the first of many', async () => {
    const rows = [{ s: 0.25, accuracy: 0.9 }, { s: Infinity, accuracy: 0.8 }]; // prettier-ignore
    const text = '   s  accuracy\n────  ────────\n0.25       0.9\n   ∞       0.8';
    assert.equal(await textOf(rows), text);
    assert.equal(await textOf(await table(rows)), text);
    const many = Array.from({ length: 300 }, (_, i) => ({ i, half: i / 2 }));
    assert.match(await textOf(many), /\n249 +124\.5\n… and 50 more rows$/);
    for (const other of [[1, 2], [{ a: [1] }, { a: [2] }], [{ a: 1 }, { b: 1 }], [{ a: 1 }], []])
      assert.deepEqual(Object.keys(await bundleOf(other)), ['text/plain']);
  });
});
