/** The commands that this reproduction adds to `oabn`. */
import { addKernel, addNotebook } from './notebook.js';
import { addReproduce } from './reproduce.js';

export const commands = [addNotebook, addKernel, addReproduce];
