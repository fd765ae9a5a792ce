/** Training where the disk has too little room: a clear error, what was reached is kept, and it goes on from there. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { oabn } from './run.js';

describe('training on a disk that is too small', function () {
  this.timeout(240_000);
  let folder: string;
  let disk: string;
  let expected: Buffer;
  const resize = (size: string): void =>
    void execFileSync('mount', ['-o', `remount,size=${size}`, disk], { stdio: 'pipe' });
  const train = (runs: string, output: string) =>
    oabn([
      ...['train', '--profile', 'smoke', '--data', 'made', '--threshold', '0.5', '--epochs', '3'],
      ...['--runs', runs, '-o', output],
    ]);

  before(async function () {
    folder = await mkdtemp(join(tmpdir(), 'oabn-full-disk-'));
    disk = join(folder, 'disk');
    await mkdir(disk);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk], { stdio: 'pipe' });
    } catch {
      process.stdout.write('      skipped: no disk can be made here (mount needs root)\n');
      await rm(folder, { recursive: true });
      this.skip();
    }
    const { code, stderr } = await train(join(folder, 'runs'), join(folder, 'whole'));
    assert.equal(code, 0, stderr);
    expected = await readFile(join(folder, 'whole'));
  });
  after(async () => {
    try {
      execFileSync('umount', ['-l', disk], { stdio: 'pipe' });
    } catch {
      return; // It was skipped.
    }
    await rm(folder, { recursive: true, force: true });
  });

  it('keeps the checkpoints that there was room for, and goes on from there to the same bits', async () => {
    const [runs, output] = [join(disk, 'runs'), join(disk, 'net.safetensors')];
    // One checkpoint has room, a second beside it has not.
    resize('60k');
    const { code, stderr } = await train(runs, output);
    assert.equal(code, 2, stderr);
    assert.match(
      stderr,
      /oabn: Cannot use .*checkpoint-20\.safetensors \(ENOSPC\): the disk is full; make room/,
    );
    const kept = (await readdir(disk, { recursive: true })).filter((name) => /safetensors/.test(name));
    assert.deepEqual(
      kept.map((name) => /[^/]*$/.exec(name)![0]),
      ['checkpoint-10.safetensors'],
    );
    resize('8m');
    const again = await train(runs, output);
    assert.equal(again.code, 0, again.stderr);
    assert.doesNotMatch(again.stderr, /epoch 1\/3/, 'it begins anew');
    assert.ok((await readFile(output)).equals(expected));
  });

  it('keeps the run when its network finds no room at -o, and asked again needs no training', async () => {
    const [runs, output] = [join(folder, 'runs'), join(disk, 'other.safetensors')];
    await rm(join(disk, 'runs'), { recursive: true });
    await rm(join(disk, 'net.safetensors'));
    resize('12k');
    const { code, stderr } = await train(runs, output);
    assert.equal(code, 2, stderr);
    assert.match(stderr, /oabn: Cannot use .*other\.safetensors \(ENOSPC\): the disk is full; make room/);
    assert.deepEqual(await readdir(disk), []);
    resize('8m');
    const again = await train(runs, output);
    assert.equal(again.code, 0, again.stderr);
    assert.doesNotMatch(again.stderr, /epoch/);
    assert.ok((await readFile(output)).equals(expected));
  });
});
