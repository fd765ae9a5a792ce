"""Jupyter's own conformance suite (jupyter_kernel_test) for the kernel; started by conformance.test.ts."""

import unittest

import jupyter_kernel_test

KERNEL = "oabn"


class TypeScriptKernel(jupyter_kernel_test.KernelTests):
    kernel_name = KERNEL
    language_name = "typescript"
    file_extension = ".ts"

    code_hello_world = "console.log('hello, world')"
    code_stderr = "console.error('on stderr')"
    code_page_something = "parseInt?"
    code_generate_error = "throw new RangeError('wanted')"
    code_clear_output = "clearOutput()"
    code_inspect_sample = "Math.max"
    code_execute_result = [
        {"code": "1 + 2 + 3", "result": "6"},
        {"code": "[1, 4, 9]", "result": "[ 1, 4, 9 ]"},
        {"code": "'text'", "result": "'text'"},
        {
            "code": "({ [Symbol.for('Jupyter.display')]: () => ({ 'text/html': '<b>bold</b>' }) })",
            "result": "<b>bold</b>",
            "mime": "text/html",
        },
    ]
    code_display_data = [
        {"code": "await display({ 'text/html': '<i>i</i>' }, { raw: true })", "mime": "text/html"},
        {
            "code": "await display({ [Symbol.for('Jupyter.display')]: () => ({ 'image/svg+xml': '<svg/>' }) })",
            "mime": "image/svg+xml",
        },
    ]
    code_history_pattern = "1 + 2*"
    supported_history_operations = ("tail", "range", "search")

    completion_samples = [
        {"text": "Math.floo", "matches": ["floor"]},
        {"text": "'a'.toUpperC", "matches": ["toUpperCase"]},
    ]
    complete_code_samples = ["1", "const a: number = 1", "function f(x: number) {\n  return x\n}", "import 'node:fs'"]
    incomplete_code_samples = ["function f() {", "const a = [1,", "`a", "if (true) {\n", "f(", "/* comment"]
    invalid_code_samples = ["import = 7q", "}", "const const", "'open"]


class Welcome(jupyter_kernel_test.IopubWelcomeTests):
    kernel_name = KERNEL
    support_iopub_welcome = True


if __name__ == "__main__":
    unittest.main(verbosity=2)
