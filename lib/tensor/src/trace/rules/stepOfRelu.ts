/**
 * The test x > 0 is made on ReLU(x) where there is one, so that x itself need not be kept for the gradient.
 */
import type { Rule } from '../rule.js';

export const stepOfRelu: Rule = {
  name: 'step of ReLU',
  apply: (writer, node, [x]) => {
    if (node.kernel !== 'Step' || node.attributes.alpha) return undefined;
    const relu = writer.find('Relu', [x!], {});
    return relu === undefined ? undefined : writer.run('Step', [relu], node.attributes)[0];
  },
};
