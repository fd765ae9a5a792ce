/**
 * Every package as a stranger gets it: packed, installed into an empty folder from the npm registry alone,
 * without overrides or flags, once with install scripts and once without; then compiled against and run.
 * `npm run test:pack` does this; it is not part of `npm test`, as it installs a gigabyte several times over.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type EmptyFolder, emptyFolder } from './emptyFolder.js';
import { packAll, type PackedPackage, repository } from './packages.js';

const uses = fileURLToPath(new URL('use', import.meta.url));
const compiler = join(repository, 'node_modules/typescript/bin/tsc');
const tsx = join(repository, 'node_modules/tsx/dist/esm/index.mjs');

describe('packed packages', function () {
  this.timeout(600_000).slow(1);
  let folder: string;
  let packages: PackedPackage[];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'oabn-pack-'));
    packages = packAll(folder);
  });
  after(() => rm(folder, { recursive: true }));

  it('hold what a reader and a debugger need, and nothing left over', () => {
    for (const { name, files, targets, size } of packages) {
      for (const file of ['README.md', 'LICENSE', 'package.json', 'dist/index.js', 'dist/index.d.ts'])
        assert.ok(files.includes(file), `${name} has no ${file}`);
      assert.deepEqual(
        targets.filter((file) => !files.includes(file)),
        [],
        `${name} exports what it does not hold`,
      );
      const allowed =
        /^(README\.md|LICENSE|package\.json|docs\/.*\.md|bin\/.*\.js|scripts\/preinstall\.js|(src|dist)\/.*)$/;
      const known = new Set(files);
      const strange = files.filter((file) => !allowed.test(file) || !hasSource(file, known));
      assert.deepEqual(strange, [], `${name} has files that no source stands behind`);
      assert.ok(size < 2e6, `${name} has ${size} bytes`);
    }
  });

  for (const name of ['oabn-base', 'tfjs-native', 'provable-runs', 'tslab-kernel', 'oabn']) {
    it(`${name} installs with scripts, compiles and runs`, () =>
      inEmptyFolder(async (empty) => {
        await install(empty, packages, name);
        await writeScripts(empty, name);
        assert.deepEqual(await compile(empty), [], 'errors in the types of our packages');
        for (const script of ['readme', name]) {
          await empty.run(process.execPath, `${script}.js`);
          await empty.run(process.execPath, '--import', tsx, `${script}.ts`);
        }
      }));
  }

  // These two bring all of the others.
  for (const name of ['tslab-kernel', 'oabn']) {
    it(`${name} installs without scripts, and runs`, () =>
      inEmptyFolder(async (empty) => {
        await install(empty, packages, name, '--ignore-scripts');
        await writeScripts(empty, name);
        await empty.run(process.execPath, '--import', tsx, `${name}.ts`);
      }));
  }
});

/** A compiled file comes from `src`, and a map has the file that it leads to. */
function hasSource(file: string, files: ReadonlySet<string>): boolean {
  const [, name] = /^dist\/(.*?)(\.d)?\.(js|ts)(\.map)?$/.exec(file) ?? [];
  return !file.startsWith('dist/') || (name !== undefined && files.has(`src/${name}.ts`));
}

async function inEmptyFolder(work: (empty: EmptyFolder) => Promise<void>): Promise<void> {
  const empty = await emptyFolder();
  await work(empty).finally(() => empty.remove());
}

async function install(
  empty: EmptyFolder,
  packages: readonly PackedPackage[],
  name: string,
  ...flags: readonly string[]
): Promise<void> {
  const { needs } = packages.find((each) => each.name === name)!;
  const tarballs = packages.filter((each) => each.name === name || needs.includes(each.name));
  await empty.run('npm', 'install', ...flags, ...tarballs.map(({ tarball }) => tarball));
  await empty.run('npm', 'ls', '--all');
  for (const absent of ['danfojs-node', 'plotly.js-dist', 'tslab', 'request', 'xlsx']) {
    const there = existsSync(join(empty.path, 'node_modules', absent));
    assert.ok(!there || name === 'tslab-kernel', `${name} brings ${absent}`);
  }
}

/** The example of the installed package's README as `readme.ts`, and a longer one as `<name>.ts`. */
async function writeScripts({ path }: EmptyFolder, name: string): Promise<void> {
  const readme = await readFile(join(path, 'node_modules', name, 'README.md'), 'utf8');
  const example = /```ts\n(.*?)```/s.exec(readme);
  assert.ok(example, `The README of ${name} has no example`);
  await writeFile(join(path, 'readme.ts'), example[1]!);
  await cp(join(uses, `${name}.ts`), join(path, `${name}.ts`));
  const manifest = JSON.parse(await readFile(join(path, 'package.json'), 'utf8')) as object;
  await writeFile(join(path, 'package.json'), JSON.stringify({ ...manifest, type: 'module' }));
}

/** Compiles the scripts with all checks on; the errors that are in them or in the types of our packages. */
async function compile({ path, run }: EmptyFolder): Promise<string[]> {
  const compilerOptions = { target: 'ES2022', module: 'NodeNext', strict: true, skipLibCheck: false };
  await writeFile(join(path, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
  const output = await run(process.execPath, compiler, '--pretty', 'false').catch(
    (error: Error) => error.message,
  );
  const ours = /^([\w-]+\.ts|node_modules\/(oabn|oabn-base|tfjs-native|provable-runs|tslab-kernel)\/)/;
  return output.split('\n').filter((line) => ours.test(line));
}
