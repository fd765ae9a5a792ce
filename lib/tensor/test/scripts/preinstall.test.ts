import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const script = fileURLToPath(new URL('../../scripts/preinstall.js', import.meta.url));
const binaries = 'node_modules/onnxruntime-node/bin/napi-v6/linux/x64';

describe('scripts/preinstall', () => {
  let project: string;

  beforeEach(async () => {
    project = await mkdtemp(join(tmpdir(), 'oabn-preinstall-'));
    await mkdir(join(project, 'node_modules/tfjs-native/scripts'), { recursive: true });
    await cp(script, join(project, 'node_modules/tfjs-native/scripts/preinstall.js'));
    await writeFile(join(project, 'node_modules/tfjs-native/package.json'), '{"type":"module"}');
  });
  afterEach(() => rm(project, { recursive: true }));

  async function addRuntime(): Promise<void> {
    await mkdir(join(project, binaries), { recursive: true });
    await writeFile(join(project, 'node_modules/onnxruntime-node/package.json'), '{}');
  }

  const preinstall = () =>
    promisify(execFile)(process.execPath, ['node_modules/tfjs-native/scripts/preinstall.js'], {
      cwd: project,
      env: { ...process.env, npm_config_local_prefix: project },
    });

  it('stands in for every file that the installer of onnxruntime-node would download', async () => {
    await addRuntime();
    await preinstall();
    const metadata = createRequire(import.meta.url)('onnxruntime-node/script/install-metadata.js') as {
      requirements: Record<string, string[]>;
      manifests: Record<string, Record<string, unknown>>;
    };
    const wanted = metadata.requirements['linux/x64']!.flatMap((name) =>
      Object.keys(metadata.manifests[`linux/x64:${name}`]!),
    );
    assert.ok(wanted.length > 0);
    assert.deepEqual(
      (await readdir(join(project, binaries))).map((name) => `./${name}`).sort(),
      wanted.sort(),
    );
    // No other system downloads anything.
    assert.deepEqual(
      Object.keys(metadata.requirements).filter((system) => metadata.requirements[system]!.length > 0),
      ['linux/x64'],
    );
  });

  it('leaves files that are there', async () => {
    await addRuntime();
    const file = join(project, binaries, 'libonnxruntime_providers_cuda.so');
    await writeFile(file, 'real');
    await preinstall();
    assert.equal(await readFile(file, 'utf8'), 'real');
  });

  for (const kind of ['dependencies', 'devDependencies', 'optionalDependencies']) {
    it(`leaves the runtime alone that a project names in its ${kind}`, async () => {
      await addRuntime();
      const manifest = { [kind]: { 'onnxruntime-node': '1.30.0' } };
      await writeFile(join(project, 'package.json'), JSON.stringify(manifest));
      await preinstall();
      assert.deepEqual(await readdir(join(project, binaries)), []);
    });
  }

  it('does nothing where there is no such runtime', async () => {
    await preinstall();
    assert.deepEqual(await readdir(join(project, 'node_modules')), ['tfjs-native']);
  });
});
