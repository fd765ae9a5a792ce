import assert from 'node:assert/strict';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { sizeOf, writeSafetensors } from 'oabn-base';
import {
  initialize,
  loadNetwork,
  normalizeArchitecture,
  permute,
  saveNetwork,
  toHost,
  toTensor,
} from '../../src/model/index.js';

const arch = normalizeArchitecture({
  widths: [3, 4],
  depths: [1, 2],
  strides: [1, 2],
  classes: 7,
  oabn: { threshold: 2 },
});
const file = async (): Promise<string> =>
  join(await mkdtemp(join(tmpdir(), 'oabn-checkpoint-')), 'net.safetensors');

describe('model/checkpoint', () => {
  it('reads back what it wrote, architecture included', async () => {
    const path = await file();
    const stateDict = initialize(arch, 5);
    await saveNetwork(path, { arch, stateDict, form: 'training' });
    const network = await loadNetwork(path);
    assert.deepEqual(network.stateDict, stateDict);
    assert.deepEqual(network.arch, arch);
    assert.equal(network.form, 'training');
  });

  it('takes files from elsewhere: DataParallel names, counters of batches, the classes of the file', async () => {
    const path = await file();
    const tensors = Object.fromEntries(
      Object.entries(initialize(arch, 5)).map(([name, tensor]) => [`module.${name}`, tensor]),
    );
    await writeSafetensors(path, {
      ...tensors,
      'module.stage0.rbr_dense.bn.num_batches_tracked': { shape: [], data: BigInt64Array.of(3n) },
    });
    await assert.rejects(loadNetwork(path), /does not contain its architecture; give it with --arch/);
    const network = await loadNetwork(path, { ...arch, classes: 10 });
    assert.equal(network.arch.classes, 7);
    assert.deepEqual(network.stateDict, initialize(arch, 5));
  });

  it('refuses a tensor under two names, and one whose name is a member of every object', async () => {
    const path = await file();
    const stateDict = initialize(arch, 5);
    const bias = stateDict['linear.bias']!;
    await writeSafetensors(path, { ...stateDict, 'module.linear.bias': bias });
    await assert.rejects(loadNetwork(path, arch), /has both linear\.bias and module\.linear\.bias/);
    for (const name of ['__proto__', 'constructor', 'toString']) {
      await writeSafetensors(path, { ...stateDict, ...Object.fromEntries([[name, bias]]) });
      await assert.rejects(loadNetwork(path, arch), new RegExp(`does not, such as ${name}`));
    }
  });

  it('names the tensor that is missing, misshapen, unknown or not finite', async () => {
    const whole = initialize(arch, 5);
    const reject = async (tensors: object, message: RegExp): Promise<void> => {
      const path = await file();
      await writeSafetensors(path, tensors as typeof whole);
      await assert.rejects(loadNetwork(path, arch), message);
    };
    const name = 'stage1.0.rbr_1x1.conv.weight';
    const { [name]: kernel, ...others } = whole;
    await reject(others, /has no stage1\.0\.rbr_1x1\.conv\.weight \(expected \[4, 3, 1, 1\]\)/);
    await reject(
      { ...whole, [name]: { shape: [3, 4, 1, 1], data: kernel!.data } },
      /is \[3, 4, 1, 1\], the architecture expects \[4, 3, 1, 1\]/,
    );
    await reject(
      { ...whole, extra: { shape: [1], data: Float32Array.of(1) } },
      /1 tensors that the architecture does not, such as extra/,
    );
    await reject(
      { ...whole, 'linear.bias': { shape: [7], data: new Float32Array(7).fill(NaN) } },
      /linear\.bias has NaN at element 0/,
    );
    await reject(
      { ...whole, 'linear.bias': { shape: [7], data: new Int32Array(7) } },
      /linear\.bias holds Int32Array; expected/,
    );
  });
});

describe('model/stateDict', () => {
  it('changes layouts and back without loss', async () => {
    const shapes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(shapes, async (shape) => {
        const tensor = { shape, data: Float32Array.from({ length: sizeOf(shape) }, (_, i) => i) };
        assert.deepEqual(await toHost(toTensor(tensor)), tensor);
      }),
      { numRuns: 30 },
    );
  });

  it('brings OIHW to HWIO: element (o, i, y, x) to (y, x, i, o)', () => {
    const data = Float32Array.from({ length: 2 * 3 * 2 * 2 }, (_, i) => i);
    const moved = permute(data, [2, 3, 2, 2], [2, 3, 1, 0]);
    const at = (y: number, x: number, i: number, o: number): number => moved[((y * 2 + x) * 3 + i) * 2 + o]!;
    assert.equal(at(1, 0, 2, 1), ((1 * 3 + 2) * 2 + 1) * 2 + 0);
  });
});
