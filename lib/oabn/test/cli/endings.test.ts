/** How commands end: by signals, with nobody reading, and where the disk takes no output. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { initialize, repvgg, saveNetwork } from '../../src/model/index.js';
import { binary, oabn, start } from './run.js';

const train = ['train', '--profile', 'smoke', '--data', 'made', '--epochs', '200'];

describe('the command’s end', function () {
  this.timeout(120_000);
  let folder: string;
  let checkpoint: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'oabn-endings-'));
    checkpoint = join(folder, 'net.safetensors');
    const arch = repvgg('A0', { width: 0.25 });
    await saveNetwork(checkpoint, { arch, stateDict: initialize(arch, 1), form: 'training' });
  });
  after(() => rm(folder, { recursive: true, force: true }));

  for (const [signal, code] of [
    ['SIGTERM', 143],
    ['SIGHUP', 129],
    ['SIGINT', 130],
  ] as const) {
    it(`at ${signal}: between two steps, with a checkpoint, and ${code}`, async () => {
      const runs = join(folder, signal);
      const child = start([...train, '--runs', runs]);
      let said = '';
      child.stderr!.on('data', (text) => (said += text));
      while (!said.includes('epoch 1/200')) await once(child.stderr!, 'data');
      child.kill(signal);
      const [ended] = (await once(child, 'close')) as [number | null];
      assert.equal(ended, code, said);
      assert.match(said, /interrupted; training that is run again continues/);
      const [run] = await readdir(runs);
      const files = await readdir(join(runs, run!));
      assert.ok(
        files.some((name) => /^checkpoint-\d+\.safetensors$/.test(name)),
        files.join(),
      );
      assert.ok(!files.includes('lock') && !files.includes('error.json'), files.join());
    });
  }

  it('with nobody reading: no stack, and the work is done', async () => {
    const merged = join(folder, 'closed.safetensors');
    const child = start(['merge', checkpoint, '-o', merged, '--json']);
    child.stdout!.destroy();
    let said = '';
    child.stderr!.on('data', (text) => (said += text));
    const [code] = (await once(child, 'close')) as [number | null];
    assert.deepEqual([code, said], [0, '']);
    assert.ok((await lstat(merged)).isFile());
  });

  it('on a full standard output: a message and 2', function () {
    let full: { status: number | null; stderr: string };
    try {
      execFileSync(
        'bash',
        [
          '-c',
          '"$@" > /dev/full',
          'bash',
          process.execPath,
          binary,
          'merge',
          checkpoint,
          '-o',
          join(folder, 'x'),
        ],
        {
          encoding: 'utf8',
          stdio: ['ignore', 'ignore', 'pipe'],
        },
      );
      assert.fail('it printed to a full disk');
    } catch (error) {
      full = error as typeof full;
    }
    assert.equal(full.status, 2, full.stderr);
    assert.match(full.stderr, /^oabn: Cannot use the standard output \(ENOSPC\): the disk is full/);
  });

  it('where -o cannot be written: a message and 2, before any work', async () => {
    const places: [string, RegExp][] = [
      [folder, /EISDIR.*it is a folder/],
      [join(checkpoint, 'below'), /ENOTDIR/],
      [join(folder, 'x'.repeat(300)), /ENAMETOOLONG/],
    ];
    const commands = [
      ['merge', checkpoint],
      ['export', checkpoint],
      ['quantize', checkpoint, '--bits', '4', '--data', 'made'],
      ['train', '--profile', 'smoke', '--data', 'made', '--runs', join(folder, 'none')],
      ['finetune', checkpoint, '--bits', '4', '--data', 'made', '--runs', join(folder, 'none')],
    ];
    const [first, ...others] = commands as [string[], ...string[][]];
    for (const [place, message] of places) {
      const { code, stderr } = await oabn([...first, '-o', place]);
      assert.equal(code, 2, stderr);
      assert.match(stderr, message);
    }
    for (const command of others) {
      const { code, stderr } = await oabn([...command, '-o', folder]);
      assert.equal(code, 2, stderr);
      assert.match(stderr, /^oabn: Cannot use .*EISDIR/);
    }
    assert.deepEqual(
      (await readdir(folder)).filter((name) => name.includes('.tmp') || name === 'none'),
      [],
    );
  });

  it('writes to a device that -o names, and leaves it one', async () => {
    const { code, stderr } = await oabn(['merge', checkpoint, '-o', '/dev/null']);
    assert.equal(code, 0, stderr);
    assert.ok((await lstat('/dev/null')).isCharacterDevice());
  });
});
