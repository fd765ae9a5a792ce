/** Configurations and metadata that were changed: refused by the member's name, or as good as they were. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { configHash, random, UserError } from 'oabn-base';
import { mutateJson } from '../../../base/test/mutate.js';
import { hashOf, normalizeConfig, readConfig, type RunConfig } from '../../src/experiment/index.js';
import { mergeNetwork } from '../../src/merge/index.js';
import { initialize, loadNetwork, normalizeArchitecture, saveNetwork } from '../../src/model/index.js';
import { loadAnyNetwork } from '../../src/quantize/index.js';

const shipped = fileURLToPath(new URL('../../../../data/results/runs/', import.meta.url));
const contents = async (): Promise<{ hash: string; config: RunConfig }[]> => {
  const names = (await readdir(shipped)).filter((name) => name.endsWith('.json'));
  return await Promise.all(
    names.map(async (name) => {
      const { hash, config } = JSON.parse(await readFile(join(shipped, name), 'utf8'));
      return { hash, config: readConfig(config) };
    }),
  );
};

describe('configurations', () => {
  it('of all runs that ship with the project have the names that they had', async () => {
    const runs = await contents();
    assert.ok(runs.length > 100);
    for (const { hash, config } of runs) assert.equal(hashOf(config), hash, JSON.stringify(config));
  });

  it('that were changed anywhere are refused by name, or have one canonical form', async () => {
    const runs = await contents();
    const counts = { refused: 0, passed: 0 };
    for (let i = 0; i < 3000; i++) {
      const stream = random(7, 'configs', i);
      const config = mutateJson(runs[stream.integer(runs.length)]!.config, stream) as RunConfig;
      try {
        const normal = normalizeConfig(config);
        assert.equal(configHash(normalizeConfig(normal)), configHash(normal), `configuration ${i}`);
        counts.passed++;
      } catch (error) {
        assert.ok(error instanceof UserError, `configuration ${i}: ${(error as Error).stack}`);
        counts.refused++;
      }
    }
    assert.ok(counts.refused > 1500 && counts.passed > 100, JSON.stringify(counts));
  });

  it('in a checkpoint’s metadata are refused by name, whatever they are', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'oabn-metadata-'));
    const path = join(folder, 'x.safetensors');
    const arch = normalizeArchitecture({ widths: [3, 4], depths: [1, 2], strides: [1, 2], classes: 5 });
    const merged = mergeNetwork(arch, initialize(arch, 1));
    const activations = { 'stage1.0': { min: 0, max: 1 }, 'stage1.1': { min: 0, max: 2 } };
    const quantization = { scheme: { bits: 4, weights: 'uniform' }, activations };
    const odd = ['null', '3', '[]', '{', '"x"', 'true', '{}', '{"__proto__":[]}'];
    const save = (metadata: Record<string, string>): Promise<void> =>
      saveNetwork(path, { arch, stateDict: merged, form: 'merged' }, metadata);
    await save({ quantization: JSON.stringify(quantization) });
    assert.deepEqual((await loadAnyNetwork(path)).quantization, quantization);
    const refused = (error: unknown): boolean =>
      error instanceof UserError && error.message.startsWith(path) && !error.message.includes('undefined of');
    for (const text of odd) {
      await save({ quantization: text });
      await assert.rejects(loadAnyNetwork(path), refused, text);
      await save({ arch: text });
      await assert.rejects(loadNetwork(path), refused, text);
    }
    for (const [broken, message] of [
      [
        { ...quantization, scheme: { bits: 0, weights: 'uniform' } },
        /scheme\.bits must be a whole number from 2 to 8/,
      ],
      [{ ...quantization, scheme: { bits: 99, weights: 'uniform' } }, /scheme\.bits/],
      [{ ...quantization, activations: { 'stage1.0': activations['stage1.0'] } }, /no range .* stage1\.1/],
      [
        { ...quantization, activations: { ...activations, 'stage1.0': { min: 2, max: 1 } } },
        /min must be ≤ max/,
      ],
    ] as const) {
      await save({ quantization: JSON.stringify(broken) });
      await assert.rejects(loadAnyNetwork(path), message);
    }
    await save({ arch: JSON.stringify({ ...arch, depths: [1, 20_000_000] }) });
    await assert.rejects(loadNetwork(path), /depths\[1\] must be a whole number from 1 to 10000/);
    for (let i = 0; i < 100; i++) {
      const stream = random(8, 'metadata', i);
      const [a, q] = [mutateJson(arch, stream), mutateJson(quantization, stream)];
      await save(i % 2 ? { arch: JSON.stringify(a) } : { quantization: JSON.stringify(q) });
      await loadAnyNetwork(path).catch((error: unknown) =>
        assert.ok(error instanceof UserError, `metadata ${i}: ${(error as Error).stack}`),
      );
    }
  });
});
