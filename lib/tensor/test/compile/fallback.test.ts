import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** A process in which the engine cannot be imported, as on a system that it has no binding for. */
const withoutEngine = `
import { register } from 'node:module';
const hook = \`export async function resolve(name, context, next) {
  if (name === 'onnxruntime-node') throw new Error('no binding for this system');
  return next(name, context);
}\`;
register('data:text/javascript,' + encodeURIComponent(hook));
const { compile, compileEngine, tf } = await import('tfjs-native');
await tf.setBackend('cpu');
const said = [];
const warn = (message) => said.push(message);
const step = (x) => tf.mul(x, 2);
const results = [];
for (const value of [1, 2]) {
  const fast = await compile(step, [tf.scalar(0)], { warn });
  results.push((await (await fast(tf.scalar(value))).data())[0]);
}
console.log(JSON.stringify({ said, results, engine: await compileEngine() }));
`;

describe('compile without its engine', () => {
  it('runs steps eagerly and says so once, with the reason', async () => {
    const args = [
      '--conditions=oabn-source',
      '--import',
      'tsx',
      '--input-type=module',
      '--eval',
      withoutEngine,
    ];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    const { said, results, engine } = JSON.parse(stdout.trim().split('\n').at(-1)!);
    assert.deepEqual(results, [2, 4]);
    assert.equal(said.length, 1);
    assert.match(said[0], /run eagerly.*does not load.*no binding for this system/);
    assert.equal(engine.kind, 'eager');
  });
});
