/**
 * Notebooks: the kernel for Jupyter, running notebooks from Node alone, pages from them, and what cells show.
 * Everything else is in the rooms: `tslab-kernel/display`, `tslab-kernel/picture`,
 * `tslab-kernel/html`, `tslab-kernel/run`, `tslab-kernel/kernel`, `tslab-kernel/protocol`.
 *
 * @module tslab-kernel
 */

// What a cell shows below itself
export {
  type Bundle,
  currentCell,
  type Figure,
  notebookProgress,
  type NotebookProgressOptions,
  show,
  showTable,
} from './display/index.js';

// Still pictures of figures
export { figurePng, figureSvg, type PictureOptions } from './picture/index.js';

// Notebooks as files, and running them
export {
  type Cell,
  type ExecuteNotebookOptions,
  executeNotebook,
  formatNotebook,
  type KernelSession,
  type Notebook,
  type NotebookRun,
  type Output,
  type Parameters,
  parseNotebook,
  readNotebook,
  runNotebook,
  type RunNotebookOptions,
  startKernelSession,
  writeNotebook,
} from './run/index.js';

// Pages from notebooks
export { exportHtml, type ExportOptions } from './html/index.js';

// The kernel's place in Jupyter
export { installKernel, type InstallOptions, kernelStatus, uninstallKernel } from './kernel/index.js';
