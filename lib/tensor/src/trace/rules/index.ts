/** The rules that simplify a graph, in the order in which they are tried. */
import type { Rule } from '../rule.js';
import { squareOfDifference } from './differences.js';
import { neutralOperand, sameTensor, timesOne } from './identities.js';
import {
  insidePositive,
  insideRange,
  quantizedLevels,
  scaleBehindGradient,
  scaleIntoKernel,
} from './quantizers.js';
import { repeatLater } from './repeats.js';
import { stepOfRelu } from './stepOfRelu.js';

export const rules: readonly Rule[] = [
  sameTensor,
  neutralOperand,
  timesOne,
  squareOfDifference,
  stepOfRelu,
  quantizedLevels,
  insideRange,
  insidePositive,
  scaleIntoKernel,
  scaleBehindGradient,
  repeatLater,
];
