import assert from 'node:assert/strict';
import { tf } from '../../src/engines/index.js';
import { optimize, rewrite } from '../../src/trace/optimize.js';
import type { Rule } from '../../src/trace/rule.js';
import { squareOfDifference } from '../../src/trace/rules/differences.js';
import { neutralOperand, sameTensor, timesOne } from '../../src/trace/rules/identities.js';
import { rules } from '../../src/trace/rules/index.js';
import {
  insidePositive,
  insideRange,
  quantizedLevels,
  scaleBehindGradient,
  scaleIntoKernel,
} from '../../src/trace/rules/quantizers.js';
import { repeatLater } from '../../src/trace/rules/repeats.js';
import { stepOfRelu } from '../../src/trace/rules/stepOfRelu.js';
import { assertGraph, parseGraph } from '../graph.js';

/** A graph, and what a rule makes of it: nodes that are not needed any more are still there. */
interface Case {
  readonly rule: Rule;
  readonly name: string;
  readonly before: string;
  readonly after: string;
}

const x = '%0 = input "x" float32[2,3]';
const image = '%0 = input "x" float32[1,8,8,4]';

/** clip(round(x/s) + z, 0, 15), of which %5 is the clipped code. */
const codes = `
  %0 = input "x" float32[1,8,8,4]
  %1 = input "s" float32[]
  %2 = constant {3} float32[]
  %3 = RealDiv(%0, %1) float32[1,8,8,4]
  %4 = Round(%3) float32[1,8,8,4]
  %5 = Add(%4, %2) float32[1,8,8,4]
  %6 = ClipByValue(%5) {"clipValueMin":0,"clipValueMax":15} float32[1,8,8,4]`;

