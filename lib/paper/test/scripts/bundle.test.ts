import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, realpath, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launcherFor, libraryFolder } from '../../scripts/bundle/launcher.js';
import { packagesOf } from '../../scripts/bundle/packages.js';
import { droppedBecause } from '../../scripts/bundle/rules.js';

const linux = { os: 'linux', cpu: 'x64' };

describe('bundle: what is left out', () => {
  const reasons = (path: string): string | undefined => droppedBecause(path, linux);

  it('keeps what the library loads', () => {
    for (const path of [
      'onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime.so.1',
      'webgpu/dist/linux-x64/dawn.node',
      'webgpu/index.js',
      'zeromq/build/manifest.json',
      'zeromq/build/linux/x64/node/glibc-115-Release/addon.node',
      '@img/sharp-linux-x64/lib/sharp-linux-x64.node',
      '@tensorflow/tfjs-core/dist/tf-core.node.js',
      '@tensorflow/tfjs-core/package.json',
      '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm',
      'plotly.js-dist/plotly.js',
      'xlsx/dist/cpexcel.js', // loaded with the first data frame
      'tar/dist/esm/index.min.js',
      'oabn/dist/index.js',
      'oabn/docs/your-own-family.md',
      'provable-runs/dist/queue/child.js',
      'typescript/lib/typescript.js',
    ]) {
      assert.equal(reasons(path), undefined, path);
    }
  });

  it('keeps the typings that cells of notebooks are checked against, and no others', () => {
    assert.equal(reasons('oabn/dist/index.d.ts'), undefined);
    assert.equal(reasons('tslab-kernel/dist/display/index.d.ts'), undefined);
    assert.equal(reasons('@tensorflow/tfjs-core/dist/tensor.d.ts'), undefined);
    assert.equal(reasons('typescript/lib/lib.es2020.d.ts'), undefined);
    assert.match(reasons('commander/typings/index.d.ts')!, /typings/);
    assert.match(reasons('oabn/node_modules/p-limit/index.d.ts')!, /typings/);
  });

  it('leaves out other platforms, browser bundles, maps, sources and TypeScript as a compiler', () => {
    const expected: [string, RegExp][] = [
      ['onnxruntime-node/bin/napi-v6/darwin/arm64/libonnxruntime.1.dylib', /other platforms/],
      ['onnxruntime-node/bin/napi-v6/linux/arm64/libonnxruntime.so.1', /other platforms/],
      ['onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime_providers_cuda.so', /CUDA/],
      ['webgpu/dist/win32-x64/dawn.node', /other platforms/],
      ['zeromq/build/linux/x64/node/musl-127-Release/addon.node', /musl/],
      ['@tensorflow/tfjs/dist/tf.fesm.min.js', /browsers/],
      ['@tensorflow/tfjs-backend-webgpu/dist/kernels/Conv2D.js', /browsers/],
      ['@tensorflow/tfjs-core/dist/tf-core.node.js.map', /browsers|maps/],
      ['oabn/dist/index.js.map', /maps/],
      ['typescript/lib/tsserver.js', /compiler/],
      ['typescript/lib/pt-br/diagnosticMessages.generated.json', /compiler/],
      ['zeromq/src/socket.cc', /sources/],
      ['marked/README.md', /documentation/],
    ];
    for (const [path, reason] of expected) assert.match(reasons(path) ?? 'kept', reason, path);
    assert.equal(
      droppedBecause('webgpu/dist/darwin-universal/dawn.node', { os: 'darwin', cpu: 'arm64' }),
      undefined,
    );
  });
});

describe('bundle: which packages', () => {
  it('takes dependencies of dependencies where Node finds them, each once, and misses none silently', async () => {
    const project = await mkdtemp(join(tmpdir(), 'oabn-packages-'));
    const modules = join(project, 'node_modules');
    const put = async (path: string, manifest: object): Promise<void> => {
      await mkdir(join(project, path), { recursive: true });
      const text = JSON.stringify({ name: path.split('/').at(-1), version: '1.0.0', ...manifest });
      await writeFile(join(project, path, 'package.json'), text);
    };
    await put('.', {
      dependencies: { a: '1', b: '1', ours: '1' },
      optionalDependencies: { heavy: '1', absent: '1' },
    });
    await put('lib/ours', { files: ['dist', '!dist/notes'], dependencies: { d: '1' } });
    await put('lib/ours/node_modules/d', { version: '2.0.0', dependencies: { e: '1' } });
    await put('lib/ours/node_modules/e', {});
    await put('node_modules/d', {});
    await symlink('../lib/ours', join(modules, 'ours'));
    await put('node_modules/a', { dependencies: { c: '2' } });
    await put('node_modules/a/node_modules/c', { version: '2.0.0', dependencies: { b: '1' } });
    await put('node_modules/b', { dependencies: { c: '1', a: '1' } });
    await put('node_modules/c', {});
    await put('node_modules/heavy', { dependencies: { deep: '1' } });
    const found = packagesOf(project, ['heavy']);
    assert.deepEqual(
      found.map(({ path, version }) => `${path} ${version}`),
      [
        ...['a 1.0.0', 'a/node_modules/c 2.0.0', 'b 1.0.0', 'c 1.0.0'],
        ...['ours 1.0.0', 'ours/node_modules/d 2.0.0', 'ours/node_modules/e 1.0.0'],
      ],
    );
    assert.deepEqual(
      found.flatMap(({ parts = [] }) => parts),
      ['package.json', 'LICENSE', 'README.md', 'dist'],
    );
    await put('node_modules/c', { dependencies: { gone: '1' } });
    assert.throws(() => packagesOf(project, ['heavy']), /gone, which .*c needs, is not/);
  });
});

