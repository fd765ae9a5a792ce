import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { checkWritable, copyFileAtomic, temporaryName, writeFileAtomic } from '../src/index.js';

/** A process that is killed while it writes `paths`: half of each is there under another name. */
async function killedWhileWriting(paths: readonly string[]): Promise<void> {
  const program = `
    import { writeFileSync } from 'node:fs';
    import { temporaryName } from '${new URL('../src/index.ts', import.meta.url).href}';
    for (const path of ${JSON.stringify(paths)}) writeFileSync(temporaryName(path), 'half of');
    process.kill(process.pid, 'SIGKILL');
  `;
  const args = ['--conditions=oabn-source', '--import', 'tsx', '--input-type=module', '-e', program];
  const cwd = fileURLToPath(new URL('.', import.meta.url));
  await assert.rejects(promisify(execFile)(process.execPath, args, { cwd }), { signal: 'SIGKILL' });
}

describe('temporary files', function () {
  this.timeout(120_000);
  let folder: string;
  let path: string;
  const names = async (): Promise<string[]> => (await readdir(folder)).sort();
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'oabn-temporary-'));
    path = join(folder, 'net.safetensors');
  });

  it('of a killed process go when the same file is written again, copied to, or asked for', async () => {
    const from = join(folder, 'from');
    await writeFile(from, 'whole');
    const again: readonly ((path: string) => Promise<void>)[] = [
      checkWritable,
      (to) => writeFileAtomic(to, 'whole'),
      (to) => copyFileAtomic(from, to),
    ];
    const paths = again.map((_, i) => join(folder, `${i}`));
    await killedWhileWriting(paths);
    assert.equal((await names()).length, 1 + paths.length);
    for (const [i, write] of again.entries()) {
      await write(paths[i]!);
      assert.equal((await names()).filter((name) => name.startsWith(`.${i}.`)).length, 0);
    }
    assert.deepEqual(await names(), ['1', '2', 'from']);
  });

  it('of processes that live, of other files, and of other machines stay; those for a day', async () => {
    const mine = basename(temporaryName(path));
    const pid = '1';
    const machine = /\.([0-9a-f]{8})[0-9a-f]{8}\.tmp$/.exec(mine)![1]!;
    const elsewhere = (machine.startsWith('0') ? '1' : '0') + machine.slice(1);
    const [young, old] = ['a', 'b'].map((digit) => `.net.safetensors.1.${elsewhere}${digit.repeat(8)}.tmp`);
    const kept = [
      mine,
      `.net.safetensors.${pid}.${machine}00000000.tmp`,
      basename(temporaryName(join(folder, 'net'))),
      '.net.safetensors.swp',
      '.net.safetensors.tmp',
      young!,
    ];
    for (const name of [...kept, old!]) await writeFile(join(folder, name), '');
    const yesterday = Date.now() / 1000 - 25 * 3600;
    await utimes(join(folder, old!), yesterday, yesterday);
    await writeFileAtomic(path, 'whole');
    assert.deepEqual(await names(), [...kept, 'net.safetensors'].sort());
  });
});
