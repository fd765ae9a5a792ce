/** Networks as files for other programs. */
export * from './bitPlanes.js';
export * from './onnx.js';
export * from './storedKernel.js';