describe('bundle: the launcher', () => {
  it("uses a packed library where the system has none, the system's else, and starts the packed Node", async function () {
    const ofSystem = ['libc.so.6', 'libc.so'].find((name) =>
      [
        '/usr/lib/x86_64-linux-gnu',
        '/lib/x86_64-linux-gnu',
        '/usr/lib/aarch64-linux-gnu',
        '/usr/lib64',
        '/lib64',
      ].some((folder) => existsSync(join(folder, name))),
    );
    if (process.platform !== 'linux' || !ofSystem) return this.skip();
    const missing = ['liboabn-none.so.1', 'liboabn-other.so.2'];
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'oabn launcher ')));
    const put = async (path: string, text: string): Promise<void> => {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
      await chmod(join(folder, path), 0o755);
    };
    for (const name of [...missing, ofSystem]) await put(join(libraryFolder(name), name), '');
    await put('bin/node', '#!/bin/sh\necho "$LD_LIBRARY_PATH"\necho "$@"\n');
    await put('oabn', launcherFor([missing[0]!, ofSystem, 'libnotpacked.so.1', missing[1]!]));
    const printed = execFileSync(join(folder, 'oabn'), ['doctor', 'two words'], {
      env: {},
      encoding: 'utf8',
    });
    assert.deepEqual(printed.split('\n').slice(0, 2), [
      missing.map((name) => join(folder, libraryFolder(name))).join(':'),
      `${folder}/node_modules/oabn/bin/oabn.js doctor two words`,
    ]);
  });
});

describe('bundle: the whole', function () {
  this.slow(60_000);

  it('is written by the command, and runs alone with what this repository compiles', async function () {
    if (process.platform === 'win32') return this.skip();
    const repository = fileURLToPath(new URL('../../../..', import.meta.url));
    const folder = join(await realpath(await mkdtemp(join(tmpdir(), 'oabn-bundle-'))), 'bundle');
    const script = join(repository, 'lib/paper/scripts/bundle/bundle.ts');
    const args = ['--out', folder, '--without', 'onnxruntime,notebooks,results'];
    execFileSync(process.execPath, ['--conditions=oabn-source', '--import=tsx', script, ...args], {
      cwd: repository,
      stdio: 'pipe',
    });

    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const links = entries.filter((entry) => entry.isSymbolicLink()).map(({ name }) => name);
    assert.deepEqual(links, [], 'links lead out of the bundle');
    const manifest = async (path: string): Promise<{ name: string; workspaces: string[] }> =>
      JSON.parse(await readFile(join(repository, path, 'package.json'), 'utf8')) as never;
    for (const workspace of (await manifest('.')).workspaces) {
      const { name } = await manifest(workspace);
      const compiled = await readdir(join(repository, workspace, 'dist'), { recursive: true });
      const missing = compiled.filter(
        (file) => /\.(js|d\.ts)$/.test(file) && !existsSync(join(folder, 'node_modules', name, 'dist', file)),
      );
      assert.deepEqual(missing, [], `the bundle lacks files of ${name}`);
    }

    const oabn = (...words: string[]): string =>
      execFileSync(join(folder, 'oabn'), words, { cwd: folder, env: {}, encoding: 'utf8', stdio: 'pipe' });
    assert.match(oabn('reproduce', '--help'), /--profile/); // from oabn-paper
    assert.match(oabn('doctor'), /✔ wasm/);
    assert.ok(!existsSync(join(folder, 'data')));
    const network = join(repository, 'data/models/cifar10-oabn-0.5.safetensors');
    assert.match(oabn('analyze', network), /peak\/σ/);
  });
});
