import assert from 'node:assert/strict';
import { mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { decodeSafetensors, encodeSafetensors, readSafetensors, writeSafetensors } from '../src/index.js';

const example = {
  'stage0.rbr_dense.bn.num_batches_tracked': { shape: [], data: BigInt64Array.of(12n) },
  'linear.weight': { shape: [2, 3], data: Float32Array.of(1, -2, 3.5, 0, 1e-30, 7) },
};

describe('base/safetensors', () => {
  it('reads back what it wrote', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'oabn-safetensors-'));
    const path = join(folder, 'model.safetensors');
    await writeSafetensors(path, example, { arch: '{"name":"A0"}' });
    const { tensors, metadata } = await readSafetensors(path);
    assert.deepEqual(tensors, example);
    assert.deepEqual(metadata, { arch: '{"name":"A0"}' });
    assert.deepEqual(await readdir(folder), ['model.safetensors']);
  });

  it('refuses every truncation with the name of the file', () => {
    const bytes = encodeSafetensors({ tensors: example, metadata: {} });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: bytes.length - 1 }), (length) => {
        assert.throws(
          () => decodeSafetensors(bytes.slice(0, length), 'x.safetensors'),
          /x\.safetensors is not a whole/,
        );
      }),
    );
  });

  it('says what to do about a missing file and an unknown dtype', async () => {
    await assert.rejects(
      readSafetensors('/nowhere/x.safetensors'),
      /Cannot read \/nowhere\/x\.safetensors: ENOENT/,
    );
    const folder = await mkdtemp(join(tmpdir(), 'oabn-safetensors-'));
    const header = Buffer.from(JSON.stringify({ w: { dtype: 'BF16', shape: [1], data_offsets: [0, 2] } }));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    const path = join(folder, 'half.safetensors');
    await writeFile(path, Buffer.concat([length, header, Buffer.alloc(2)]));
    await assert.rejects(readSafetensors(path), /tensor w has dtype BF16; convert it/);
  });
});
