import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { UserError } from 'oabn-base';
import {
  type BackendInfo,
  currentBackend,
  fallbackMessage,
  memoryUse,
  tf,
  useBackend,
} from '../../src/engines/index.js';

const run = promisify(execFile);

/** What `script`, with `lib` for the library, prints in a process of its own. */
async function printed(script: string, environment: NodeJS.ProcessEnv): Promise<string[]> {
  const library = new URL('../../src/engines/index.ts', import.meta.url).href;
  const code = `const lib = await import(${JSON.stringify(library)}); ${script}; process.exit(0);`;
  const parameters = ['--conditions=oabn-source', '--import', 'tsx', '--input-type=module', '--eval', code];
  const { stdout } = await run(process.execPath, parameters, { env: { ...process.env, ...environment } });
  return stdout.trim().split('\n');
}

describe('useBackend', () => {
  it('starts wasm and says what it is', async () => {
    const info = await useBackend('wasm');
    assert.equal(info.name, 'wasm');
    assert.equal(tf.getBackend(), 'wasm');
    assert.equal(info.software, false);
    assert.match(info.device, /1 thread, SIMD/);
    assert.equal(info.versions.tfjs, '4.22.0');
    assert.equal(currentBackend(), info);
  });

  it('does nothing when it runs already, also asked twice at once', async () => {
    const [first, second] = await Promise.all([useBackend('wasm'), useBackend('wasm')]);
    assert.equal(first, second);
    assert.equal(await useBackend('auto'), first);
  });

  it('leaves the handlers of uncaught errors as they were', async () => {
    const count = `process.on('uncaughtException', () => {}); await lib.useBackend('wasm');
      console.log(process.listenerCount('uncaughtException'), process.listenerCount('unhandledRejection'))`;
    assert.deepEqual(await printed(count, {}), ['1 0']);
  });

  it('is what slow tfjs asks for, once, and only before it', async () => {
    const compute = `console.warn = console.log; lib.tf.add(1, 2); lib.tf.add(3, 4).print()`;
    const [hint, ...rest] = await printed(compute, {});
    assert.match(hint!, /plain JavaScript here, slowly: «await useBackend\(\)»/);
    assert.deepEqual(rest, ['Tensor', '    7']);
    const chosen = `await lib.useBackend('wasm'); await lib.tf.setBackend('cpu'); ${compute}`;
    assert.deepEqual(await printed(chosen, {}), rest);
  });

  it('refuses a name that it does not know', async () => {
    await assert.rejects(useBackend('cuda' as 'auto'), (error: Error) => {
      return (
        error instanceof UserError && /one of auto, tensorflow, webgpu, wasm, got «cuda»/.test(error.message)
      );
    });
    const message = `await lib.useBackend().catch((error) => console.log(error.message))`;
    const [line] = await printed(message, { OABN_BACKEND: 'gpu' });
    assert.match(line!, /OABN_BACKEND must be one of .* got «gpu»/);
  });

  it('says how to get a backend that is forced and missing', async function () {
    if (tf.engine().registryFactory.tensorflow) this.skip();
    await assert.rejects(useBackend('tensorflow'), (error: Error) => {
      return (
        error instanceof UserError &&
        /tensorflow cannot be used here: .* To get it: install @tensorflow\/tfjs-node-gpu, or/.test(
          error.message,
        )
      );
    });
  });

  it('says a fallback once, in a line', async () => {
    const script = `const said = [];
      const info = await lib.useBackend('auto', (message) => said.push(message));
      await lib.useBackend('auto', (message) => said.push(message));
      console.log(info.name); said.forEach((message) => console.log(message))`;
    const environment = { OABN_BACKEND: '', OABN_WEBGPU_SOFTWARE: '', VK_DRIVER_FILES: '/nowhere' };
    const [name, ...said] = await printed(script, environment);
    assert.equal(said.length, name === 'wasm' ? 1 : 0);
    if (name === 'wasm')
      assert.match(said[0]!, /^No GPU is used; backend wasm runs on .+\. «oabn doctor» says why/);
  });
});

describe('fallbackMessage', () => {
  const info: BackendInfo = {
    ...{
      name: 'wasm',
      device: 'a CPU',
      versions: {},
      software: false,
      reason: 'it was asked for',
      tried: [],
    },
  };

  it('is silent about what was asked for, and about a GPU', () => {
    assert.equal(fallbackMessage(info), undefined);
    assert.equal(
      fallbackMessage({ ...info, name: 'webgpu', tried: [{ name: 'tensorflow', reason: 'x' }] }),
      undefined,
    );
  });

  it('names the device, and how to learn more or avoid it', () => {
    const message = fallbackMessage({ ...info, tried: [{ name: 'webgpu', reason: 'no driver' }] });
    assert.match(message!, /a CPU\. «oabn doctor» says why.*OABN_BACKEND=wasm/);
  });
});

describe('memoryUse', () => {
  it('counts tensors and their bytes', async () => {
    await useBackend('wasm');
    const before = memoryUse();
    const x = tf.fill([10, 10], 1);
    const after = memoryUse();
    assert.equal(after.tensors - before.tensors, 1);
    assert.equal(after.tensorBytes - before.tensorBytes, 400);
    assert.ok(after.deviceBytes! > 0 && after.processBytes > after.tensorBytes);
    x.dispose();
  });
});

describe('gradients of sums and means', () => {
  it('are the incoming gradient, spread over what was reduced', async () => {
    await useBackend('wasm');
    const x = tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3]);
    const gradient = (f: (x: tf.Tensor) => tf.Tensor): number[] =>
      tf.tidy(() => [
        ...tf
          .grad((x) => tf.sum(tf.mul(f(x), [1, 10])))(x)
          .dataSync(),
      ]);
    assert.deepEqual(
      gradient((x) => tf.sum(x, 1)),
      [1, 1, 1, 10, 10, 10],
    );
    assert.deepEqual(
      gradient((x) => tf.mul(tf.mean(x, -1), 3)),
      [1, 1, 1, 10, 10, 10],
    );
    assert.deepEqual(
      gradient((x) => tf.sum(x)),
      [11, 11, 11, 11, 11, 11],
    );
    assert.deepEqual(
      gradient((x) => tf.mul(tf.mean(x, [0, 1], true), 6)),
      [11, 11, 11, 11, 11, 11],
    );
    x.dispose();
  });
});
