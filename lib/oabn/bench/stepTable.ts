/** The measurements of bench/step.ts as lines of text: medians, quartiles, and ratios to the fastest peer. */
import { isPeer, type Kind, median, quantile, type Times } from './engines.js';

export interface Row extends Times {
  readonly kind: Kind;
  readonly width: number;
  readonly engine: string;
  readonly version: string;
  readonly imagesPerSecond: number;
  readonly gflops: number;
}

/** The peer whose median step is the shortest; undefined where none was measured. */
export function bestPeer<R extends Pick<Row, 'engine' | 'milliseconds'>>(rows: readonly R[]): R | undefined {
  return rows
    .filter(({ engine }) => isPeer(engine))
    .sort((a, b) => median(a.milliseconds) - median(b.milliseconds))[0];
}

/** A line for each engine. */
export function tableOf(rows: readonly Row[]): string {
  const best = bestPeer(rows);
  const stock = rows.find(({ engine }) => engine === 'stock');
  return rows.map((row) => lineOf(row, stock, best)).join('\n');
}

function lineOf(row: Row, stock: Row | undefined, best: Row | undefined): string {
  const time = median(row.milliseconds);
  const cpu = median(row.cpu);
  const quartiles = [0.25, 0.75].map((share) => quantile(row.milliseconds, share).toFixed(0));
  const cells = [
    row.kind.padEnd(9),
    `width ${row.width}`.padEnd(11),
    row.engine.padEnd(19),
    `${time.toFixed(0)} ms [${quartiles.join(', ')}]`.padStart(20),
    `${row.imagesPerSecond.toFixed(0)} img/s`.padStart(11),
    `${row.gflops.toFixed(0)} GFLOP/s`.padStart(12),
    `CPU ${cpu.toFixed(0)} ms`.padStart(13),
    `${row.peakMiB.toFixed(0)} MiB`.padStart(9),
    stock ? `${(median(stock.milliseconds) / time).toFixed(2)}× stock`.padStart(13) : '',
    best
      ? `${(median(best.milliseconds) / time).toFixed(2)}× ${best.engine} (CPU ${(median(best.cpu) / cpu).toFixed(2)}×, ` +
        `memory ${(row.peakMiB / best.peakMiB).toFixed(2)})`
      : '',
  ];
  return cells.join(' ').trimEnd();
}
