/**
 * From a package to the cell that runs: how output leaves the kernel. The kernel says which cell that is
 * under a symbol that every package of the process can look up; where nothing is, this is not a kernel.
 */

/** MIME type → content: text, base64 for pictures, an object for types that end in «json». */
export type Bundle = Readonly<Record<string, unknown>>;

/** What else there is to say of a display. */
export interface DisplayOptions {
  /** With the same `id` and `update`, a display replaces the earlier one in place. */
  readonly id?: string;
  readonly update?: boolean;
  /** Kept with the output: MIME type → what its viewer should know, such as a picture's width. */
  readonly metadata?: Bundle;
}

/** Sends one display to the cell that runs. */
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
  /** The same object as long as the cell is the same. */
  currentCell(): RunningCell | undefined;
  readonly comms: { open(target: string, data: Bundle, options: { metadata: Bundle }): Comm };
}

const kernel = (): RunningKernel | undefined =>
  (globalThis as { [key: symbol]: RunningKernel | undefined })[Symbol.for('Jupyter.kernel')];

/**
 * The output of the cell that runs, or undefined outside a kernel. The same function as long as the cell is
 * the same.
 */
export const currentCell = (): Publish | undefined => kernel()?.currentCell()?.publish;

/** What opens channels to the page, or undefined outside a kernel. */
export const kernelComms = (): RunningKernel['comms'] | undefined => kernel()?.comms;
