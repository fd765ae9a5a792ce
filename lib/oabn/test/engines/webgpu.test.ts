import assert from 'node:assert/strict';
import { runOnGpu } from '../../../tensor/test/engines/webgpu/environment.js';
import { gpuCases, gpuSteps } from './gpuCases.js';

interface Line {
  readonly name?: string;
  readonly device?: string;
  readonly engine?: string;
  readonly off?: number | null;
  readonly error?: string;
  readonly dispatches?: number;
  readonly program?: number;
  readonly timed?: number;
}

describe('training and quantization on the GPU', function () {
  // Half a minute on two cores that emulate the GPU; those of a busy machine take many times as long.
  this.timeout(1_200_000);
  let lines: Line[] = [];
  const lineOf = (name: string): Line => {
    const line = lines.find((candidate) => candidate.name === name);
    assert.ok(line, 'the process ended before this case');
    return line;
  };

  before(async function () {
    ({ lines } = await runOnGpu<Line>(this, new URL('agreement.mts', import.meta.url)));
  });

  it('is compiled for backend webgpu', () => assert.equal(lines[0]?.engine, 'webgpu'));

  for (const { name } of [...gpuCases, ...gpuSteps]) {
    it(`agrees with tfjs: ${name}`, () => {
      const { error, off } = lineOf(name);
      assert.equal(error, undefined);
      assert.ok(typeof off === 'number' && off <= 1e-4, `off by ${off}`);
    });
  }

  it('prints and times what it dispatches', () => {
    const { dispatches, program, timed } = lineOf('a pretraining step with OABN');
    assert.equal(program, dispatches! + 1);
    // Equal kernels have one label.
    assert.ok(timed === undefined || (timed > 10 && timed <= dispatches!), `${timed} of ${dispatches}`);
  });
});
