/** From what an emitter wrote to a dispatch. */
import type { GpuDispatch, GpuFeatures } from '../program.js';
import { createEmitter } from './createEmitter.js';
import type { Emitter } from './emitter.js';
import { NotVectorizable } from './place.js';
import type { Storage } from './storage.js';
import type { Values } from './values.js';
import { type Lanes, moduleText } from './wgsl.js';

export interface Scene {
  readonly values: Values;
  readonly storage: Storage;
  /** Buffers that a dispatch can bind. */
  readonly mostBuffers: number;
  readonly features: GpuFeatures;
  /** Of products and convolutions. */
  readonly precision: 'float32' | 'float16';
  /** Products and convolutions in the direct way: see conv/naive.ts. */
  readonly direct: boolean;
  /** Bytes of memory that a workgroup can share. */
  readonly workgroupStorage: number;
}

export interface Shape3 {
  readonly label: string;
  readonly workgroups: readonly [number, number, number];
  readonly workgroupSize: number;
}

/** The dispatch that `write` writes: with four lanes where that is possible, else with one. */
export function emitDispatch(
  scene: Scene,
  lanes: readonly Lanes[],
  write: (emitter: Emitter, lanes: Lanes) => Shape3,
): GpuDispatch {
  for (const width of lanes) {
    try {
      const emitter = createEmitter(scene.values, scene.storage);
      const { label, workgroups, workgroupSize } = write(emitter, width);
      const { bindings, declarations, lines } = emitter;
      if (bindings.length > scene.mostBuffers && width !== lanes.at(-1)) continue;
      const wgsl = moduleText({ buffers: bindings, workgroupSize, declarations, body: lines });
      return { label, wgsl, bindings: bindings.map(({ buffer }) => buffer), workgroups };
    } catch (error) {
      if (!(error instanceof NotVectorizable) || width === lanes.at(-1)) throw error;
    }
  }
  throw new Error('no width was tried');
}

/** Lines inside a statement in braces. */
export function emitBraced(e: Emitter, head: string, work: () => void): void {
  const { lines } = e.block(work);
  e.line(`${head} {`);
  lines.forEach((line) => e.line(`  ${line}`));
  e.line('}');
}
