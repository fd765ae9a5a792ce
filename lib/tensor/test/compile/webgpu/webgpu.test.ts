import assert from 'node:assert/strict';
import type { CompileEngine } from '../../../src/index.js';
import { runOnGpu } from '../../engines/webgpu/environment.js';
import { kernelCases, nanCases } from '../kernelCases.js';
import { gpuCases } from './cases.js';

interface Line {
  readonly name?: string;
  readonly device?: string;
  readonly engine?: string;
  readonly off?: number | null;
  readonly error?: string;
  readonly [key: string]: unknown;
}

/**
 * WGSL asks of sin and cos an absolute error of 2⁻¹¹ only; everything else is as exact as float32 sums are.
 */
const tolerances: Readonly<Record<string, number>> = {
  sin: 1e-3,
  cos: 1e-3,
  'mean and variance in parts, far from zero': 1e-5,
};

describe('compile: on the GPU', function () {
  // A minute on two cores that emulate the GPU; those of a busy machine take many times as long.
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

  it('is the engine of backend webgpu', () => assert.equal(lines[0]?.engine, 'webgpu'));

  const names = [...[...kernelCases, ...nanCases].map(([name]) => name), ...gpuCases.map(({ name }) => name)];
  for (const name of names) {
    it(`agrees with tfjs: ${name}`, () => {
      const { error, off } = lineOf(name);
      assert.equal(error, undefined);
      assert.ok(typeof off === 'number' && off <= (tolerances[name] ?? 1e-4), `off by ${off}`);
    });
  }

  it('prints and times what it dispatches', () => {
    const { dispatches, program, timed } = lineOf(
      'several sums over channels with what follows from them',
    ) as Record<string, number | undefined>;
    assert.ok(dispatches! > 1);
    assert.equal(program, dispatches! + 1);
    // Equal kernels have one label.
    assert.ok(timed === undefined || (timed > 0 && timed <= dispatches!), `${timed} of ${dispatches}`);
  });

  it('does not grow over 200 steps', () => {
    const { numTensors, numBytesInGPU, numBytesAllocatedInGPU, buffers } = lineOf('does not grow');
    assert.deepEqual([numTensors, numBytesInGPU, numBytesAllocatedInGPU, buffers], [0, 0, 0, 0]);
  });

  it('gives the same bits in every run', () => assert.equal(lineOf('same bits')['equal'], true));

  it('returns arguments, constants and reshaped values as tensors of their own', () => {
    const { error, values } = lineOf('arguments and constants as results');
    assert.equal(error, undefined);
    assert.deepEqual(values, [
      [3, 4],
      [3, 4],
      [5, 6],
      [3, 4],
      [0, 0],
    ]);
  });

  it('says so where half precision is not to be had', () => {
    const { said, f16, first, engine } = lineOf('precision') as unknown as {
      said: string[];
      f16: boolean;
      first: number;
      engine: CompileEngine;
    };
    assert.equal(first, 4);
    assert.equal(engine.kind === 'webgpu' && engine.precision, f16 ? 'float16' : 'float32');
    if (f16) assert.deepEqual(said, []);
    else assert.match(said[0]!, /float16 cannot be used.*lacks the feature shader-f16/);
  });

  it('frees the memory of a step that cannot be compiled, and of a call that fails', () => {
    const { error, compiling, running, profiling, first } = lineOf('failures');
    assert.equal(error, undefined);
    assert.deepEqual({ compiling, running, profiling, first }, { compiling: 0, running: 0, profiling: 0, first: 8 }); // prettier-ignore
  });

  it('fails at the call when the device is lost', () => {
    assert.match(lineOf('lost device').error ?? '', /^UserError: The GPU device was lost/);
  });
});
