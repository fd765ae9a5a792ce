import assert from 'node:assert/strict';
import { chooseStored } from '../../src/webgpu/lower/leaves.js';
import { prepare } from '../../src/webgpu/lower/prepare.js';
import { reductionsOf } from '../../src/webgpu/lower/reductions.js';
import { printGroups, schedule } from '../../src/webgpu/lower/schedule/index.js';
import { valuesFor } from '../../src/webgpu/lower/values.js';
import { parseGraph } from '../graph.js';

interface Case {
  readonly name: string;
  readonly graph: string;
  readonly groups: readonly string[];
  readonly limits?: { readonly buffers?: number; readonly accumulators?: number };
}

/** More elements than small expressions have. */
const large = '[64,16,16,8]';

const cases: Readonly<Record<string, readonly Case[]>> = {
  'large kernels': [
    {
      name: 'run by themselves, as soon as what they read is there, before expressions',
      graph: `
        %0 = input "x" float32[8,16,16,4]
        %1 = input "w" float32[1,1,4,4]
        %2 = Exp(%0) float32[8,16,16,4]
        %3 = Conv2D(%0, %1) {"strides":1,"pad":0} float32[8,16,16,4]
        %4 = Relu(%3) float32[8,16,16,4]
        %5 = Conv2D(%4, %1) {"strides":1,"pad":0} float32[8,16,16,4]
        return %2, %5`,
      groups: ['kernel Conv2D %3', 'map %2 %4', 'kernel Conv2D %5'],
    },
  ],
  'small kernels': [
    {
      name: 'take turns in one workgroup, with a barrier before what reads the ones before',
      graph: `
        %0 = input "x" float32[6]
        %1 = Sum(%0) {"axis":[0],"keepDims":true} float32[1]
        %2 = Max(%0) {"reductionIndices":[0],"keepDims":true} float32[1]
        %3 = Sub(%1, %2) float32[1]
        %4 = Multiply(%0, %3) float32[6]
        %5 = Cumsum(%4) {"axis":0,"exclusive":false,"reverse":false} float32[6]
        %6 = Exp(%5) float32[6]
        return %6`,
      groups: ['small %1 %2 | %3 | %4 | %5', 'map %6'],
    },
    {
      name: 'are computed at the end where only the result of the step needs them',
      graph: `
        %0 = input "x" float32${large}
        %1 = input "m" float32[8]
        %2 = Multiply(%1, %1) float32[8]
        %3 = Sum(%0) {"axis":[0,1,2]} float32[8]
        %4 = Exp(%3) float32[8]
        %5 = Sub(%0, %4) float32${large}
        %6 = Neg(%1) float32[8]
        return %2, %5, %6`,
      groups: ['reduce columns %3, then %4', 'map %5', 'small %2 %6'],
    },
    {
      name: 'wait while a large reduction is free',
      graph: `
        %0 = input "x" float32${large}
        %1 = input "m" float32[5]
        %2 = Sum(%1) {"axis":[0],"keepDims":true} float32[1]
        %3 = Exp(%1) float32[5]
        %4 = Sum(%0) {"axis":[0,1,2]} float32[8]
        %5 = Multiply(%3, %2) float32[5]
        %6 = Sum(%5) {"axis":[0],"keepDims":true} float32[1]
        %7 = Exp(%6) float32[1]
        return %4, %7`,
      groups: ['reduce columns %4', 'small %2 | %6', 'map %7'],
    },
    {
      name: 'write a buffer for each value that a large kernel reads, not more than a shader can bind',
      graph: `
        %0 = input "x" float32[8,16,16,4]
        %1 = input "v" float32[1,1,4,4]
        %2 = input "w" float32[1,1,4,4]
        %3 = Exp(%1) float32[1,1,4,4]
        %4 = Exp(%2) float32[1,1,4,4]
        %5 = Neg(%1) float32[1,1,4,4]
        %6 = Conv2D(%0, %3) {"strides":1,"pad":0} float32[8,16,16,4]
        %7 = Conv2D(%0, %4) {"strides":1,"pad":0} float32[8,16,16,4]
        %8 = Conv2D(%0, %5) {"strides":1,"pad":0} float32[8,16,16,4]
        return %6, %7, %8`,
      groups: ['small %3 %4', 'kernel Conv2D %6', 'kernel Conv2D %7', 'map %5', 'kernel Conv2D %8'],
      limits: { buffers: 4 },
    },
    {
      name: 'are a dispatch of their own without company',
      graph: `
        %0 = input "x" float32[6]
        %1 = Cumsum(%0) {"axis":0,"exclusive":false,"reverse":false} float32[6]
        return %1`,
      groups: ['kernel Cumsum %1'],
    },
  ],
  reductions: [
    {
      name: 'over the same axes go together, with the expressions of their results',
      graph: `
        %0 = input "x" float32${large}
        %1 = input "y" float32${large}
        %2 = Sum(%0) {"axis":[0,1,2]} float32[8]
        %3 = Max(%1) {"reductionIndices":[0,1,2]} float32[8]
        %4 = Sum(%0) {"axis":[3]} float32[64,16,16]
        %5 = Add(%2, %3) float32[8]
        return %4, %5`,
      groups: ['reduce columns %2 %3, then %5', 'reduce each %4'],
    },
    {
      name: 'a mean and the variance around it are one',
      graph: `
        %0 = input "x" float32${large}
        %1 = Mean(%0) {"axis":[0,1,2]} float32[8]
        %2 = Sub(%0, %1) float32${large}
        %3 = Square(%2) float32${large}
        %4 = Mean(%3) {"axis":[0,1,2]} float32[8]
        return %1, %4`,
      groups: ['reduce columns %1 %4'],
    },
    {
      name: 'not more than a dispatch can keep',
      graph: `
        %0 = input "x" float32${large}
        %1 = Sum(%0) {"axis":[0,1,2]} float32[8]
        %2 = Max(%0) {"reductionIndices":[0,1,2]} float32[8]
        %3 = Min(%0) {"axis":[0,1,2]} float32[8]
        return %1, %2, %3`,
      groups: ['reduce columns %1 %2', 'reduce columns %3'],
      limits: { accumulators: 2 },
    },
  ],
  expressions: [
    {
      name: 'of the same size go together if they read the same, or each other',
      graph: `
        %0 = input "x" float32${large}
        %1 = input "y" float32${large}
        %2 = Exp(%0) float32${large}
        %3 = Neg(%1) float32${large}
        %4 = Sqrt(%0) float32${large}
        return %2, %3, %4`,
      groups: ['map %2 %4', 'map %3'],
    },
    {
      name: 'small ones go together even if they read nothing in common',
      graph: `
        %0 = input "x" float32[64,64]
        %1 = input "y" float32[64,64]
        %2 = Exp(%0) float32[64,64]
        %3 = Neg(%1) float32[64,64]
        return %2, %3`,
      groups: ['map %2 %3'],
    },
    {
      name: 'not more than a shader can bind',
      graph: `
        %0 = input "x" float32[64,64]
        %1 = input "y" float32[64,64]
        %2 = Exp(%0) float32[64,64]
        %3 = Neg(%1) float32[64,64]
        return %2, %3`,
      groups: ['map %2', 'map %3'],
      limits: { buffers: 3 },
    },
    {
      name: 'not with one that reads the others at another place',
      graph: `
        %0 = input "x" float32[96,96]
        %1 = Exp(%0) float32[96,96]
        %2 = Reverse(%1) {"dims":[0]} float32[96,96]
        %3 = Add(%1, %2) float32[96,96]
        return %1, %3`,
      groups: ['map %1', 'map %3'],
    },
  ],
  'long lists': [
    {
      name: 'are joined in groups that a shader can bind',
      graph: `
        ${[0, 1, 2, 3, 4].map((i) => `%${i} = input "x${i}" float32[1000]`).join('\n')}
        %5 = Pack(%0, %1, %2, %3, %4) {"axis":1} float32[1000,5]
        %6 = Concat(%0, %1, %2) {"axis":0} float32[3000]
        return %5, %6`,
      // Three at most: %7 packs the first three, and what joins it with the Pack of the others reads those two.
      groups: ['map %7 %6', 'map %5'],
      limits: { buffers: 5 },
    },
  ],
};

function groupsOf({ graph: text, limits }: Case): string[] {
  const most = { buffers: 10, accumulators: 8, ...limits };
  const graph = prepare(parseGraph(text), most.buffers);
  const values = valuesFor(graph);
  const leaves = chooseStored(values, graph.results, most.buffers);
  const results = new Set(graph.results.map(values.base));
  return printGroups(schedule(values, leaves, reductionsOf(values), results, most)).split('\n');
}

describe('which kernels share a dispatch', () => {
  for (const [rule, each] of Object.entries(cases)) {
    for (const example of each) {
      it(`${rule}: ${example.name}`, () => assert.deepEqual(groupsOf(example), example.groups));
    }
  }
});
