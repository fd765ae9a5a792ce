/** What a kernel says: its replies, its outputs, its errors, its history. */
import { ask, by, errorOf, onlyTypeScript, resultOf, run, shownBy, textOf, type Probe } from './tried.js';

export const messageProbes: readonly Probe[] = [
  {
    feature: '`kernel_info_reply` is valid (has `status`)',
    has: async (kernel) => (await ask(kernel, 'kernel_info_request')).status === 'ok',
  },
  {
    feature: 'protocol 5.4 or later',
    async has(kernel) {
      const { protocol_version: version } = await ask(kernel, 'kernel_info_request');
      const [major = 0, minor = 0] = String(version).split('.').map(Number);
      return major > 5 || (major === 5 && minor >= 4);
    },
  },
  {
    feature: '`iopub_welcome` (JEP 65)',
    has: async ({ heard }) => heard.some(({ header }) => header.msg_type === 'iopub_welcome'),
  },
  {
    feature: 'the last value is an `execute_result`',
    has: async (kernel) => resultOf(await run(kernel, '1 + 1')) !== undefined,
  },
  {
    feature: '`text/plain` has no escape codes',
    async has(kernel) {
      const text = resultOf(await run(kernel, '1 + 1'))?.['text/plain'];
      return text === '2';
    },
  },
  {
    feature: 'a value shows itself as HTML',
    async has(kernel) {
      const code = by(
        kernel,
        "({ [Symbol.for('Jupyter.display')]: () => ({ 'text/html': '<b>x</b>' }) })",
        "type('T', (), {'_repr_html_': lambda self: '<b>x</b>'})()",
      );
      return resultOf(await run(kernel, code))?.['text/html'] === '<b>x</b>';
    },
  },
  {
    feature: 'an error is an `error` with name, message, traceback',
    async has(kernel) {
      const code = by(kernel, "throw new RangeError('far')", "raise IndexError('far')");
      const error = errorOf(await run(kernel, code));
      return error?.evalue === 'far' && /Error$/.test(error.ename) && error.traceback.length > 0;
    },
  },
  {
    feature: 'its traceback shows the source line in the cell',
    async has(kernel) {
      const code = by(
        kernel,
        "interface A {}\n\nfunction f(): void {\n  throw new RangeError('far'); // here\n}\nf();",
        "def f():\n\n    pass\n    raise IndexError('far') # here\nf()",
      );
      const text = textOf(errorOf(await run(kernel, code)));
      return /line 4|:4:/.test(text) && /# here|\/\/ here/.test(text);
    },
  },
  {
    feature: 'and what caused it',
    async has(kernel) {
      // The message is put together so that it is not in the line of source that a traceback shows.
      const code = by(
        kernel,
        "throw new Error('outer', { cause: new Error('the ' + 'root') })",
        "raise ValueError('outer') from ValueError('the ' + 'root')",
      );
      return /the root/.test(textOf(errorOf(await run(kernel, code))));
    },
  },
  {
    feature: 'a promise that nobody awaits is reported in its own cell',
    has: onlyTypeScript(async (kernel) => {
      const first = await run(
        kernel,
        "setTimeout(() => { void Promise.reject(new Error('forgotten')); }, 100); 1",
      );
      await run(kernel, 'await new Promise((done) => setTimeout(done, 500));');
      return errorOf(first)?.evalue === 'forgotten';
    }),
  },
  {
    feature: 'late output goes to the cell that made it',
    async has(kernel) {
      const code = by(
        kernel,
        "setTimeout(() => console.log('late'), 200); 1",
        "import threading; _ = threading.Timer(0.2, lambda: print('late')).start()",
      );
      const first = await run(kernel, code);
      await run(
        kernel,
        by(kernel, 'await new Promise((done) => setTimeout(done, 600));', 'import time; time.sleep(0.6)'),
      );
      return shownBy(first).includes('late');
    },
  },
  {
    feature: 'history: `tail`, `range`, `search`',
    async has(kernel) {
      await run(kernel, '40 + 2');
      for (const more of [
        { hist_access_type: 'tail', n: 1 },
        { hist_access_type: 'search', pattern: '40 *', n: 1 },
        { hist_access_type: 'range', session: 0, start: 1, stop: 100 },
      ]) {
        const { history } = await ask(kernel, 'history_request', { raw: true, output: false, ...more });
        if (!JSON.stringify(history).includes('40 + 2')) return false;
      }
      return true;
    },
  },
  {
    feature: '`is_complete`: complete, incomplete, invalid',
    async has(kernel) {
      const judge = async (code: string): Promise<unknown> =>
        (await ask(kernel, 'is_complete_request', { code })).status;
      const judged = [
        await judge('1 + 1'),
        await judge(by(kernel, 'function f() {', 'def f():')),
        await judge('import = 7q'),
      ];
      return JSON.stringify(judged) === '["complete","incomplete","invalid"]';
    },
  },
];
