/**
 * Holds steps that are compiled for the GPU against tfjs on the CPU, in a process of its own, one line of
 * JSON for each.
 */
import { tf } from '../../../src/engines/index.js';
import { compile, type Compiled } from '../../../src/index.js';
import { type Step, tensorsOf } from '../support.js';

export interface Checked {
  readonly step: Step;
  readonly args: () => unknown[];
}

export interface Agreement {
  /** The largest difference, relative to the largest number of its tensor. */
  readonly off: number;
  readonly dispatches: number;
  /** Lines of the printed program. */
  readonly program: number;
  /** Labels of the profile, where the device has a clock. */
  readonly timed?: number;
}

/** Does the work and prints a line of JSON: its result, or the error. */
export async function report(name: string, work: () => Promise<object>): Promise<void> {
  const [began, before] = [performance.now(), process.cpuUsage()];
  let result: object;
  try {
    result = await work();
  } catch (error) {
    result = { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
  const { user, system } = process.cpuUsage(before);
  const seconds = (performance.now() - began) / 1000;
  console.log(JSON.stringify({ name, ...result, seconds, cpu: (user + system) / 1e6 }));
}

export interface Host {
  readonly shape: number[];
  readonly dtype: string;
  readonly data: ArrayLike<number>;
}

export async function download(tree: unknown): Promise<Host[]> {
  const tensors = tensorsOf(tree);
  return Promise.all(
    tensors.map(async (tensor) => ({
      shape: tensor.shape,
      dtype: tensor.dtype,
      data: (await tensor.data()) as ArrayLike<number>,
    })),
  );
}

/**
 * The largest difference, relative to the largest number of its tensor; Infinity for other types or shapes.
 */
export function difference(got: readonly Host[], want: readonly Host[]): number {
  if (got.length !== want.length) return Infinity;
  return Math.max(
    0,
    ...want.map((expected, i) => {
      const { shape, dtype, data } = got[i]!;
      if (dtype !== expected.dtype || shape.join() !== expected.shape.join()) return Infinity;
      let [largest, off] = [1e-3, 0];
      for (let j = 0; j < expected.data.length; j++) {
        const [g, w] = [data[j]!, expected.data[j]!];
        if (g === w || (Number.isNaN(g) && Number.isNaN(w))) continue;
        largest = Math.max(largest, Math.abs(w));
        off = Math.max(off, Number.isFinite(g) && Number.isFinite(w) ? Math.abs(g - w) : Infinity);
      }
      return off / largest;
    }),
  );
}

/** The step on the GPU against tfjs on the CPU: how far off it is, and what it dispatches. */
export async function agree({ step, args }: Checked): Promise<Agreement> {
  await tf.setBackend('cpu');
  const expected = await download(tf.tidy(() => step(...(args() as never[])) as tf.TensorContainer));
  const given = args();
  await tf.setBackend('webgpu');
  const fast = await compile(step as (...args: unknown[]) => unknown, given);
  const result = await fast(...given);
  const off = difference(await download(result), expected);
  tf.dispose(result as tf.TensorContainer);
  const dispatched = await dispatchesOf(fast, given);
  await fast.dispose();
  return { off, ...dispatched };
}

/** What a step dispatches, prints and times. */
export async function dispatchesOf<Args extends readonly unknown[]>(
  fast: Compiled<Args, unknown>,
  args: Args,
): Promise<Omit<Agreement, 'off'>> {
  const times = await fast.profile(...args);
  const program = fast.printProgram().split('\n').length;
  const counts = { dispatches: fast.stats.dispatches, program };
  return times ? { ...counts, timed: Object.keys(times).length } : counts;
}

/** The same tree with tensors of its own. */
export function copied<T>(tree: T): T {
  if (tree instanceof tf.Tensor) return tf.tensor(tree.dataSync(), tree.shape, tree.dtype) as never;
  if (Array.isArray(tree)) return tree.map(copied) as never;
  if (typeof tree !== 'object' || tree === null) return tree;
  return Object.fromEntries(Object.entries(tree).map(([key, child]) => [key, copied(child)])) as never;
}
