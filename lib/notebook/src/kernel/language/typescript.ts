/**
 * TypeScript itself, 9 MB of CommonJS. Loaded by `require`: an `import` reads the whole text twice more, to
 * find out what kind of module it is and what it exports, which takes longer than to run it.
 */
// eslint-disable-next-line @typescript-eslint/no-require-imports -- see above
import ts = require('typescript');

export default ts;
