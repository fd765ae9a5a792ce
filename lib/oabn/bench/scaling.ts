/**
 * How fast a step is over batch sizes (on all cores) and over threads (at batch 128), compiled and in
 * PyTorch, as two pictures: data/results/bench-cpu-batch and bench-cpu-threads, SVG and PNG, with the numbers
 * beside them as JSON.
 */
import { availableParallelism, cpus } from 'node:os';
import { writeJsonAtomic } from 'oabn-base';
import { beginProvenance } from '../../runs/src/store/provenance.js';
import { softwareVersions } from '../src/experiment/provenance.js';
import { lineFigure } from 'oabn-paper/figures';
import { type Kind, median, withEngines } from './engines.js';
import { savePicture } from './savePicture.js';

const batches = [32, 64, 128, 256, 512] as const;
const stepsPerRound = 2;

interface Options {
  readonly kinds: readonly Kind[];
  readonly width: number;
  readonly rounds: number;
  /** `stock` and `eager` are too slow for it and left out. */
  readonly engines: readonly string[];
}

export interface Point {
  readonly kind: Kind;
  readonly engine: string;
  readonly batch: number;
  readonly threads: number;
  readonly imagesPerSecond: number;
  readonly milliseconds: readonly number[];
}

const nameOf = {
  compiled: 'oabn',
  'torch-eager': 'PyTorch',
  'torch-compiled': 'PyTorch compiled',
  pretrain: 'pretraining',
  qat: 'QAT, 4 bits',
} as const;

export async function scaling({ kinds, width, rounds, engines }: Options): Promise<void> {
  const provenance = await beginProvenance(
    { backend: 'onnxruntime-node on one CPU' },
    softwareVersions(),
    undefined,
  );
  const cores = availableParallelism();
  const names = engines.filter((name) => name in nameOf);
  const threadCounts = [1, 2, 4, 8, 16, 32, 64].filter((n) => n < cores).concat(cores);
  const points: Point[] = [];
  for (const kind of kinds) {
    for (const batch of batches) points.push(...(await measure(names, kind, width, batch, cores, rounds)));
    for (const threads of threadCounts.slice(0, -1)) {
      points.push(...(await measure(names, kind, width, 128, threads, rounds)));
    }
  }
  const step = `medians of ${rounds * stepsPerRound} steps, engines in turn`;
  await writeJsonAtomic('data/results/bench-cpu-scaling.json', { ...provenance, width, points });
  await drawScaling('data/results', points, `width ${width}`, step);
}

/** Writes bench-cpu-batch and bench-cpu-threads into `folder`. */
export async function drawScaling(
  folder: string,
  points: readonly Point[],
  network: string,
  how: string,
): Promise<void> {
  const cores = Math.max(...points.map(({ threads }) => threads));
  const [kinds, names] = [(point: Point) => point.kind, (point: Point) => point.engine].map((of) => [
    ...new Set(points.map(of)),
  ]) as [Kind[], string[]];
  const subtitle =
    `RepVGG-A0 at ${network}, 32×32 images, float32; ${cpus()[0]?.model.trim()}, ${cores} cores; ` + how;
  const drawn = (
    x: 'batch' | 'threads',
    chosen: readonly Point[],
    titles: { title: string; xTitle: string },
  ) =>
    lineFigure({
      ...titles,
      subtitle,
      yTitle: 'Speed of whole training steps (images/s)',
      xKind: 'category',
      yRange: [0, 1.1 * Math.max(...chosen.map(({ imagesPerSecond }) => imagesPerSecond))],
      series: kinds.flatMap((kind) =>
        names.map((engine) => {
          const own = chosen
            .filter((point) => point.kind === kind && point.engine === engine)
            .sort((a, b) => a[x] - b[x]);
          return {
            name: `${nameOf[engine as 'compiled']}, ${nameOf[kind]}`,
            dash:
              engine === 'compiled'
                ? ('solid' as const)
                : engine === 'torch-eager'
                  ? ('dot' as const)
                  : ('dash' as const),
            x: own.map((point) => String(point[x])),
            y: own.map((point) => point.imagesPerSecond),
          };
        }),
      ),
    });
  const byBatch = drawn(
    'batch',
    points.filter(({ threads }) => threads === cores),
    {
      title: `Training speed over batch size, ${cores} threads`,
      xTitle: 'Batch size (images)',
    },
  );
  const byThreads = drawn(
    'threads',
    points.filter(({ batch }) => batch === 128),
    {
      title: 'Training speed over threads, batch 128',
      xTitle: 'Threads (number)',
    },
  );
  await savePicture(`${folder}/bench-cpu-batch`, byBatch);
  await savePicture(`${folder}/bench-cpu-threads`, byThreads);
}

async function measure(
  names: readonly string[],
  kind: Kind,
  width: number,
  batch: number,
  threads: number,
  rounds: number,
): Promise<Point[]> {
  return withEngines(names, async (engines) => {
    const times = new Map(engines.map(({ name }): [string, number[]] => [name, []]));
    for (let round = 0; round < rounds; round++) {
      for (const engine of engines) {
        const { milliseconds } = await engine.ask({ kind, width, batch, threads, steps: stepsPerRound });
        times.get(engine.name)!.push(...milliseconds.map(Math.round));
      }
    }
    return [...times].map(([engine, milliseconds]) => {
      const imagesPerSecond = Math.round((1000 * batch) / median(milliseconds));
      console.log(`${kind} batch ${batch}, ${threads} threads, ${engine}: ${imagesPerSecond} images/s`);
      return { kind, engine, batch, threads, imagesPerSecond, milliseconds };
    });
  });
}
