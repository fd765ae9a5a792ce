/** A program as text: its dispatches in order, and its memory. */
import { planBuffers } from './plan.js';
import type { GpuProgram } from './program.js';

/**
 * One dispatch a line: label, workgroups, buffers. `@3` after a name is the memory that it shares with
 * others.
 */
export function printProgram(program: GpuProgram): string {
  const { sizes, bufferOf } = planBuffers(program);
  const total = Object.values(program.scratch).reduce((sum, bytes) => sum + bytes, 0);
  const shared = sizes.reduce((sum, bytes) => sum + bytes, 0);
  const lines = program.dispatches.map(({ label, workgroups, bindings }, i) => {
    const buffers = bindings.map((name) => (bufferOf.has(name) ? `${name}@${bufferOf.get(name)}` : name));
    return `${String(i).padStart(4)}  ${label}  ${workgroups.join('×')} workgroups  (${buffers.join(', ')})`;
  });
  return [
    ...lines,
    `${program.dispatches.length} dispatches; ${mebibytes(total)} of values in ${mebibytes(shared)} of memory`,
  ].join('\n');
}

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
