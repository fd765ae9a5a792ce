/**
 * From a package to the running cell: how output leaves the kernel. The kernel publishes which cell that is
 * under a symbol that every package of the process can look up; where there is nothing under it, this is not
 * a kernel.
 */

/** MIME type → content: text, base64 for pictures, an object for types that end in «json». */
export type Bundle = Readonly<Record<string, unknown>>;

/** Options of a display. */
export interface DisplayOptions {
  /** With the same `id` and `update`, a display replaces the earlier one in place. */
  readonly id?: string;
  /** Whether it replaces the display with the same `id`; default false. */
  readonly update?: boolean;
  /** Stored with the output: MIME type → what its viewer should know, such as a picture's width. */
  readonly metadata?: Bundle;
}

/** Sends one display to the running cell. */
export type Publish = (data: Bundle, display?: DisplayOptions) => void;

interface RunningCell {
  readonly publish: Publish;
}

/** A channel to the page, as `kernel.comms` of a cell opens it. */
interface Comm {
  readonly id: string;
  send(data: Bundle): void;
  close(): void;
  onMessage?: (message: { readonly data: Bundle }) => unknown;
}

interface RunningKernel {
  /** The same object for the same cell. */
  currentCell(): RunningCell | undefined;
  readonly comms: { open(target: string, data: Bundle, options: { metadata: Bundle }): Comm };
}

const kernel = (): RunningKernel | undefined =>
  (globalThis as { [key: symbol]: RunningKernel | undefined })[Symbol.for('Jupyter.kernel')];

/** The output of the running cell, or undefined outside a kernel; the same function for the same cell. */
export const currentCell = (): Publish | undefined => kernel()?.currentCell()?.publish;

/** The promise of something that shows itself: where it is a cell's last value, it is not shown as a promise. */
export const shownApart = <Value>(promise: Promise<Value>): Promise<Value> =>
  Object.defineProperty(promise, Symbol.for('Jupyter.display'), { value: () => ({}) });

/** Opens channels to the page; undefined outside a kernel. */
export const kernelComms = (): RunningKernel['comms'] | undefined => kernel()?.comms;
