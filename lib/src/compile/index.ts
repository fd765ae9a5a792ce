/** A pure tfjs function → traced once → run natively many times. */
export {
  compile,
  compileEngine,
  type Compiled,
  type CompileEngine,
  type CompileOptions,
  type CompileStats,
} from './compile.js';
export { nativeMemory, releaseFreeBuffers } from './nativeBackend.js';
export * as gpu from './webgpu/index.js';