const cases: readonly Case[] = [
  {
    rule: sameTensor,
    name: 'a reshape to the same shape',
    before: `${x}
      %1 = Reshape(%0) {"shape":[2,3]} float32[2,3]
      %2 = Reshape(%0) {"shape":[3,2]} float32[3,2]
      return %1, %2`,
    after: `${x}
      %1 = Reshape(%0) {"shape":[3,2]} float32[3,2]
      return %0, %1`,
  },
  {
    rule: sameTensor,
    name: 'a cast to the same dtype',
    before: `${x}
      %1 = Cast(%0) {"dtype":"float32"} float32[2,3]
      %2 = Cast(%0) {"dtype":"int32"} int32[2,3]
      return %1, %2`,
    after: `${x}
      %1 = Cast(%0) {"dtype":"int32"} int32[2,3]
      return %0, %1`,
  },
  {
    rule: neutralOperand,
    name: 'x + 0, 0 + x and x − 0, but not 0 − x',
    before: `${x}
      %1 = constant {0} float32[]
      %2 = Add(%0, %1) float32[2,3]
      %3 = Add(%1, %0) float32[2,3]
      %4 = Sub(%0, %1) float32[2,3]
      %5 = Sub(%1, %0) float32[2,3]
      return %2, %3, %4, %5`,
    after: `${x}
      %1 = constant {0} float32[]
      %2 = Sub(%1, %0) float32[2,3]
      return %0, %0, %0, %2`,
  },
  {
    rule: neutralOperand,
    name: 'x / 1, but not where x is broadcast by it',
    before: `${x}
      %1 = constant {1} float32[]
      %2 = constant {1} float32[4,2,3]
      %3 = RealDiv(%0, %1) float32[2,3]
      %4 = RealDiv(%0, %2) float32[4,2,3]
      return %3, %4`,
    after: `${x}
      %1 = constant {1} float32[]
      %2 = constant {1} float32[4,2,3]
      %3 = RealDiv(%0, %2) float32[4,2,3]
      return %0, %3`,
  },
  {
    rule: timesOne,
    name: 'x · 1, repeated where it is broadcast',
    before: `%0 = input "x" float32[1,3]
      %1 = constant {1} float32[]
      %2 = constant {1} float32[2,3]
      %3 = Multiply(%0, %1) float32[1,3]
      %4 = Multiply(%2, %0) float32[2,3]
      return %3, %4`,
    after: `%0 = input "x" float32[1,3]
      %1 = constant {1} float32[]
      %2 = constant {1} float32[2,3]
      %3 = Tile(%0) {"reps":[2,1]} float32[2,3]
      return %0, %3`,
  },
  {
    rule: squareOfDifference,
    name: '(x − y)²',
    before: `${x}
      %1 = input "y" float32[3]
      %2 = SquaredDifference(%0, %1) float32[2,3]
      return %2`,
    after: `${x}
      %1 = input "y" float32[3]
      %2 = Sub(%0, %1) float32[2,3]
      %3 = Square(%2) float32[2,3]
      return %3`,
  },
  {
    rule: stepOfRelu,
    name: 'whether x > 0, where there is ReLU(x); not with a slope',
    before: `${x}
      %1 = Relu(%0) float32[2,3]
      %2 = Step(%0) float32[2,3]
      %3 = Step(%0) {"alpha":0.5} float32[2,3]
      return %1, %2, %3`,
    after: `${x}
      %1 = Relu(%0) float32[2,3]
      %2 = Step(%1) float32[2,3]
      %3 = Step(%0) {"alpha":0.5} float32[2,3]
      return %1, %2, %3`,
  },
  {
    rule: repeatLater,
    name: 'an operation on a repeated tensor',
    before: `%0 = input "x" float32[1,3]
      %1 = input "y" float32[2,3]
      %2 = Tile(%0) {"reps":[2,1]} float32[2,3]
      %3 = Multiply(%2, %1) float32[2,3]
      %4 = Sqrt(%2) float32[2,3]
      return %3, %4`,
    after: `%0 = input "x" float32[1,3]
      %1 = input "y" float32[2,3]
      %2 = Tile(%0) {"reps":[2,1]} float32[2,3]
      %3 = Multiply(%0, %1) float32[2,3]
      %4 = Sqrt(%0) float32[1,3]
      %5 = Tile(%4) {"reps":[2,1]} float32[2,3]
      return %3, %5`,
  },
  {
    rule: repeatLater,
    name: 'not where whole tensors are repeated',
    before: `%0 = input "x" float32[2,3]
      %1 = Tile(%0) {"reps":[2,1]} float32[4,3]
      %2 = Sqrt(%1) float32[4,3]
      return %2`,
    after: `%0 = input "x" float32[2,3]
      %1 = Tile(%0) {"reps":[2,1]} float32[4,3]
      %2 = Sqrt(%1) float32[4,3]
      return %2`,
  },
  {
    rule: quantizedLevels,
    name: 'the level of each value',
    before: `${codes}
      %7 = Sub(%6, %2) float32[1,8,8,4]
      return %7`,
    after: `${codes}
      %7 = QuantizedLevels(%0, %1, %2) {"min":0,"max":15} float32[1,8,8,4]
      return %7`,
  },
  {
    rule: quantizedLevels,
    name: 'not with another zero point, or one that is no whole number',
    before: `${codes}
      %7 = Sub(%6, %1) float32[1,8,8,4]
      %8 = Add(%4, %1) float32[1,8,8,4]
      %9 = ClipByValue(%8) {"clipValueMin":0,"clipValueMax":15} float32[1,8,8,4]
      %10 = Sub(%9, %1) float32[1,8,8,4]
      return %7, %10`,
    after: `${codes}
      %7 = Sub(%6, %1) float32[1,8,8,4]
      %8 = Add(%4, %1) float32[1,8,8,4]
      %9 = ClipByValue(%8) {"clipValueMin":0,"clipValueMax":15} float32[1,8,8,4]
      %10 = Sub(%9, %1) float32[1,8,8,4]
      return %7, %10`,
  },
  {
    rule: insideRange,
    name: 'whether a value is clipped',
    before: `${codes}
      %7 = Equal(%5, %6) bool[1,8,8,4]
      %8 = Cast(%7) {"dtype":"float32"} float32[1,8,8,4]
      return %8`,
    after: `${codes}
      %7 = Equal(%5, %6) bool[1,8,8,4]
      %8 = InsideRange(%0, %1, %2) {"min":0,"max":15} float32[1,8,8,4]
      return %8`,
  },
  {
    rule: insidePositive,
    name: 'a gradient through clipping and ReLU',
    before: `${image}
      %1 = input "s" float32[]
      %2 = constant {3} float32[]
      %3 = input "dy" float32[1,8,8,4]
      %4 = InsideRange(%0, %1, %2) {"min":0,"max":15} float32[1,8,8,4]
      %5 = Multiply(%4, %3) float32[1,8,8,4]
      %6 = Step(%0) float32[1,8,8,4]
      %7 = Multiply(%5, %6) float32[1,8,8,4]
      return %7`,
    after: `${image}
      %1 = input "s" float32[]
      %2 = constant {3} float32[]
      %3 = input "dy" float32[1,8,8,4]
      %4 = InsideRange(%0, %1, %2) {"min":0,"max":15} float32[1,8,8,4]
      %5 = Multiply(%4, %3) float32[1,8,8,4]
      %6 = Step(%0) float32[1,8,8,4]
      %7 = InsideRange(%0, %1, %2) {"min":0,"max":15,"positive":true} float32[1,8,8,4]
      %8 = Multiply(%3, %7) float32[1,8,8,4]
      return %8`,
  },
  {
    rule: scaleIntoKernel,
    name: 'a scaled image that is convolved',
    before: `${image}
      %1 = input "s" float32[]
      %2 = input "w" float32[1,1,4,2]
      %3 = Multiply(%0, %1) float32[1,8,8,4]
      %4 = Conv2D(%3, %2) {"strides":1,"pad":0} float32[1,8,8,2]
      return %4`,
    after: `${image}
      %1 = input "s" float32[]
      %2 = input "w" float32[1,1,4,2]
      %3 = Multiply(%0, %1) float32[1,8,8,4]
      %4 = Multiply(%2, %1) float32[1,1,4,2]
      %5 = Conv2D(%0, %4) {"strides":1,"pad":0} float32[1,8,8,2]
      return %5`,
  },
  {
    rule: scaleBehindGradient,
    name: 'the gradient of its kernel',
    before: `${image}
      %1 = input "s" float32[]
      %2 = input "dy" float32[1,8,8,2]
      %3 = Multiply(%1, %0) float32[1,8,8,4]
      %4 = Conv2DBackpropFilter(%3, %2) {"strides":1,"pad":0,"filterShape":[1,1,4,2]} float32[1,1,4,2]
      return %4`,
    after: `${image}
      %1 = input "s" float32[]
      %2 = input "dy" float32[1,8,8,2]
      %3 = Multiply(%1, %0) float32[1,8,8,4]
      %4 = Conv2DBackpropFilter(%0, %2) {"strides":1,"pad":0,"filterShape":[1,1,4,2]} float32[1,1,4,2]
      %5 = Multiply(%4, %1) float32[1,1,4,2]
      return %5`,
  },
];

