/** The measurements of bench/latency.ts, and the table of them that the README shows. */
import { markdownTable, replaceSection } from 'oabn-base';
import { median, quantile } from './engines.js';

/** A network as an ONNX file. */
export interface LatencyFile {
  readonly name: string;
  readonly title: string;
  /** Of the whole file. */
  readonly bytes: number;
  /** Of our own evaluation, and of ONNX Runtime's with the file; in [0, 1]. */
  readonly accuracy: number;
  readonly onnxAccuracy: number;
  /** Test images that both were measured on. */
  readonly images: number;
}

/** The calls of one file in one engine. */
export interface LatencyRow {
  readonly engine: string;
  readonly version: string;
  readonly batch: number;
  readonly file: string;
  readonly milliseconds: readonly number[];
}

/** What is stored of a run of the benchmark, besides its provenance. */
export interface LatencyResult {
  readonly files: readonly LatencyFile[];
  readonly rows: readonly LatencyRow[];
}

/** One line for each file: median [quartiles] of each engine and batch, and times FP32, which is the first. */
export function latencyMarkdown({ files, rows }: LatencyResult): string {
  const columns = [...new Map(rows.map((row) => [`${row.engine} ${row.batch}`, row])).values()];
  const cell = (file: string, { engine, batch }: LatencyRow): string => {
    const of = (name: string): readonly number[] =>
      rows.find((row) => row.file === name && row.engine === engine && row.batch === batch)!.milliseconds;
    const times = of(file);
    const quartiles = [0.25, 0.75].map((share) => quantile(times, share).toFixed(2));
    const ratio = median(times) / median(of(files[0]!.name));
    return `${median(times).toFixed(2)} [${quartiles.join(', ')}] ${ratio.toFixed(2)}×`;
  };
  const header = [
    'network',
    'file',
    'accuracy',
    ...columns.map(({ engine, batch }) => `${engine}, batch ${batch}`),
  ];
  const body = files.map(({ name, title, bytes, onnxAccuracy }) => [
    title,
    `${(bytes / 1000).toFixed(0)} kB`,
    `${(100 * onnxAccuracy).toFixed(2)}%`,
    ...columns.map((column) => cell(name, column)),
  ]);
  return markdownTable([header, ...body], { right: header.map((_, i) => i).slice(1) });
}

/** The README with its table written anew. */
export function withLatencyTable(readme: string, result: LatencyResult): string {
  return replaceSection(readme, 'latency', latencyMarkdown(result));
}
