/**
 * What runs on a GPU: WGSL modules dispatched in order over named buffers. A program is plain data, so that
 * kernels can be written, printed and tested one by one, and a whole step is a list of them that is encoded
 * anew for every call without further thought.
 *
 * Buffers hold tensors row-major in tfjs's layouts: activations [N,H,W,C], convolution kernels [H,W,in,out].
 */

/** One dispatch. The module's entry point is `main`; buffer `bindings[i]` is `@group(0) @binding(i)`. */
export interface GpuDispatch {
  /** What it computes, for profiles: «conv 3×3 forward 128×32×32×48». */
  readonly label: string;
  /** The module. */
  readonly wgsl: string;
  /** Names of buffers: those of the program's caller, or of its scratch. */
  readonly bindings: readonly string[];
  /** Workgroups in x, y and z. */
  readonly workgroups: readonly [number, number, number];
}

/** Dispatches in order, and the memory that they need besides that of their caller. */
export interface GpuProgram {
  /** In the order in which they run. */
  readonly dispatches: readonly GpuDispatch[];
  /** Buffers for intermediate values by name, in bytes. */
  readonly scratch: Readonly<Record<string, number>>;
}

/** What an adapter offers that kernels choose by. */
export interface GpuFeatures {
  /** `shader-f16`: half-precision arithmetic and storage. */
  readonly f16: boolean;
  /** Whether WGSL may use subgroups. */
  readonly subgroups: boolean;
  /**
   * Matrix units, as Dawn's `chromium-experimental-subgroup-matrix` exposes them; absent where there are
   * none.
   */
  readonly subgroupMatrix?: SubgroupMatrix;
  /** Bytes of workgroup memory. */
  readonly maxWorkgroupStorage: number;
  /** Threads in a workgroup, at most. */
  readonly maxInvocations: number;
}

/** A shape of matrices that one subgroup multiplies: [m,k]·[k,n]. */
export interface SubgroupMatrix {
  /** Rows of the left operand and of the result. */
  readonly m: number;
  /** Columns of the right operand and of the result. */
  readonly n: number;
  /** Columns of the left operand, and rows of the right one. */
  readonly k: number;
  /** Precision of the operands. */
  readonly component: 'f16' | 'f32';
  /** Precision of the result. */
  readonly result: 'f16' | 'f32';
  /** Lanes of a subgroup. */
  readonly subgroupSize: number;
}
