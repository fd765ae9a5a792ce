/**
 * Metrics as JSON lines: a row is one line, appended while the run goes on. A kill can cut the last line
 * short; reading drops it. Before a checkpoint is written, the rows are synchronized, so that a checkpoint is
 * never ahead of them.
 */
import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { check, sha256 } from 'oabn-base';
import { diskError, readIfThere, writeDurable } from './durable.js';

/** What is logged about a step: JSON members besides the number of steps taken. */
export interface MetricsRow {
  /** The step after which the row was written, a whole number ≥ 0. */
  readonly step: number;
  readonly [name: string]: unknown;
}

export interface MetricsLog {
  /**
   * Appends a row at once. NaN and ±Infinity, which JSON lacks, become strings. @throws UserError when the
   * disk refuses
   */
  append(row: MetricsRow): void;
  /**
   * The digest of the file's rows up to `step`, including those from earlier sessions: what a checkpoint of
   * that step rests on.
   */
  digestUpTo(step: number): string;
  /** Makes all rows durable. */
  sync(): void;
  close(): void;
}

/** The whole rows of a metrics file, none if it is not there; lines that are not rows are left out. */
export async function readMetrics(path: string): Promise<MetricsRow[]> {
  return parseMetrics((await readIfThere(path)) ?? '');
}

/** The whole rows in a metrics file's text. */
export function parseMetrics(text: string): MetricsRow[] {
  // After the last line break there is a row that was cut short, or nothing.
  return text
    .split('\n')
    .slice(0, -1)
    .flatMap((line) => rowIn(line) ?? []);
}

/**
 * Rewrites a metrics file without the rows after `step`, and without any that was cut short; returns what is
 * left.
 */
export async function keepMetricsUpTo(path: string, step: number): Promise<MetricsRow[]> {
  const rows = (await readMetrics(path)).filter((row) => row.step <= step);
  await writeDurable(path, rows.map(lineOf).join(''));
  return rows;
}

/**
 * Whether these rows, or those of them that were logged first, have this digest: it lacks what was logged
 * after the checkpoint.
 */
export function beginsWith(rows: readonly MetricsRow[], digest: string): boolean {
  const hash = createHash('sha256');
  const isIt = (): boolean => hash.copy().digest('hex') === digest;
  return isIt() || rows.some((row) => hash.update(lineOf(row)) && isIt());
}

/** Opens a metrics file, which holds `rows`, for appending. */
export function openMetricsLog(path: string, rows: readonly MetricsRow[]): MetricsLog {
  const onFile = <Value>(work: () => Value): Value => {
    try {
      return work();
    } catch (error) {
      throw diskError(path, error);
    }
  };
  const file = onFile(() => openSync(path, 'a'));
  // As lines, because the caller may use a row's object again.
  const all = rows.map((row) => ({ step: row.step, line: lineOf(row) }));
  let open = true;
  return {
    append(row) {
      // The number of a closed file may be that of another file by now.
      check(open, () => `The run is over: a row of step ${row.step} comes too late for ${path}`);
      check(
        Number.isInteger(row.step) && row.step >= 0,
        () => `A row of metrics needs its step, a whole number ≥ 0, got ${row.step}`,
      );
      const line = lineOf(row);
      const bytes = Buffer.from(line);
      onFile(() => {
        for (let written = 0; written < bytes.length;) written += writeSync(file, bytes, written);
      });
      all.push({ step: row.step, line });
    },
    digestUpTo: (step) =>
      sha256(
        all
          .filter((row) => row.step <= step)
          .map(({ line }) => line)
          .join(''),
      ),
    sync: () => onFile(() => fsyncSync(file)),
    close() {
      open = false;
      onFile(() => closeSync(file));
    },
  };
}

function lineOf(row: MetricsRow): string {
  const withoutGaps = (_: string, value: unknown): unknown =>
    typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
  return `${JSON.stringify(row, withoutGaps)}\n`;
}

function rowIn(line: string): MetricsRow | undefined {
  try {
    const row = JSON.parse(line) as MetricsRow | null;
    return typeof row?.step === 'number' ? row : undefined;
  } catch {
    return undefined;
  }
}
