/**
 * Progress as events. Long work reports to a `Progress`, and the reader's surroundings decide how it looks: a
 * bar in a terminal, a line per epoch in a log, an updating display in a notebook cell (`notebookProgress` of
 * tslab-kernel).
 */
export interface ProgressEvent {
  /** What is being done, such as «train s=2 epoch 3/8». */
  readonly task: string;
  /** Units finished. */
  readonly done: number;
  /** Units in all, within this task. */
  readonly total: number;
  /** Figures to show next to the bar, such as loss or img/s, in the order in which they are shown. */
  readonly fields?: Readonly<Record<string, number | string>>;
}

/** A function that is called with each event of progress. */
export type Progress = (event: ProgressEvent) => void;

/** Ignores all progress. */
export const silent: Progress = () => undefined;

/** The figures of an event as text: «loss 1.234  img/s 812». */
export function formatFields(fields: ProgressEvent['fields'] = {}): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name} ${typeof value === 'number' ? formatNumber(value) : value}`)
    .join('  ');
}

/** Four significant digits, thousands without decimals. */
export function formatNumber(value: number): string {
  return Math.abs(value) >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(4)));
}

/** «1 h 02 m», «3 m 05 s», «12 s». */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '–';
  const whole = Math.round(seconds);
  const two = (n: number): string => String(n).padStart(2, '0');
  if (whole >= 3600) return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} m`;
  if (whole >= 60) return `${Math.floor(whole / 60)} m ${two(whole % 60)} s`;
  return `${whole} s`;
}

/** Estimates the time left of a task from the events seen so far. */
export function remainingTime(now: () => number = () => performance.now() / 1000) {
  let current: { task: string; at: number; done: number } | undefined;
  return (event: ProgressEvent): number => {
    if (current?.task !== event.task) current = { task: event.task, at: now(), done: event.done };
    const advanced = event.done - current.done;
    return advanced > 0 ? ((now() - current.at) / advanced) * (event.total - event.done) : Number.NaN;
  };
}

/** Where text is written to: standard error and the like. */
export interface TextStream {
  /** Whether a person reads it in a terminal, `columns` characters wide. */
  readonly isTTY?: boolean;
  /** Characters in a line. */
  readonly columns?: number;
  /** Writes `text` as it is. */
  write(text: string): unknown;
}

/** A bar that redraws its line in a terminal, and one line per finished task in a log. */
export function consoleProgress(stream: TextStream = process.stderr): Progress {
  const timeLeft = remainingTime();
  let drawnAt = 0;
  return (event) => {
    const left = timeLeft(event);
    const finished = event.done >= event.total;
    if (!stream.isTTY) {
      if (finished) stream.write(`${event.task}  ${formatFields(event.fields)}\n`);
      return;
    }
    if (!finished && performance.now() - drawnAt < 100) return;
    drawnAt = performance.now();
    const width = 24;
    const filled = Math.round((width * event.done) / Math.max(1, event.total));
    const bar = '█'.repeat(filled) + '░'.repeat(width - filled);
    const end = finished ? '' : `  left ${formatDuration(left)}`;
    const line = `${event.task} ${bar} ${event.done}/${event.total}  ${formatFields(event.fields)}${end}`;
    stream.write(`\r\u001b[K${line.slice(0, (stream.columns || 120) - 1)}${finished ? '\n' : ''}`);
  };
}
