import { tf } from '../../src/engines/index.js';
import { kernelCases, nanCases } from './kernelCases.js';
import { checkStep } from './support.js';

describe('compile: each kernel as eager tfjs', () => {
  before(() => tf.setBackend('cpu'));
  for (const [name, step, args] of [...kernelCases, ...nanCases])
    it(name, () => checkStep(step, args(), 1e-6, name));
});
