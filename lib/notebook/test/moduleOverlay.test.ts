import assert from 'node:assert/strict';
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { moduleFolders, overlayModules, withoutArrayGenerics } from '../src/kernel/moduleOverlay.js';

describe('notebook/kernel/moduleOverlay', () => {
  let root: string;
  before(async () => {
    root = await realpath(await mkdtemp(join(tmpdir(), 'oabn-overlay-')));
    for (const [path, text] of [
      ['ours/node_modules/a/index.d.ts', 'ours'],
      ['ours/node_modules/b/index.d.ts', 'export declare const x: Float32Array<ArrayBuffer>;'],
      ['ours/node_modules/@types/node/index.d.ts', 'types'],
      ['reader/node_modules/a/index.d.ts', 'the reader’s'],
    ] as const) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), text);
    }
  });
  after(() => rm(root, { recursive: true }));

  const isFolder = (path: string): boolean => existsSync(path) && statSync(path).isDirectory();
  const system = (folder: string) => {
    const sys = {
      fileExists: (path: string) => existsSync(path) && !isFolder(path),
      directoryExists: isFolder,
      readFile: (path: string) => (existsSync(path) ? readFileSync(path, 'utf8') : undefined),
      realpath: (path: string) => (existsSync(path) ? realpathSync(path) : path),
    };
    overlayModules(sys, join(root, folder), [join(root, 'ours', 'node_modules')]);
    return sys;
  };

  it('lists node_modules folders upwards, nearest first', () => {
    assert.equal(
      moduleFolders(join(root, 'ours', 'node_modules', 'a'))[0],
      join(root, 'ours', 'node_modules'),
    );
  });

  it('shows our packages below a folder that has none', () => {
    const { fileExists, directoryExists, readFile, realpath: resolve } = system('empty');
    const path = join(root, 'empty', 'node_modules', 'a', 'index.d.ts');
    assert.equal(directoryExists(join(root, 'empty', 'node_modules')), true);
    assert.equal(directoryExists(join(root, 'empty', 'node_modules', 'a')), true);
    assert.equal(fileExists(path), true);
    assert.equal(readFile(path), 'ours');
    assert.equal(resolve(path), join(root, 'ours', 'node_modules', 'a', 'index.d.ts'));
    assert.equal(fileExists(join(root, 'empty', 'node_modules', 'c', 'index.d.ts')), false);
    assert.equal(fileExists(join(root, 'empty', 'node_modules', '@types', 'node', 'index.d.ts')), false);
  });

  it("prefers the reader's own packages", () => {
    const { readFile } = system('reader');
    assert.equal(readFile(join(root, 'reader', 'node_modules', 'a', 'index.d.ts')), 'the reader’s');
  });

  it('reads typed arrays as TypeScript before 5.7 knows them', () => {
    const { readFile } = system('empty');
    assert.equal(
      readFile(join(root, 'empty', 'node_modules', 'b', 'index.d.ts')),
      'export declare const x: Float32Array;',
    );
    assert.equal(
      withoutArrayGenerics(
        'a: Uint8Array<ArrayBufferLike>; b: Map<string, BigInt64Array<ArrayBuffer>>; c: Array<ArrayBuffer>',
      ),
      'a: Uint8Array; b: Map<string, BigInt64Array>; c: Array<ArrayBuffer>',
    );
  });
});
