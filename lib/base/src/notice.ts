/**
 * The link between a library and the notebook cell that it runs in, if any: notices to the reader, and the
 * stop button. A kernel publishes the current cell under `Symbol.for('Jupyter.kernel')`.
 */
import { escapeHtml } from './html.js';

interface NotebookCell {
  publish(data: Readonly<Record<string, unknown>>): void;
  readonly signal: AbortSignal;
}

interface NotebookKernel {
  currentCell(): NotebookCell | undefined;
}

const runningCell = (): NotebookCell | undefined =>
  (globalThis as { [key: symbol]: NotebookKernel | undefined })[Symbol.for('Jupyter.kernel')]?.currentCell();

/**
 * The signal that aborts when the running cell is interrupted; undefined outside a notebook. Whoever asks for
 * it promises to end then, and is given time to do so.
 */
export const cellSignal = (): AbortSignal | undefined => runningCell()?.signal;

/**
 * Says `message`, a sentence or two that report no error: what is used in place of something missing, and how
 * to change it. In a notebook it is quiet text below the cell, elsewhere lines on stderr.
 */
export function sayNotice(message: string): void {
  const cell = runningCell();
  if (!cell) {
    process.stderr.write(`${message}\n`);
    return;
  }
  const text = escapeHtml(message);
  // A box that is drawn with characters needs its lines and a fixed width.
  const html = text.includes('\n')
    ? `<pre style="opacity: 0.65; font-size: 0.85em">${text.replace(/^\n+|\n+$/g, '')}</pre>`
    : `<small style="opacity: 0.65">${text}</small>`;
  cell.publish({ 'text/html': html, 'text/plain': message });
}
