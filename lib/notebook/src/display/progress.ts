/**
 * Progress below a cell: one display, updated in place. Every running task has a bar, every finished one a
 * line with its last figures; the numbered parts of one task, such as epochs, share a line. The stop button
 * ends whatever reports here, at its next report.
 */
import { randomUUID } from 'node:crypto';
import {
  cellSignal,
  consoleProgress,
  escapeHtml,
  formatDuration,
  formatFields,
  type Progress,
  type ProgressEvent,
  remainingTime,
  UserError,
} from 'oabn-base';
import { type Bundle, currentCell, type Publish } from './kernel.js';

/** Where progress is shown; a test sets all of it. */
export interface NotebookProgressOptions {
  /** Where displays go; asked at each event, because a later cell has its own place. */
  readonly cell?: () => Publish | undefined;
  /** The clock, in milliseconds. */
  readonly now?: () => number;
  /** Where progress goes outside a kernel. */
  readonly otherwise?: Progress;
}

/**
 * The member of a display's metadata that marks it as progress, and holds the latest event for whoever runs
 * the notebook.
 */
export const progressMark = 'oabn-progress';

/**
 * Milliseconds between two updates, because a page has to draw each of them; fewer at the end of a task,
 * which may be the last event of the notebook, after which the kernel is soon gone.
 */
const interval = { working: 200, finished: 50 } as const;

/** The largest number of lines in a display. */
const maxLines = 6;

/** Progress for notebook cells: an updating bar below the running cell, and lines in a terminal otherwise. */
export function notebookProgress(options: NotebookProgressOptions = {}): Progress {
  const { cell = currentCell, now = () => performance.now(), otherwise = consoleProgress() } = options;
  let current: { publish: Publish; display: Progress } | undefined;
  return (event) => {
    const publish = cell();
    if (!publish) return otherwise(event);
    if (current?.publish !== publish) current = { publish, display: progressDisplay(publish, now) };
    current.display(event);
  };
}

/** A task as last reported, with the seconds left. */
interface TaskState {
  readonly event: ProgressEvent;
  readonly left: number;
}

const isFinished = ({ event }: TaskState): boolean => event.done >= event.total;

/** «train s=2 epoch 3/8» → «train s=2»: what the numbered parts of one task have in common. */
const taskGroup = (task: string): string => task.replace(/( epoch)? \d+\/\d+$/, '');

/** The progress of one cell. */
function progressDisplay(publish: Publish, now: () => number): Progress {
  const id = randomUUID();
  const startedAt = now();
  const tasks = new Map<string, TaskState>();
  const timers = new Map<string, ReturnType<typeof remainingTime>>();
  let publishedAt: number | undefined;
  let pending: NodeJS.Timeout | undefined;
  let latest: ProgressEvent | undefined;
  const signal = cellSignal();

  const send = (): void => {
    clearTimeout(pending);
    pending = undefined;
    const bundle = progressBundle([...tasks.values()], (now() - startedAt) / 1000);
    publish(bundle, { id, update: publishedAt !== undefined, metadata: { [progressMark]: latest } });
    publishedAt = now();
  };

  return (event) => {
    if (signal?.aborted) throw new UserError(`Interrupted in «${event.task}»`);
    latest = event;
    const group = taskGroup(event.task);
    const timer = timers.get(group) ?? remainingTime(() => now() / 1000);
    timers.set(group, timer);
    const state = { event, left: timer(event) };
    tasks.set(group, state);
    const least = isFinished(state) ? interval.finished : interval.working;
    const wait = publishedAt === undefined ? 0 : publishedAt + least - now();
    clearTimeout(pending);
    if (wait <= 0) send();
    else pending = setTimeout(send, wait);
  };
}

/**
 * The tasks of a cell as lines: finished ones with a tick, the others with a bar; the last ones if there are
 * many.
 */
function progressBundle(tasks: readonly TaskState[], seconds: number): Bundle {
  const finished = tasks.filter(isFinished);
  const hidden = Math.max(0, tasks.length - maxLines);
  const shown = [...finished, ...tasks.filter((task) => !isFinished(task))].slice(hidden);
  const allFinished = finished.length === tasks.length;
  const count = `${tasks.length} ${tasks.length === 1 ? 'task' : 'tasks'}`;
  const lines = (render: (task: TaskState) => string): string[] => [
    ...(hidden > 0 ? [`… ${hidden} earlier`] : []),
    ...shown.map(render),
    ...(allFinished ? [`${count} in ${formatDuration(seconds)}`] : []),
  ];
  const html = lines(taskHtml).map((line) => `<div>${line}</div>`);
  return {
    'text/html': `<div style="font-variant-numeric: tabular-nums; line-height: 1.6">${html.join('')}</div>`,
    'text/plain': lines(taskText).join('\n'),
  };
}

function taskText(state: TaskState): string {
  const { task, done, total, fields } = state.event;
  if (isFinished(state)) return `✓ ${task}  ${formatFields(fields)}`.trimEnd();
  return `${task} ${done}/${total}  ${formatFields(fields)}  left ${formatDuration(state.left)}`;
}

function taskHtml(state: TaskState): string {
  if (isFinished(state)) return escapeHtml(taskText(state));
  const { task, done, total, fields } = state.event;
  const figures = `${done}/${total} · ${formatFields(fields).replaceAll('  ', ' · ')} · left ${formatDuration(state.left)}`;
  const bar = `<progress value="${done}" max="${total}" style="width: 16em; vertical-align: middle"></progress>`;
  return `${escapeHtml(task)} ${bar} ${escapeHtml(figures)}`;
}
