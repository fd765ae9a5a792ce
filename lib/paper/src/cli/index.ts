/**
 * What this reproduction adds to `oabn`: commands, and profiles by their names.
 *
 * @module oabn-paper/cli
 */
import { addCompute } from './compute.js';
import { addKernel } from './kernel.js';
import { addNotebook } from './notebook.js';
import { addReproduce } from './reproduce.js';
import { addRuns } from './runs/index.js';
import { addQueue } from './sweep/queue.js';
import { addWorker } from './sweep/worker.js';

export { profileNamed } from '../profiles/index.js';

/** The functions that add this package's commands to the program `oabn`. */
export const commands = [addNotebook, addKernel, addReproduce, addCompute, addWorker, addQueue, addRuns];
