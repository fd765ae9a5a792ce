import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const read = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8');
const blocks = [...read('../README.md').matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code);

/** What a program of the README prints, on the engine that every machine has. */
async function outputOf(name: string): Promise<string> {
  const file = fileURLToPath(new URL(name, import.meta.url));
  const args = ['--conditions=oabn-source', '--import', 'tsx', file];
  const env = { ...process.env, OABN_BACKEND: 'wasm' };
  return (await promisify(execFile)(process.execPath, args, { env })).stdout;
}

describe('README', () => {
  it('shows the programs of test/readme, and no other', () =>
    assert.deepEqual(blocks, [read('readme/train.ts'), read('readme/model.ts')]));

  it('the training step learns', async () => {
    const output = await outputOf('readme/train.ts');
    assert.match(output, /^wasm on /);
    const weights = [...output.matchAll(/\[ ([\d.]+) \]/g)].map(([, w]) => Number(w));
    assert.deepEqual(weights.map(Math.round), [1, 2, 3], output);
  });

  it('the model predicts', async () => {
    assert.match(await outputOf('readme/model.ts'), /10 classes, onnxruntime/);
  });
});
