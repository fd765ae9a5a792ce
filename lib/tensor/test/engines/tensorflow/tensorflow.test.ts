import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cases } from '../cases.js';

const run = promisify(execFile);

interface Line {
  readonly name?: string;
  readonly device?: string;
  readonly off?: number | null;
  readonly left?: number;
  readonly error?: string;
}

/**
 * Whether the optional package is there with a native binding; a broken binding is a failure, a missing one
 * is not.
 */
function installed(): boolean {
  try {
    const manifest = createRequire(import.meta.url).resolve('@tensorflow/tfjs-node-gpu/package.json');
    const files = readdirSync(join(dirname(manifest), 'lib'), { recursive: true, encoding: 'utf8' });
    return files.some((name) => name.endsWith('tfjs_binding.node'));
  } catch {
    return false;
  }
}

describe('tensorflow', function () {
  this.timeout(120_000);
  let lines: Line[] = [];

  before(async function () {
    if (!installed()) {
      console.log(
        '    skipped: no @tensorflow/tfjs-node-gpu with its binding; npm run setup:tensorflow brings and builds it',
      );
      return this.skip();
    }
    const script = fileURLToPath(new URL('agreement.mts', import.meta.url));
    const { stdout } = await run(process.execPath, ['--conditions=oabn-source', '--import', 'tsx', script]);
    lines = stdout
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Line);
    console.log(`    on ${lines[0]?.device}`);
  });

  for (const { name } of cases) {
    it(`agrees with tfjs's CPU backend and leaves no tensor: ${name}`, () => {
      const line = lines.find((candidate) => candidate.name === name);
      assert.ok(line, 'the process ended before this case');
      assert.equal(line.error, undefined);
      // On a GPU, convolutions and products are TensorFloat-32.
      const tolerance = /CUDA/.test(lines[0]?.device ?? '') ? 5e-3 : 1e-5;
      assert.ok(typeof line.off === 'number' && line.off < tolerance, `off by ${line.off}`);
      assert.equal(line.left, 0);
    });
  }
});
