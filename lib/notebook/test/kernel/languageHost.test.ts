/** What TypeScript is told of files and modules, and what is not looked for on the way. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cellCompilerOptions } from '../../src/kernel/language/compilerOptions.js';
import { createLanguageHost } from '../../src/kernel/language/languageHost.js';
import ts from '../../src/kernel/language/typescript.js';

describe('kernel: what TypeScript sees', () => {
  const folders: string[] = [];
  after(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

  it('searches no folder for the modules that the types of Node declare', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'kernel-host-'));
    folders.push(folder);
    const compilerOptions = cellCompilerOptions(folder);
    const host = createLanguageHost({
      folder,
      fallbacks: [import.meta.filename],
      compilerOptions,
      rootFiles: () => [],
      memoryFile: () => undefined,
    });
    let looks = 0;
    const { sys } = ts;
    const { fileExists, directoryExists } = sys;
    sys.fileExists = (path) => (looks++, fileExists.call(sys, path));
    sys.directoryExists = (path) => (looks++, directoryExists.call(sys, path));
    const find = (name: string, from: string): { found: string | undefined; looks: number } => {
      looks = 0;
      const literal = { text: name } as ts.StringLiteralLike;
      const [resolution] = host.resolveModuleNameLiterals!([literal], from, undefined, compilerOptions, {} as ts.SourceFile, undefined); // prettier-ignore
      return { found: resolution?.resolvedModule?.resolvedFileName, looks };
    };
    try {
      const cell = join(folder, '__cell_1__.ts');
      assert.deepEqual(find('node:fs/promises', cell), { found: undefined, looks: 0 });
      const types = createRequire(import.meta.url).resolve('@types/node/package.json');
      assert.deepEqual(find('events', join(types, '..', 'fs.d.ts')), { found: undefined, looks: 0 });
      // A package may have the name of a module of Node: what a cell imports by it is looked for.
      assert.ok(find('events', cell).looks > 0);
      assert.match(find('typescript', cell).found ?? '', /typescript\.d\.ts$/);
    } finally {
      Object.assign(sys, { fileExists, directoryExists });
    }
  });
});
