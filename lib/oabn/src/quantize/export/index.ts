/** Networks as files for other programs. */
export * from './bitPlanes.js';
export * from './calibrationTables.js';
export * from './exportedSize.js';
export * from './onnx.js';
export * from './page.js';
export * from './storedKernel.js';
