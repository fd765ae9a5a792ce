import assert from 'node:assert/strict';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeSafetensors } from 'oabn-base';
import { readStateDict } from '../../src/model/index.js';

describe('model/readStateDict', () => {
  let path: string;
  before(async () => {
    path = join(await mkdtemp(join(tmpdir(), 'oabn-read-')), 'x.safetensors');
  });
  const q = { shape: [2, 2], data: Int8Array.of(1, -2, 3, -128) };

  it('multiplies int8 by its scale, one for all or one a channel, and leaves other integers apart', async () => {
    await writeSafetensors(path, {
      'module.a.weight': q,
      'module.a.weight_scale': { shape: [2, 1], data: Float32Array.of(0.5, 2) },
      'b.weight': q,
      'b.weight_scale': { shape: [], data: Float32Array.of(0.25) },
      'bn.num_batches_tracked': { shape: [], data: BigInt64Array.of(3n) },
      index: q,
    });
    const { stateDict, integers } = await readStateDict(path);
    assert.deepEqual(stateDict, {
      'a.weight': { shape: [2, 2], data: Float32Array.of(0.5, -1, 6, -256) },
      'b.weight': { shape: [2, 2], data: Float32Array.of(0.25, -0.5, 0.75, -32) },
    });
    assert.deepEqual(integers, { index: q });
  });

  it('drops what wrappers put into names, in any order, and nothing else', async () => {
    const one = { shape: [1], data: Float32Array.of(1) };
    const names = {
      '_orig_mod.a': 'a',
      'module._orig_mod.b': 'b',
      '_orig_mod.module.module.c': 'c',
      'stages.0._orig_mod.d': 'stages.0.d',
      'stages.0._checkpoint_wrapped_module.module.e': 'stages.0.module.e',
      '_fsdp_wrapped_module.stages._fsdp_wrapped_module.f': 'stages.f',
      'x_orig_mod.g': 'x_orig_mod.g',
    };
    await writeSafetensors(path, Object.fromEntries(Object.keys(names).map((name) => [name, one])));
    const { stateDict } = await readStateDict(path);
    assert.deepEqual(Object.keys(stateDict).sort(), Object.values(names).sort());
  });

  it('says what a file is that is taken for a checkpoint, and what to do', async () => {
    for (const [start, message] of [
      ['version https://git-lfs.github.com/spec/v1\noid sha256:00\n', /fetch the file itself: git lfs pull/],
      ['\n<!DOCTYPE html><html>', /is a web page/],
      ['\x08\x09\x12\x04oabn', /seems to be an ONNX file, which oabn eval and oabn latency read/],
      ['{"metadata": {"total_size": 1}, "weight_map": {"a": "a.safetensors"}}', /write them into one file: /],
      ['\x89HDF\r\n\x1a\n', /is an HDF5 file/],
    ] as const) {
      await writeFile(path, start, 'latin1');
      await assert.rejects(readStateDict(path), message);
    }
  });

  it('refuses scales that fit nothing', async () => {
    await writeSafetensors(path, { w: q, w_scale: { shape: [3], data: new Float32Array(3) } });
    await assert.rejects(readStateDict(path), /w_scale has 3 elements; expected 1 or 2/);
  });
});
