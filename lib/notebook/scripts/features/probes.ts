/**
 * The features by which kernels are compared, each with what finds out whether a kernel has it: a probe runs
 * cells in a fresh kernel and looks at what comes back, so that the table in the README says what was seen.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import type { Message } from '../../src/protocol/message.js';
import type { ErrorOutput, Execution, KernelSession, Output } from '../../src/run/index.js';

/** A kernel under comparison, and how one writes in its language. */
export interface Subject {
  readonly name: string;
  readonly command?: (connectionFile: string) => string[];
  readonly language: 'typescript' | 'python';
  readonly interruptBy: 'message' | 'signal';
}

export interface Probe {
  readonly feature: string;
  /** Whether the kernel is of no use afterwards. */
  readonly leavesBusy?: boolean;
  /** Whether the kernel has it; undefined where the question makes no sense for its language. */
  has(kernel: Tried): Promise<boolean | undefined>;
}

/** A session with what probes need beside it. */
export interface Tried {
  readonly subject: Subject;
  readonly session: KernelSession;
  readonly folder: string;
  /** Every iopub message so far. */
  readonly heard: readonly Message[];
}

const limit = 40_000;
/** tslab turns away what follows a failed cell at once. */
const afterError = 400;

/**
 * Resolves to what `promise` does, or rejects after a while: a kernel that never answers has not the feature.
 */
export const within = <T>(promise: Promise<T>, milliseconds = limit): Promise<T> =>
  Promise.race([
    promise,
    sleep(milliseconds, undefined, { ref: false }).then(() => {
      throw new Error('no answer');
    }),
  ]);

const ask = async (
  { session }: Tried,
  type: string,
  content: object = {},
  channel: 'shell' | 'control' = 'shell',
): Promise<Record<string, unknown>> =>
  (await within(session.channels.request(type, content as Message['content'], channel))).content;

const run = ({ session }: Tried, code: string): Promise<Execution> => within(session.execute(code));

/** `code` for the subject's language. */
const by = ({ subject }: Tried, typescript: string, python: string): string =>
  subject.language === 'typescript' ? typescript : python;

const resultOf = ({ outputs }: Execution): Record<string, unknown> | undefined =>
  outputs.flatMap((output) => (output.output_type === 'execute_result' ? [output.data] : [])).at(-1);

const isError = (output: Output): output is ErrorOutput => output.output_type === 'error';
const errorOf = ({ outputs }: Execution): ErrorOutput | undefined => outputs.find(isError);
const textOf = (error: ErrorOutput | undefined): string =>
  stripVTControlCharacters(error?.traceback.join('\n') ?? '');
/** All that a cell shows, whatever the way. */
const shownBy = ({ outputs }: Execution): string => stripVTControlCharacters(JSON.stringify(outputs));

const interrupt = async (kernel: Tried): Promise<void> => {
  if (kernel.subject.interruptBy === 'signal') process.kill(kernel.session.pid, 'SIGINT');
  else await ask(kernel, 'interrupt_request', {}, 'control');
};

/** Starts `code`, and resolves when it runs for sure. */
const started = async (kernel: Tried, code: string): Promise<{ ended: Promise<Execution> }> => {
  const before = kernel.heard.length;
  const say = by(kernel, 'console.log("started");\n', 'print("started", flush=True)\n');
  const ended = kernel.session.execute(say + code);
  ended.catch(() => undefined);
  const hasBegun = (): boolean =>
    /started\\n/.test(JSON.stringify(kernel.heard.slice(before).map(({ content }) => content.text)));
  for (const end = Date.now() + 20_000; !hasBegun() && Date.now() < end;) await sleep(100);
  await sleep(1000);
  return { ended };
};

/** Runs `code`, interrupts it, and resolves when it has ended. */
const interrupted = async (kernel: Tried, code: string): Promise<void> => {
  const { ended: cell } = await started(kernel, code);
  await interrupt(kernel);
  await within(cell, 10_000);
  await sleep(afterError);
};