describe('rewriting rules', () => {
  before(() => tf.setBackend('cpu'));

  for (const { rule, name, before: given, after: expected } of cases) {
    it(`${rule.name}: ${name}`, () => assertGraph(rewrite(parseGraph(given), [rule]), expected));
  }

  it('each has a case', () => {
    const tried = new Set(cases.map(({ rule }) => rule));
    assert.deepEqual(
      rules.filter((rule) => !tried.has(rule)).map(({ name }) => name),
      [],
    );
  });
});

describe('writing a graph anew', () => {
  before(() => tf.setBackend('cpu'));

  it('writes the same kernel on the same values once, and equal constants', () =>
    assertGraph(
      rewrite(
        parseGraph(`${x}
          %1 = constant {2} float32[]
          %2 = constant {2} float32[]
          %3 = Multiply(%0, %1) float32[2,3]
          %4 = Multiply(%0, %2) float32[2,3]
          %5 = Add(%3, %4) float32[2,3]
          return %5`),
        [],
      ),
      `${x}
        %1 = constant {2} float32[]
        %2 = Multiply(%0, %1) float32[2,3]
        %3 = Add(%2, %2) float32[2,3]
        return %3`,
    ));

  it('computes what is known now, and keeps one element of what is equal', () =>
    assertGraph(
      rewrite(
        parseGraph(`%0 = constant {1, 2} float32[2]
          %1 = constant {3} float32[2]
          %2 = Add(%0, %1) float32[2]
          %3 = Multiply(%1, %1) float32[2]
          return %2, %3`),
        [],
      ),
      `%0 = constant {1, 2} float32[2]
        %1 = constant {3} float32[2]
        %2 = constant {4, 5} float32[2]
        %3 = constant {9} float32[2]
        return %2, %3`,
    ));

  it('tells 0 from −0', () => {
    const { nodes } = rewrite(
      {
        nodes: [0, -0].map((value, id) => ({
          kind: 'constant',
          data: Float32Array.of(value),
          outputs: [{ id, dtype: 'float32', shape: [] }],
        })),
        results: [0, 1],
      },
      [],
    );
    assert.equal(nodes.length, 2);
  });

  it('leaves out what no result needs, but no argument', () =>
    assertGraph(
      optimize(
        parseGraph(`${x}
          %1 = input "y" float32[2]
          %2 = Exp(%0) float32[2,3]
          %3 = Neg(%0) float32[2,3]
          return %3`),
      ),
      `${x}
        %1 = input "y" float32[2]
        %2 = Neg(%0) float32[2,3]
        return %2`,
    ));
});
