/** Notebooks: the kernel for Jupyter, running notebooks from Node alone, pages from them, and what cells show. */
export {
  notebookProgress,
  type NotebookProgressOptions,
  show,
  showClaims,
  showTable,
} from './display/index.js';
export * from './execute.js';
export {
  exportHtml,
  type ExportOptions,
  type ReportFigure,
  reportFigures,
  type ReportNotebook,
  reportPage,
  type ReportParts,
} from './html/index.js';
export * from './kernelName.js';
export {
  installKernel,
  type InstallOptions,
  jupyterDataFolder,
  type KernelspecOptions,
  type KernelState,
  type KernelStatus,
  kernelStatus,
  uninstallKernel,
} from './kernelspec.js';
export * from './notebookFile.js';
export type {
  DisplayOutput,
  ErrorOutput,
  MimeBundle,
  Output,
  ResultOutput,
  StreamOutput,
} from './outputs.js';
export * from './run.js';
export * from './session.js';