const onlyTypeScript =
  (has: (kernel: Tried) => Promise<boolean>): Probe['has'] =>
  async (kernel) =>
    kernel.subject.language === 'typescript' ? has(kernel) : undefined;

export const probes: readonly Probe[] = [
  {
    feature: '`kernel_info_reply` is valid (has `status`)',
    has: async (kernel) => (await ask(kernel, 'kernel_info_request')).status === 'ok',
  },
  {
    feature: 'protocol 5.4 or later',
    async has(kernel) {
      const { protocol_version: version } = await ask(kernel, 'kernel_info_request');
      return Number(String(version).split('.')[1]) >= 4;
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
      const code = by(
        kernel,
        "throw new Error('outer', { cause: new Error('the root') })",
        "raise ValueError('outer') from ValueError('the root')",
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
      return first.outputs.some((output) => isError(output) && output.evalue === 'forgotten');
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
  {
    feature: 'completes members of a cell’s variable',
    async has(kernel) {
      await run(kernel, by(kernel, 'const word = "a"; const words = [word];', 'word = "a"; words = [word]'));
      const code = by(kernel, 'word.toUpper', 'word.uppe');
      const { matches } = await ask(kernel, 'complete_request', { code, cursor_pos: code.length });
      return /toUpperCase|upper/.test(JSON.stringify(matches ?? []));
    },
  },
  {
    feature: 'documentation with types',
    async has(kernel) {
      const code = by(kernel, 'Math.max', 'max');
      const reply = await ask(kernel, 'inspect_request', { code, cursor_pos: code.length, detail_level: 0 });
      return reply.found === true && /max/.test(JSON.stringify(reply.data));
    },
  },
  {
    feature: 'completes and documents while a cell computes',
    leavesBusy: true,
    async has(kernel) {
      await started(kernel, by(kernel, 'while (true);', 'while True: pass'));
      const code = by(kernel, 'Math.flo', 'prin');
      const { matches } = await within(
        kernel.session.channels
          .request('complete_request', { code, cursor_pos: code.length })
          .then((reply) => reply.content),
        8000,
      );
      return /floor|print/.test(JSON.stringify(matches ?? []));
    },
  },
  {
    feature: 'interrupt ends a loop, and the kernel lives',
    async has(kernel) {
      await interrupted(kernel, by(kernel, 'while (true);', 'while True: pass'));
      return (await run(kernel, '1 + 1')).status === 'ok';
    },
  },
  {
    feature: '… and a loop after an `await`',
    async has(kernel) {
      const code = by(
        kernel,
        'await new Promise((done) => setTimeout(done, 100)); while (true);',
        'import asyncio; await asyncio.sleep(0.1)\nwhile True: pass',
      );
      await interrupted(kernel, code);
      return (await run(kernel, '1 + 1')).status === 'ok';
    },
  },
  {
    feature: '… and variables that the cell had set are kept',
    async has(kernel) {
      await interrupted(kernel, by(kernel, 'let kept = 41; while (true);', 'kept = 41\nwhile True: pass'));
      return shownBy(await run(kernel, 'kept + 1')).includes('42');
    },
  },
  {
    feature: 'variables that a failing cell had set are kept',
    async has(kernel) {
      await run(
        kernel,
        by(kernel, 'let early = 41; throw new Error("x");', 'early = 41; raise ValueError("x")'),
      );
      await sleep(afterError);
      return shownBy(await run(kernel, 'early + 1')).includes('42');
    },
  },
  {
    feature: 'asks the reader (`input`, passwords)',
    async has(kernel) {
      const secret = [] as boolean[];
      const code = by(
        kernel,
        "typeof input === 'function' ? await input('a') + await input('b', { password: true }) : prompt('a') + prompt('b')",
        "import getpass; input('a') + getpass.getpass('b')",
      );
      await within(
        kernel.session.execute(code, {
          onInput(_text, password) {
            secret.push(password);
            return 'x';
          },
        }),
      );
      return secret.length === 2 && secret[1] === true;
    },
  },
  {
    feature: 'comms',
    async has(kernel) {
      const code = by(
        kernel,
        "typeof kernel === 'undefined' ? await Deno.jupyter.broadcast('comm_open', { comm_id: 'c', target_name: 't', data: {} }) : kernel.comms.open('t')",
        "from comm import create_comm; c = create_comm(target_name='t')",
      );
      await run(
        kernel,
        by(
          kernel,
          `const g = globalThis as any; const Deno = g.Deno; const kernel = g.kernel;\n${code}`,
          code,
        ),
      );
      return kernel.heard.some(({ header }) => header.msg_type === 'comm_open');
    },
  },
  {
    feature: 'subshells (JEP 91)',
    async has(kernel) {
      const { supported_features: features } = await ask(kernel, 'kernel_info_request');
      if (!JSON.stringify(features ?? []).includes('kernel subshells')) return false;
      const { subshell_id: subshell } = await ask(kernel, 'create_subshell_request', {}, 'control');
      const slow = kernel.session.execute(
        by(kernel, 'await new Promise((done) => setTimeout(done, 3000));', 'import time; time.sleep(3)'),
      );
      await sleep(300);
      const began = performance.now();
      await within(kernel.session.execute('1 + 1', { subshell: String(subshell) }));
      const beside = performance.now() - began < 2000;
      await within(slow);
      return beside;
    },
  },
  {
    feature: 'declares a `const` again',
    has: onlyTypeScript(async (kernel) => {
      await run(kernel, 'const again = 1;');
      return (await run(kernel, 'const again = "text";')).status === 'ok';
    }),
  },
  {
    feature: 'type errors, with line and column',
    has: onlyTypeScript(async (kernel) =>
      /line 2|2:7/.test(shownBy(await run(kernel, 'const n = 1;\nconst text: string = n;'))),
    ),
  },
  {
    feature: 'types flow from cell to cell',
    has: onlyTypeScript(async (kernel) => {
      await run(kernel, 'const count = 1;');
      return /not assignable/.test(shownBy(await run(kernel, 'const wrong: string = count;')));
    }),
  },
  {
    feature: 'TypeScript 6 syntax and types (`using`, `import type`, decorators)',
    has: onlyTypeScript(async (kernel) => {
      const code =
        "import type { Stats } from 'node:fs';\nconst log: string[] = [];\nfunction seen(m: any, c: ClassMethodDecoratorContext) { log.push(String(c.name)); }\nclass A { @seen m() {} }\n{ using g = { [Symbol.dispose]() { log.push('out'); } }; }\nlog.join()";
      return /m,out/.test(shownBy(await run(kernel, code)));
    }),
  },
  {
    feature: 'a local module that changes is loaded again',
    async has(kernel) {
      const { folder, subject } = kernel;
      const [file, text] =
        subject.language === 'typescript' ? ['local.ts', 'export const v = 1;'] : ['local.py', 'v = 1'];
      await writeFile(join(folder, file), text);
      // tslab finds local modules without their extension only, Deno with it only.
      const module = subject.name === 'tslab' ? './local' : './local.ts';
      const code = by(kernel, `import { v } from '${module}'; v`, 'from local import v; v');
      await run(kernel, code);
      await sleep(1100);
      await writeFile(join(folder, file), text.replace('1', '2'));
      const { outputs } = await run(kernel, code);
      return outputs.some((output) =>
        /^2\s*$/.test(
          stripVTControlCharacters(
            'data' in output
              ? String(output.data['text/plain'])
              : output.output_type === 'stream'
                ? output.text
                : '',
          ),
        ),
      );
    },
  },
  {
    feature: 'ends when told to in the middle of a loop',
    leavesBusy: true,
    async has(kernel) {
      await started(kernel, by(kernel, 'while (true);', 'while True: pass'));
      void kernel.session.channels
        .request('shutdown_request', { restart: false }, 'control')
        .catch(() => undefined);
      for (const end = Date.now() + 8000; Date.now() < end; await sleep(100)) {
        try {
          process.kill(kernel.session.pid, 0);
        } catch {
          return true;
        }
      }
      return false;
    },
  },
];
