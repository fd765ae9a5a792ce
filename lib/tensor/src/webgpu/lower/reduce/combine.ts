/**
 * Running values of several threads, or of the lanes of one, as one. A tree halves their number from level to
 * level: log₂ n additions one after the other instead of n, each by as many threads as there are pairs.
 */
import { emitBraced } from '../dispatch.js';
import type { Emitter } from '../emitter.js';
import { typeOfAccumulator } from '../reductions.js';
import type { Lanes } from '../wgsl.js';
import type { Task } from './task.js';

/** The four lanes of each running value as one. */
export function joinLanes(e: Emitter, { all }: Task, variables: readonly string[]): string[] {
  return all.map(({ combine, shared }, i) => {
    const [x, y, z, w] = ['x', 'y', 'z', 'w'].map((lane) => `${variables[i]}.${lane}`) as [
      string,
      string,
      string,
      string,
    ];
    const joined = shared ? x : combine(`(${combine(x, y, 1)})`, `(${combine(z, w, 1)})`, 1);
    return e.variable(typeOfAccumulator(all[i]!, 1), joined);
  });
}

/** A tree over the threads of a workgroup that are `stride` apart; the first of them has the result. */
export function combineAcross(
  e: Emitter,
  { all }: Task,
  variables: readonly string[],
  lanes: Lanes,
  threads: number,
  along: number,
  stride: number,
  index: string,
): void {
  if (along === 1) return;
  const combined = all.flatMap((accumulator, i) => (accumulator.shared ? [] : [{ accumulator, i }]));
  for (const { accumulator, i } of combined) {
    e.declare(`var<workgroup> tree${i}: array<${typeOfAccumulator(accumulator, lanes)}, ${threads}>;`);
    e.line(`tree${i}[lane] = ${variables[i]};`);
  }
  e.line('workgroupBarrier();');
  emitBraced(e, `for (var reach = ${along / 2}u; reach > 0u; reach /= 2u)`, () => {
    emitBraced(e, `if (${index} < reach)`, () => {
      for (const { accumulator, i } of combined) {
        e.line(
          `${variables[i]} = ${accumulator.combine(variables[i]!, `tree${i}[lane + reach * ${stride}u]`, lanes)};`,
        );
        e.line(`tree${i}[lane] = ${variables[i]};`);
      }
    });
    e.line('workgroupBarrier();');
  });
}
