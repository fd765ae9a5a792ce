/**
 * The kernel's place in Jupyter: its name, and installing it for all Jupyters of a user.
 *
 * @module tslab-kernel/kernel
 */
export * from './kernelName.js';
export {
  installKernel,
  type InstallOptions,
  type KernelspecOptions,
  type KernelState,
  type KernelStatus,
  kernelStatus,
  uninstallKernel,
} from './kernelspec.js';
export { jupyterDataFolder } from './jupyterFolder.js';
