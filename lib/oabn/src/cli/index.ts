/** The command `oabn`, and what other packages need to add commands to it. */
export { exitUnfinished, minutesOption, untilDeadline } from './deadline.js';
export { createProgram, main } from './main.js';
export * from './options.js';
export { exitUnwell, percent, print } from './output.js';
