/**
 * A word to the reader that is no error: what is used instead of what is missing, and how to change that. In a
 * notebook it is one quiet line below the cell, elsewhere a line on stderr.
 */

interface NotebookKernel {
  currentCell(): { publish(data: Readonly<Record<string, unknown>>): void } | undefined;
}

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** Says `message`, a sentence or two. */
export function sayNotice(message: string): void {
  const kernel = (globalThis as { [key: symbol]: NotebookKernel | undefined })[Symbol.for('Jupyter.kernel')];
  const cell = kernel?.currentCell();
  if (!cell) {
    process.stderr.write(`${message}\n`);
    return;
  }
  const text = message.replace(/[&<>]/g, (sign) => escapes[sign]!);
  cell.publish({ 'text/html': `<small style="opacity: 0.65">${text}</small>`, 'text/plain': message });
}
