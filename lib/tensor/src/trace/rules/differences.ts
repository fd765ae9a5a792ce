/** (x − y)² becomes a difference and a square: the gradient wants the difference again. */
import type { Rule } from '../rule.js';

export const squareOfDifference: Rule = {
  name: 'square of difference',
  apply: (writer, { kernel }, inputs) => {
    if (kernel !== 'SquaredDifference') return undefined;
    const [difference] = writer.run('Sub', inputs, {});
    return writer.run('Square', [difference], {})[0];
  },
};
