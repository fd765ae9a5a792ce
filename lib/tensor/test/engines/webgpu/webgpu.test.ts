import assert from 'node:assert/strict';
import { describeAdapter, isSoftware } from '../../../src/engines/webgpu/adapter.js';
import { guardDevice } from '../../../src/engines/webgpu/failure.js';
import { cases } from '../cases.js';
import { runOnGpu } from './environment.js';

interface Line {
  readonly name?: string;
  readonly device?: string;
  /** What the first attempt said, whose registration failed. */
  readonly first?: string;
  readonly off?: number | null;
  readonly error?: string;
}

describe('webgpu', function () {
  this.timeout(120_000);
  let lines: Line[] = [];

  before(async function () {
    const result = await runOnGpu<Line>(this, new URL('agreement.mts', import.meta.url));
    lines = result.lines;
    assert.equal(result.stderr, '', 'Dawn’s warnings do not reach a user');
  });

  it('starts, after an attempt that failed half-way', () => {
    assert.match(lines[0]?.first ?? '', /webgpu cannot be used here: cannot be registered/);
    assert.ok(lines[0]?.device);
  });

  for (const { name } of cases) {
    it(`agrees with the CPU: ${name}`, () => {
      const line = lines.find((candidate) => candidate.name === name);
      assert.ok(line, 'the process ended before this case');
      assert.equal(line.error, undefined);
      assert.ok(typeof line.off === 'number' && line.off < 1e-4, `off by ${line.off}`);
    });
  }

  it('reports a lost device where results are read', () => {
    const line = lines.find(({ name }) => name === 'lost device');
    assert.match(
      line?.error ?? '',
      /^UserError: The GPU device was lost .* resumes from its last checkpoint/,
    );
  });
});

describe('a failing device', () => {
  /** A device that reports `error` as Dawn does, and a backend above it that can always read. */
  async function readAfter(error: { constructor: { name: string }; message: string }): Promise<unknown> {
    const device = Object.assign(new EventTarget(), { lost: new Promise(() => undefined) });
    const backend = { read: async (): Promise<number[]> => [0, 0] };
    guardDevice(device as unknown as GPUDevice, backend);
    assert.deepEqual(await backend.read(), [0, 0]);
    device.dispatchEvent(Object.assign(new Event('uncapturederror', { cancelable: true }), { error }));
    return backend.read();
  }

  it('out of memory makes reading throw instead of giving zeros', async () => {
    class GPUOutOfMemoryError extends Error {}
    const read = readAfter(new GPUOutOfMemoryError('vkAllocateMemory failed\n at …'));
    await assert.rejects(
      read,
      /^UserError: Out of GPU memory \(vkAllocateMemory failed\)\. Use a smaller batch/,
    );
  });

  it('a refused command does too', async () => {
    class GPUValidationError extends Error {}
    await assert.rejects(
      readAfter(new GPUValidationError('Invalid Buffer')),
      /The GPU refused .*Invalid Buffer/,
    );
  });
});

describe('adapters', () => {
  it('that compute on the CPU are recognised', () => {
    const info = { vendor: '', architecture: '', device: '', description: '' };
    assert.ok(isSoftware({ ...info, vendor: 'google', architecture: 'swiftshader' }));
    assert.ok(isSoftware({ ...info, description: 'llvmpipe (LLVM 15.0.6, 256 bits)' }));
    assert.ok(isSoftware({ ...info, description: 'Microsoft Basic Render Driver' }));
    assert.ok(!isSoftware({ ...info, vendor: 'nvidia', description: 'NVIDIA H200' }));
    assert.ok(!isSoftware({ ...info, vendor: 'apple', description: 'Apple M1 Max' }));
  });

  it('are named with their driver', () => {
    const description = 'NVIDIA: 580.159.04 580.159.4.0';
    const card = { vendor: 'nvidia', architecture: 'hopper', device: 'nvidia-h100-80gb-hbm3', description };
    assert.equal(describeAdapter(card), `nvidia-h100-80gb-hbm3 (${description})`);
    assert.equal(describeAdapter({ ...card, device: '', description: '' }), 'nvidia hopper');
    assert.equal(describeAdapter({ vendor: '', architecture: '', device: '', description }), description);
    assert.equal(
      describeAdapter({ vendor: '', architecture: '', device: '', description: '' }),
      'unnamed adapter',
    );
  });
});
