"""Notebooks run by nbclient, as nbconvert and JupyterLab's tools run them, and by papermill; started by python.test.ts."""

import importlib.util
import subprocess
import sys
import unittest

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

KERNEL = "oabn"


def notebook(*sources, tags=None):
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    for index, tag in (tags or {}).items():
        cells[index].metadata["tags"] = [tag]
    metadata = {"kernelspec": {"name": KERNEL, "display_name": "TypeScript", "language": "typescript"}}
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)


class Nbclient(unittest.TestCase):
    def test_runs_a_notebook(self):
        nb = notebook(
            "const a: number = 41; console.log('hello'); a + 1",
            "const shown = await display('first'); await shown.update('second');",
            "throw new RangeError('too far')",
            "while (true);",
            "a",
            "JSON.parse('{')",
            "1",
            tags={2: "raises-exception", 3: "raises-exception"},
        )
        client = NotebookClient(
            nb,
            kernel_name=KERNEL,
            timeout_func=lambda cell: 3 if "while" in cell.source else 300,
            interrupt_on_timeout=True,
        )
        with self.assertRaisesRegex(CellExecutionError, "SyntaxError"):
            client.execute()
        self.assertEqual([cell.execution_count for cell in nb.cells], [1, 2, 3, 4, 5, 6, None])
        self.assertEqual(nb.cells[0].outputs[0].text, "hello\n")
        self.assertEqual(nb.cells[0].outputs[1].data["text/plain"], "42")
        self.assertEqual(nb.cells[1].outputs[0].data["text/plain"], "'second'")
        self.assertEqual(nb.cells[2].outputs[0].ename, "RangeError")
        self.assertEqual(nb.cells[3].outputs[0].ename, "Interrupted")
        self.assertEqual(nb.cells[4].outputs[0].data["text/plain"], "41")
        self.assertEqual(nb.cells[6].outputs, [])
        nbformat.validate(nb)


@unittest.skipUnless(importlib.util.find_spec("papermill"), "needs papermill")
class Papermill(unittest.TestCase):
    def run_papermill(self, *arguments):
        command = [sys.executable, "-m", "papermill", "--no-progress-bar", "in.ipynb", "out.ipynb", *arguments]
        return subprocess.run(command, capture_output=True, text=True)

    def test_runs_a_notebook_and_sets_parameters(self):
        nbformat.write(notebook("const s: number = 1; let name = 'none';", "[s, name]", tags={0: "parameters"}), "in.ipynb")
        # C#'s assignments are TypeScript's too, where the values are numbers, texts and truths.
        run = self.run_papermill("-l", ".net-csharp", "-p", "s", "0.25", "-p", "name", "res \"net\"")
        self.assertEqual(run.returncode, 0, run.stderr)
        cells = nbformat.read("out.ipynb", 4).cells
        self.assertEqual(cells[1].metadata.tags, ["injected-parameters"])
        self.assertEqual(cells[2].outputs[0].data["text/plain"], "[ 0.25, 'res \"net\"' ]")

    def test_has_no_words_for_typescript_by_itself(self):
        nbformat.write(notebook("1"), "in.ipynb")
        run = self.run_papermill("-p", "s", "0.25", "--prepare-only")
        self.assertRegex(run.stderr, "No parameter translator")


if __name__ == "__main__":
    unittest.main(verbosity=2)
