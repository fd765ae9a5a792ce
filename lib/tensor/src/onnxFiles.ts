/**
 * `tfjs-native/onnx`: model files. A graph of ONNX nodes as bytes, and a model file run as any other program
 * would run it.
 *
 * @module tfjs-native/onnx
 */
export {
  elementTypes,
  type ElementType,
  encodeModel,
  type ModelOptions,
  type OnnxAttribute,
  type OnnxGraph,
  openOnnxModel,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValueInfo,
} from './onnx/index.js';
