/**
 * The command `oabn`, and what other packages need to add commands to it.
 *
 * @module oabn/cli
 */
export { exitUnfinished, millisecondsOf, minutesOption, untilDeadline } from './deadline.js';
export type { AddCommands } from './extensions.js';
export { interruption, interruptionCode } from './interruption.js';
export { createProgram, main } from './main.js';
export * from './options.js';
export { exitUnwell, percent, print } from './output.js';
