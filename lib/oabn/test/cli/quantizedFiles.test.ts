/** Files that are quantized already, where a command takes their weights for those of an FP32 network. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mock } from 'node:test';
import { createProgram } from '../../src/cli/index.js';
import { mergeNetwork } from '../../src/merge/index.js';
import { initialize, normalizeArchitecture, quantizedBlocks, saveNetwork } from '../../src/model/index.js';
import { quantizeNetwork, saveQuantizedNetwork } from '../../src/quantize/index.js';

describe('cli for files that are quantized', () => {
  let folder: string;
  let [fp32, quantized] = ['', ''];
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'oabn-quantized-'));
    [fp32, quantized] = ['fp32', 'quantized'].map((name) => join(folder, `${name}.safetensors`)) as [
      string,
      string,
    ];
    const arch = normalizeArchitecture({ widths: [8, 8], depths: [1, 1], strides: [1, 2], classes: 10 });
    const merged = mergeNetwork(arch, initialize(arch, 1));
    await saveNetwork(fp32, { arch, stateDict: merged, form: 'merged' });
    const ranges = Object.fromEntries(quantizedBlocks(arch).map(({ name }) => [name, { min: 0, max: 1 }]));
    const scheme = { bits: 3, weights: 'cluster' } as const;
    await saveQuantizedNetwork(quantized, quantizeNetwork({ arch, merged, ranges, scheme }));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  /** What a command prints; where its data is not there, up to the point where it looks for it. */
  async function outputOf(args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
    const [out, error] = [process.stdout, process.stderr].map((stream) =>
      mock.method(stream, 'write', () => true),
    );
    try {
      await createProgram()
        .parseAsync(args, { from: 'user' })
        .catch((reason: Error) => assert.equal(reason.name, 'UserError'));
    } finally {
      [out, error].forEach((method) => method!.mock.restore());
    }
    const textOf = (method: typeof out): string =>
      method!.mock.calls.map(({ arguments: [text] }) => String(text)).join('');
    return { stdout: textOf(out), stderr: textOf(error) };
  }

  it('says so where the FP32 file is wanted', async () => {
    const nowhere = ['--data', join(folder, 'no-data')];
    for (const [command, ...more] of [
      ['doctor'],
      ['analyze'],
      ['quantize', '--bits', '8', ...nowhere],
      ['finetune', '--bits', '4', ...nowhere],
      ['anneal', '--penalty', 'kure', ...nowhere],
    ] as const) {
      const notice = `${quantized} is already quantized to 3 bits (cluster); start from the FP32 file\n`;
      assert.ok((await outputOf([command, quantized, ...more])).stderr.includes(notice), command);
      assert.doesNotMatch((await outputOf([command, fp32, ...more])).stderr, /already quantized/, command);
    }
  });

  it('is part of what inspect says', async () => {
    assert.match(
      (await outputOf(['inspect', quantized])).stdout,
      /quantized to 3 bits \(cluster, perTensor\)/,
    );
    const json = JSON.parse((await outputOf(['inspect', quantized, '--json'])).stdout);
    assert.deepEqual(json.quantization, { bits: 3, weights: 'cluster' });
    assert.doesNotMatch((await outputOf(['inspect', fp32])).stdout, /quantized to/);
  });
});
