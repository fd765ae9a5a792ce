/** The compiled form of a file, kept between starts. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadCompiled } from '../../src/kernel/language/compileCache.js';

describe('kernel: the compile cache', function () {
  const require = createRequire(import.meta.url);
  let folder: string;
  before(async function () {
    if ('enableCompileCache' in require('node:module')) this.skip(); // Node does it
    folder = await mkdtemp(join(tmpdir(), 'kernel-cache-'));
  });
  after(async () => {
    if (folder) await rm(folder, { recursive: true });
  });

  it('lets `require` have a file, keeps it once, and sees that it changed', async () => {
    const [file, cache] = [join(folder, 'large.cjs'), join(folder, 'cache')];
    const load = (): { save(): void; value: unknown } => {
      Reflect.deleteProperty(require.cache, file);
      const { save } = loadCompiled(file, cache);
      return { save, value: (require(file) as { value(): unknown }).value() };
    };
    const write = (value: number): Promise<void> =>
      writeFile(file, `exports.value = () => ${value} + require('node:path').sep.length + (__filename.endsWith('large.cjs') ? 0.5 : 0);`); // prettier-ignore
    await write(1);
    const first = load();
    assert.equal(first.value, 2.5);
    first.save();
    const kept = await readdir(cache);
    assert.equal(kept.length, 1);
    const second = load();
    assert.equal(second.value, 2.5);
    second.save();
    assert.deepEqual(await readdir(cache), kept);
    await write(10);
    const third = load();
    assert.equal(third.value, 11.5);
    third.save();
    assert.equal((await readdir(cache)).length, 2);
    // What is not a cache is not taken for one.
    for (const name of await readdir(cache)) await writeFile(join(cache, name), 'nonsense');
    assert.equal(load().value, 11.5);
  });
});
