import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** A process in which the engine cannot be imported: what it prints. */
const withoutEngine = (reason: string): string => `
import { register } from 'node:module';
const hook = \`export async function resolve(name, context, next) {
  if (name === 'onnxruntime-node') throw new Error(${JSON.stringify(reason)});
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

interface Outcome {
  readonly said: readonly string[];
  readonly results: readonly number[];
  readonly engine: { readonly kind: string };
}

async function runWithout(reason: string): Promise<Outcome> {
  const options = ['--conditions=oabn-source', '--import', 'tsx', '--input-type=module'];
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...options,
    '--eval',
    withoutEngine(reason),
  ]);
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as Outcome;
}

describe('compile without its engine', () => {
  it('runs steps eagerly and says so once, with the reason', async () => {
    const { said, results, engine } = await runWithout('no binding for this system');
    assert.deepEqual(results, [2, 4]);
    assert.equal(said.length, 1);
    assert.match(said[0]!, /run eagerly.*does not load.*no binding for this system/);
    assert.equal(engine.kind, 'eager');
  });

  it('says how to get it where it was left out', async () => {
    const { said } = await runWithout("Cannot find package 'onnxruntime-node' imported from /here.js");
    assert.match(said[0]!, /run eagerly.*not installed.*npm install --ignore-scripts/);
  });
});
