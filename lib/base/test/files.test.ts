import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkWritable, copyFileAtomic, UserError, writeFileAtomic } from '../src/index.js';

const newFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'oabn-files-'));

/**
 * What `program` prints, as JSON, where `folder` is a disk with these options; undefined where there can be
 * none.
 */
function onDiskOf(options: string, folder: string, program: string): unknown {
  const mount = `mount -t tmpfs -o ${options} tmpfs ${folder}`;
  const alone = (script: string, ...command: string[]): string[] => [
    '--mount',
    '--map-root-user',
    'sh',
    '-c',
    script,
    '--',
    ...command,
  ];
  try {
    execFileSync('unshare', alone(mount), { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  const node = [process.execPath, '--conditions=oabn-source', '--import', 'tsx', '--input-type=module'];
  const output = execFileSync('unshare', alone(`${mount} && exec "$@"`, ...node, '-e', program), {
    encoding: 'utf8',
  });
  return JSON.parse(output);
}

const isFor = (path: string, code: string) => (error: unknown) => {
  assert.ok(error instanceof UserError, String(error));
  assert.ok(error.message.startsWith(`Cannot use ${path} (${code}): `), error.message);
  return true;
};

/** The three ways to write to a path, all of which must meet its oddities alike. */
const ways: Readonly<Record<string, (path: string) => Promise<void>>> = {
  writeFileAtomic: (path) => writeFileAtomic(path, 'new'),
  copyFileAtomic: async (path) => {
    const source = join(await newFolder(), 'source');
    await writeFile(source, 'new');
    await copyFileAtomic(source, path);
  },
};

describe('base/files', () => {
  for (const [name, write] of Object.entries(ways)) {
    it(`${name} replaces a file, and makes the folders above it`, async () => {
      const folder = await newFolder();
      const path = join(folder, 'a', 'b', 'file');
      for (let i = 0; i < 2; i++) await write(path);
      assert.equal(await readFile(path, 'utf8'), 'new');
      assert.deepEqual(await readdir(join(folder, 'a', 'b')), ['file']);
    });

    it(`${name} follows a symbolic link and leaves it`, async () => {
      const folder = await newFolder();
      await mkdir(join(folder, 'there'));
      const [link, target] = [join(folder, 'link'), join(folder, 'there', 'target')];
      await symlink('there/target', link);
      for (let i = 0; i < 2; i++) {
        await write(link); // first to a target that is not there
        assert.equal(await readFile(target, 'utf8'), 'new');
        assert.equal(await readlink(link), 'there/target');
        await writeFile(target, 'old');
      }
      assert.deepEqual(await readdir(join(folder, 'there')), ['target']);
    });

    it(`${name} writes to a device, and never replaces it`, async () => {
      const folder = await newFolder();
      // A device of our own where we may make one, for a defect would destroy the real /dev/null.
      const path = join(folder, 'null');
      try {
        execFileSync('mknod', [path, 'c', '1', '3'], { stdio: 'ignore' });
        await writeFile(path, '');
      } catch {
        await symlink('/dev/null', join(folder, 'link'));
        await write(join(folder, 'link'));
        assert.ok((await stat('/dev/null')).isCharacterDevice());
        return;
      }
      await write(path);
      assert.ok((await lstat(path)).isCharacterDevice());
      assert.deepEqual(await readdir(folder), ['null']);
    });

    it(`${name} says what is wrong with a path, and leaves nothing`, async () => {
      const folder = await newFolder();
      await writeFile(join(folder, 'file'), '');
      await mkdir(join(folder, 'folder'));
      await symlink('circle', join(folder, 'circle'));
      const cases: [string, string][] = [
        ['file/below', 'ENOTDIR'],
        ['folder', 'EISDIR'],
        ['circle', 'ELOOP'],
        ['x'.repeat(300), 'ENAMETOOLONG'],
      ];
      for (const [place, code] of cases) {
        const path = join(folder, place);
        await assert.rejects(write(path), isFor(path, code));
        await assert.rejects(checkWritable(path), isFor(path, code));
      }
      assert.deepEqual(await readdir(folder), ['circle', 'file', 'folder']);
      assert.deepEqual(await readdir(join(folder, 'folder')), []);
    });
  }

  it('checkWritable leaves nothing, whether the folder is there or not', async () => {
    const folder = await newFolder();
    await writeFile(join(folder, 'old'), 'old');
    for (const path of ['new', 'old', 'a/b/c']) await checkWritable(join(folder, path), 3_000_000);
    assert.deepEqual(await readdir(folder), ['old']);
    assert.equal(await readFile(join(folder, 'old'), 'utf8'), 'old');
  });

  it('say that a disk is read-only, where folders are to be made on it too', async function () {
    const folder = await newFolder();
    const program = `
      const { makeFolder, writeFileAtomic } = await import('oabn-base');
      const said = [];
      for (const work of [() => makeFolder('${folder}/a'), () => writeFileAtomic('${folder}/a/b/x', '')])
        said.push(await work().then(() => 'well', (error) => error.name + ': ' + error.message));
      console.log(JSON.stringify(said));`;
    const said = onDiskOf('ro', folder, program);
    if (said === undefined) this.skip(); // no namespaces of one's own on this system
    for (const each of said as string[]) assert.match(each, /^UserError: Cannot use .*\(EROFS\).*read-only/);
  });

  it('checkWritable finds a disk that is full, or too small for the file', async function () {
    const folder = await newFolder();
    const program = `
      const { checkWritable, writeFileAtomic } = await import('oabn-base');
      const said = [];
      for (const work of [
        () => checkWritable('${folder}/x', 500_000),
        () => checkWritable('${folder}/x', 5_000_000),
        () => writeFileAtomic('${folder}/x', new Uint8Array(5_000_000)),
      ]) said.push(await work().then(() => 'well', (error) => error.name + ': ' + error.message));
      const { readdirSync } = await import('node:fs');
      console.log(JSON.stringify({ said, left: readdirSync('${folder}') }));`;
    const printed = onDiskOf('size=1m', folder, program);
    if (printed === undefined) this.skip(); // no namespaces of one's own on this system
    const { said, left } = printed as { said: string[]; left: string[] };
    assert.equal(said[0], 'well');
    assert.match(said[1]!, /^UserError: Cannot use .* \(ENOSPC\): the disk is full/);
    assert.match(said[2]!, /^UserError: Cannot use .* \(ENOSPC\): the disk is full/);
    assert.deepEqual(left, []);
  });
});
