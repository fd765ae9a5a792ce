/**
 * How long ONNX Runtime takes for a batch with each of several files: their runs are interleaved, so that
 * whatever else the machine does affects all of them alike, and the median counts.
 */
import { openOnnxModel, type OnnxModel } from 'tfjs-native/onnx';
import { quantile } from 'oabn-base';

/** Milliseconds of one call. */
export interface Latency {
  /** The median. */
  readonly median: number;
  /** The tenth percentile. */
  readonly low: number;
  /** The ninetieth percentile. */
  readonly high: number;
}

/** What files are timed on, and how often. */
export interface LatencyOptions {
  /** [N, 3, H, W] */
  readonly shape: readonly [number, number, number, number];
  /** Timed calls of each file. */
  readonly calls: number;
}

/** Calls before the clock counts: engines plan and allocate in the first ones. */
const warmUp = 3;

/** The latency of each ONNX file, in their order. */
export async function measureLatency(paths: readonly string[], options: LatencyOptions): Promise<Latency[]> {
  return (await interleavedTimes(paths, options)).map(latencyOf);
}

/** The milliseconds of every timed call, for each ONNX file in their order. */
export async function interleavedTimes(
  paths: readonly string[],
  { shape, calls }: LatencyOptions,
): Promise<number[][]> {
  const size = shape.reduce((product, side) => product * side, 1);
  // Values like those of normalized pixels; they make no difference to the time.
  const images = Float32Array.from({ length: size }, (_, i) => Math.sin(i));
  const models: OnnxModel[] = [];
  try {
    for (const path of paths) models.push(await openOnnxModel(path));
    const times = models.map((): number[] => []);
    for (let call = -warmUp; call < calls; call++) {
      for (const [i, model] of models.entries()) {
        const start = performance.now();
        await model.run(images, shape);
        if (call >= 0) times[i]!.push(performance.now() - start);
      }
    }
    return times;
  } finally {
    for (const model of models) await model.release();
  }
}

/** The latency from at least one time. */
export function latencyOf(times: readonly number[]): Latency {
  const sorted = [...times].sort((a, b) => a - b);
  return { median: quantile(sorted, 0.5), low: quantile(sorted, 0.1), high: quantile(sorted, 0.9) };
}
