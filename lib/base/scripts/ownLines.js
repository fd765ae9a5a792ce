/**
 * A rule for ESLint: how many lines a function may have of its own, that is without blank lines, comments, and the
 * functions inside it. ESLint's `max-lines-per-function` counts those inside too, and so finds fault with every function
 * that returns a record of small ones.
 */

/** @type {import('eslint').Rule.RuleModule} */
export const ownLines = {
  meta: {
    type: 'suggestion',
    schema: [{ type: 'integer', minimum: 1 }],
    messages: {
      tooLong: 'This function has {{lines}} lines of its own, more than {{max}}; give its parts names.',
    },
  },
  create(context) {
    const [max] = context.options;
    const code = linesOfCode(context.sourceCode);
    /** For each function around the place we are at: the lines that belong to functions inside it. */
    const taken = [];
    return {
      ':function': () => taken.push(new Set()),
      ':function:exit'(node) {
        const inner = taken.pop();
        const lines = linesOf(node).filter((line) => code.has(line) && !inner.has(line));
        if (lines.length > max)
          context.report({
            node,
            messageId: 'tooLong',
            data: { lines: String(lines.length), max: String(max) },
          });
        // The first line is also the outer function's: «const half = (x) => {».
        for (const line of linesOf(node).slice(1)) taken.at(-1)?.add(line);
      },
    };
  },
};

/** Numbers of the lines on which a token stands. */
function linesOfCode({ ast }) {
  return new Set(ast.tokens.flatMap(linesOf));
}

function linesOf({ loc }) {
  return Array.from({ length: loc.end.line - loc.start.line + 1 }, (_, i) => loc.start.line + i);
}
