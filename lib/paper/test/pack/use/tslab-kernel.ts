/** A notebook of one cell, written, executed by the kernel, and its page. */
import { parseNotebook, runNotebook, writeNotebook } from 'tslab-kernel';

const cell = { cell_type: 'code', id: 'one', metadata: {}, outputs: [], execution_count: null };
const source = ['const half: number = 42 / 2;\n', 'console.log(2 * half);'];
const text = JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells: [{ ...cell, source }] });
await writeNotebook('one.ipynb', parseNotebook(text));
const { ok, summary, notebook, html } = await runNotebook('one.ipynb', { html: '.' });
if (!ok || html === undefined) throw new Error(summary);
if (!JSON.stringify(notebook).includes('42')) throw new Error(`The cell printed something else: ${summary}`);
