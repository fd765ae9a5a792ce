/** What a kernel knows of the language: completion and documentation, types, declarations, modules. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import { ask, by, onlyTypeScript, run, shownBy, started, type Tried, within, type Probe } from './tried.js';

/** The documentation that the kernel has of the name `code`, without colours; empty for none. */
async function documented(kernel: Tried, code: string): Promise<string> {
  const reply = await ask(kernel, 'inspect_request', { code, cursor_pos: code.length, detail_level: 0 });
  return reply.found === true ? stripVTControlCharacters(Object.values(reply.data as object).join('\n')) : '';
}

export const languageProbes: readonly Probe[] = [
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
      const declared = by(
        kernel,
        '/** Halves it. */\nfunction half(whole: number): number { return whole / 2; }',
        'def half(whole: float) -> float:\n  "Halves it."\n  return whole / 2',
      );
      await run(kernel, declared);
      const text = await documented(kernel, 'half');
      return text.includes('Halves it') && /whole: (number|float)/.test(text);
    },
  },
  {
    feature: 'completes and documents while a cell computes',
    leavesBusy: true,
    async has(kernel) {
      await started(kernel, by(kernel, 'while (true);', 'while True: pass'));
      const code = by(kernel, 'Math.flo', 'prin');
      const request = { code, cursor_pos: code.length };
      const { matches } = await within(ask(kernel, 'complete_request', request), 8000);
      const text = await within(documented(kernel, by(kernel, 'Math.floor', 'print')), 8000);
      return /floor|print/.test(JSON.stringify(matches ?? [])) && /floor|print/.test(text);
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
      /line 2, column 7|2:7/.test(shownBy(await run(kernel, 'const n = 1;\nconst text: string = n;'))),
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
];
