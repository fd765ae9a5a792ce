/** The toy's program as plain JavaScript, so that processes of it start in a fifth of the time. */
import { copyFile, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import ts from 'typescript';

const tests = join('lib', 'runs', 'test', 'store');

async function transpile(path: string, folder: string): Promise<string> {
  const { outputText } = ts.transpileModule(await readFile(path, 'utf8'), {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
  });
  const target = join(folder, path.replace(/ts$/, 'js'));
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, outputText);
  return target;
}

/** Puts `storeChild.ts`, and what it imports, into `folder`; returns the program's path. */
export async function buildToyProgram(folder: string): Promise<string> {
  const base = join('node_modules', 'oabn-base');
  const sources = await Promise.all(
    [join('lib', 'runs', 'src', 'store'), join(base, 'src')].map(async (room) =>
      (await readdir(room)).filter((name) => name.endsWith('.ts')).map((name) => join(room, name)),
    ),
  );
  const own = ['storeToy.ts', 'fileOperations.ts'].map((name) => join(tests, name));
  const shared = join('lib', 'runs', 'src', 'faults.ts');
  for (const path of [...sources.flat(), shared, ...own]) await transpile(path, folder);
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  await writeFile(join(folder, base, 'package.json'), '{"type":"module","exports":"./src/index.js"}');
  await copyFile(join('lib', 'runs', 'package.json'), join(folder, 'lib', 'runs', 'package.json'));
  const limit = dirname(createRequire(import.meta.url).resolve('p-limit'));
  await symlink(limit, join(folder, 'node_modules', 'p-limit'), 'junction');
  return await transpile(join(tests, 'storeChild.ts'), folder);
}

/** Puts a module that stands alone, but for `fileOperations.ts`, into `folder`; returns its path. */
export async function buildPreload(path: string, folder: string): Promise<string> {
  await transpile(join(tests, 'fileOperations.ts'), folder);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  return await transpile(path, folder);
}
