/**
 * 1-D k-means against scikit-learn: 8 million weights (a bell with outliers, as merged RepVGG-A0 has), K =
 * 16, from the same start on the same values: a whole fit until no cluster changes (ours with its sort), one
 * Lloyd step on the sorted sample, and one on unsorted weights, as training needs it.
 *
 *     node --conditions=oabn-source --import tsx lib/oabn/bench/kmeans.ts [--json]
 *
 * PYTHON names the interpreter to ask for scikit-learn (default python3); without it, only our times are
 * shown.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { random } from 'oabn-base';
import { kmeans1d, lloydStep, sortedSample } from '../src/quantize/kmeans/index.js';

const [n, k, repeats] = [8_000_000, 16, 7];
const python = process.env.PYTHON ?? 'python3';

/**
 * Lloyd's algorithm of scikit-learn: 1 and 11 steps, whose difference holds no preparation, and a whole fit.
 */
const peer = `
import json, sys, time
import numpy as np, sklearn, warnings
from sklearn.cluster import KMeans
warnings.filterwarnings("ignore")
values = np.fromfile(sys.argv[1], dtype=np.float32)[:, None]
start = np.fromfile(sys.argv[2], dtype=np.float32)[:, None]
def fit(steps):
    began = time.perf_counter()
    made = KMeans(len(start), init=start, n_init=1, max_iter=steps, tol=0, algorithm="lloyd").fit(values)
    return (time.perf_counter() - began) * 1000, made
steps = []
for _ in range(3):
    one, few = fit(1)[0], fit(11)[0]
    steps.append((few - one) / 10)
whole, made = fit(int(sys.argv[3]))
print(json.dumps({"version": sklearn.__version__, "steps": steps, "fit": whole, "iterations": made.n_iter_,
                  "inertia": float(made.inertia_)}))
`;

interface PeerTimes {
  version: string;
  steps: number[];
  fit: number;
  iterations: number;
  inertia: number;
}

const median = (times: number[]): number =>
  times.slice().sort((a, b) => a - b)[Math.floor(times.length / 2)]!;

function milliseconds(work: () => unknown): number {
  const began = performance.now();
  work();
  return performance.now() - began;
}

async function peerTimes(
  values: Float32Array,
  start: Float32Array,
  iterations: number,
): Promise<PeerTimes | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'kmeans-'));
  try {
    const paths = [join(folder, 'values'), join(folder, 'start')] as const;
    await writeFile(paths[0], values);
    await writeFile(paths[1], start);
    const { stdout } = await promisify(execFile)(python, ['-c', peer, ...paths, String(iterations)]);
    return JSON.parse(stdout) as PeerTimes;
  } catch (error) {
    console.error(`No times of scikit-learn (${(error as Error).message.trim().split('\n').at(-1)})`);
    return undefined;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const rng = random(1, 'kmeans bench');
const values = Float32Array.from({ length: n }, (_, i) => rng.normal() * (i % 1000 === 0 ? 1 : 0.05));
const start = kmeans1d(values.subarray(0, 100_000), k, { maxIterations: 1 }).centroids;

const stepTimes = (): number[] =>
  Array.from({ length: repeats }, () => milliseconds(() => lloydStep(values, start)));
stepTimes();
let sample = sortedSample(values.subarray(0, 1000));
const sort = milliseconds(() => (sample = sortedSample(values)));
const sorted = Array.from({ length: repeats }, () => milliseconds(() => lloydStep(sample, start)));
let fit = kmeans1d(sample, k, { init: start, maxIterations: 11 });
const descent = milliseconds(() => (fit = kmeans1d(sample, k, { init: start })));
const before = stepTimes();
const sklearn = await peerTimes(values, start, fit.iterations);
const unsorted = median([...before, ...stepTimes()]);

const result = {
  machine: `${cpus()[0]?.model.trim()}, ${availableParallelism()} cores; Node ${process.version}`,
  values: n,
  k,
  oabn: {
    threads: 1,
    sortMs: sort,
    fitMs: sort + descent,
    iterations: fit.iterations,
    inertia: fit.inertia,
    stepSortedMs: median(sorted),
    stepUnsortedMs: unsorted,
  },
  sklearn: sklearn && {
    version: sklearn.version,
    threads: availableParallelism(),
    fitMs: sklearn.fit,
    iterations: sklearn.iterations,
    inertia: sklearn.inertia,
    stepMs: median(sklearn.steps),
  },
  ratios: sklearn && {
    fit: sklearn.fit / (sort + descent),
    stepSorted: median(sklearn.steps) / median(sorted),
    stepUnsorted: median(sklearn.steps) / unsorted,
  },
};

function table({ oabn, sklearn, ratios, machine }: typeof result): string {
  const ms = (time?: number): string =>
    (time === undefined ? '–' : `${time.toFixed(time < 10 ? 2 : 0)} ms`).padStart(13);
  const times = (ratio?: number): string => (ratio === undefined ? '' : `${ratio.toFixed(1)}×`).padStart(9);
  const row = (name: string, ours: number, peers?: number, ratio?: number): string =>
    `${name.padEnd(42)}${ms(ours)}${ms(peers)}${times(ratio)}`;
  return [
    `1-D k-means, ${n} weights, K = ${k}; ${machine}`,
    `${''.padEnd(42)}${'oabn, 1 thr.'.padStart(13)}${'scikit-learn'.padStart(13)}${'ratio'.padStart(9)}`,
    row(`fit, ${oabn.iterations} Lloyd steps (ours with the sort)`, oabn.fitMs, sklearn?.fitMs, ratios?.fit),
    row('Lloyd step, sorted sample', oabn.stepSortedMs, sklearn?.stepMs, ratios?.stepSorted),
    row('Lloyd step, unsorted (training)', oabn.stepUnsortedMs, sklearn?.stepMs, ratios?.stepUnsorted),
    sklearn
      ? `scikit-learn ${sklearn.version}, ${sklearn.threads} threads, ${sklearn.iterations} steps; inertia ${sklearn.inertia.toFixed(4)} (it sums in float32), ours ${oabn.inertia.toFixed(4)}`
      : 'scikit-learn was not found; set PYTHON to an interpreter that has it',
  ].join('\n');
}
console.log(process.argv.includes('--json') ? JSON.stringify(result, null, 2) : table(result));
