"""Notebooks run by nbclient, as nbconvert, papermill and JupyterLab's tools run them; started by python.test.ts."""

import unittest

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

KERNEL = "oabn"


def notebook(*sources, tags=None):
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    for index, tag in (tags or {}).items():
        cells[index].metadata["tags"] = [tag]
    return nbformat.v4.new_notebook(cells=cells)


class Nbclient(unittest.TestCase):
    def test_runs_a_notebook(self):
        nb = notebook(
            "const a: number = 41; console.log('hello'); a + 1",
            "const shown = await display('first'); await shown.update('second');",
            "throw new RangeError('too far')",
            "a",
            tags={2: "raises-exception"},
        )
        NotebookClient(nb, kernel_name=KERNEL, timeout=60).execute()
        self.assertEqual([cell.execution_count for cell in nb.cells], [1, 2, 3, 4])
        self.assertEqual(nb.cells[0].outputs[0].text, "hello\n")
        self.assertEqual(nb.cells[0].outputs[1].data["text/plain"], "42")
        self.assertEqual(nb.cells[1].outputs[0].data["text/plain"], "'second'")
        self.assertEqual(nb.cells[2].outputs[0].ename, "RangeError")
        self.assertEqual(nb.cells[3].outputs[0].data["text/plain"], "41")
        nbformat.validate(nb)

    def test_stops_at_an_error(self):
        nb = notebook("JSON.parse('{')", "1")
        with self.assertRaisesRegex(CellExecutionError, "SyntaxError"):
            NotebookClient(nb, kernel_name=KERNEL, timeout=60).execute()
        self.assertEqual(nb.cells[1].outputs, [])

    def test_interrupts_a_cell_that_takes_too_long(self):
        nb = notebook("while (true);", "'still here'")
        client = NotebookClient(nb, kernel_name=KERNEL, timeout=4, interrupt_on_timeout=True, allow_errors=True)
        client.execute()
        self.assertEqual(nb.cells[0].outputs[0].ename, "Interrupted")
        self.assertEqual(nb.cells[1].outputs[0].data["text/plain"], "'still here'")


if __name__ == "__main__":
    unittest.main(verbosity=2)
