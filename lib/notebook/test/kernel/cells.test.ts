/** What people write in cells: declarations that later cells see, imports, interrupts. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, realpath, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { type Execution, type KernelSession, startKernelSession } from '../../src/run/index.js';

describe('kernel: cells', function () {
  this.timeout(120_000);
  let folder: string;
  let session: KernelSession;
  before(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'kernel-cells-')));
    session = await startKernelSession({ folder, env: { JUPYTER_KERNEL_HISTORY: '0' } });
  });
  after(async () => {
    await session.close();
    await rm(folder, { recursive: true });
  });

  const run = (code: string, options = {}): Promise<Execution> => session.execute(code, options);
  /** The text of the last value, or of the error. */
  const shown = ({ outputs }: Execution): string =>
    outputs
      .map((output) =>
        'data' in output
          ? String(output.data['text/plain'])
          : output.output_type === 'error'
            ? stripVTControlCharacters(output.traceback.join('\n'))
            : output.text,
      )
      .at(-1) ?? '';
  const value = async (code: string): Promise<string> => shown(await run(code));
  const file = async (name: string, text: string, seconds = 0): Promise<void> => {
    await mkdir(join(folder, name, '..'), { recursive: true });
    await writeFile(join(folder, name), text);
    const time = Date.now() / 1000 + seconds;
    await utimes(join(folder, name), time, time);
  };

  it('declare again what another cell declared, with another type', async () => {
    await run('const x = 1; let y = "a"; class Thing { readonly kind = "first" } ');
    assert.equal(await value('const x = "text"; x.toUpperCase()'), "'TEXT'");
    assert.equal(await value('y = "b"; y'), "'b'");
    assert.match(await value('y = 5'), /Type 'number' is not assignable to type 'string'/);
    assert.equal(await value('class Thing { readonly kind = "second" }\nnew Thing().kind'), "'second'");
    assert.equal(await value('function Thing() { return 3 }\nThing()'), '3');
  });

  it('are named where a package throws, however deep in it', async () => {
    await file(
      'node_modules/deep/index.js',
      'exports.down = (n) => {\n  if (n === 0) throw new RangeError("too deep");\n  return exports.down(n - 1);\n};',
    );
    await file('node_modules/deep/index.d.ts', 'export function down(n: number): never;');
    const text = await value("import { down } from 'deep';\n\ndown(40);");
    assert.match(text, /RangeError: too deep\n    at exports\.down .*deep[^]*… 37 more frames\n/);
    assert.match(text, /Cell \[\d+\], line 3, column 1\n[^]*-->   3 \| down\(40\);/);
    assert.ok(text.split('\n').length < 15, text);
    const endless = await value('const endless = (): void => endless();\nendless()');
    assert.match(endless, /… called from \d+ more places$/);
    assert.ok(endless.split('\n').length < 45, endless);
  });

  it('are shown where they wait for what fails', async () => {
    await run('const failLater = async (): Promise<void> => { await null; throw new Error("later"); };');
    assert.match(
      await value('1;\n\nawait failLater();'),
      /^Error: later\nCell \[\d+\], line 1[^]*\nCell \[\d+\], line 3, column 1\n[^]*-->   3 \| await failLater\(\);/,
    );
  });

  it('end with errors and promises as values, without what the kernel adds', async () => {
    assert.match(await value('new Error("kept")'), /^Error: kept\n    at Cell \[\d+\]:1:1$/);
    assert.equal(await value('const later = new Promise(() => {});\nlater'), 'Promise { <pending> }');
  });

  it('fail with messages that name what the reader wrote', async () => {
    await file('tools.ts', 'export const tool: any = 3;');
    await file('uses.ts', "import { tool } from './tools';\nexport const useIt = (): void => tool();");
    const first = async (code: string): Promise<string> => (await value(code)).split('\n')[0]!;
    await run('const three: any = 3;');
    assert.equal(await first('three()'), 'TypeError: three is not a function');
    assert.equal(await first('new three()'), 'TypeError: three is not a constructor');
    assert.equal(await first('for (const each of three);'), 'TypeError: three is not iterable');
    assert.equal(await first("import { useIt } from './uses'; useIt()"), 'TypeError: tool is not a function');
    assert.equal(
      await first('try { three() } catch (error) { console.log(error) }'),
      'TypeError: three is not a function',
    );
  });

  it('see the variables of now in functions of before', async () => {
    await run('let rate = 1; function twice() { return 2 * rate; }');
    await run('rate = 5;');
    assert.equal(await value('twice()'), '10');
    assert.equal(await value('const rate = 7;\ntwice()'), '14');
  });

  it('share types: interfaces, aliases, enums, generics, inferred ones', async () => {
    await run(
      'interface P { x: number }\ntype Q<T> = { items: T[] };\nenum Color { Red, Green }\nconst pair = <A, B>(a: A, b: B) => [a, b] as const;',
    );
    assert.equal(await value('const q: Q<P> = { items: [{ x: 1 }] }; q.items[0].x + Color.Green'), '2');
    assert.match(await value('const bad: Q<P> = { items: [{ x: "1" }] };'), /TS2322/);
    assert.match(
      await value('pair(1, "a")[1].toFixed()'),
      /Property 'toFixed' does not exist on type 'string'/,
    );
  });

  it('destructure, loop and await at the top level', async () => {
    await run(
      'const { a, b: [c = 2, ...d], ...rest } = { a: 1, b: [undefined, 3, 4] as number[], e: 5 };\nfor (var i = 0; i < 3; i++) { var inner = i; }\nlet u = await Promise.resolve(9), v;\n({ u, v = 1 } = { u: 10 } as { u: number; v?: number });',
    );
    assert.equal(
      await value('JSON.stringify([a, c, d, rest, i, inner, u, v])'),
      '\'[1,2,[3,4],{"e":5},3,2,10,1]\'',
    );
    assert.equal(await value('[u, v] = [v, u]; ({ u, v })'), '{ u: 1, v: 10 }');
  });

  it('give functions and classes their names, and functions no this', async () => {
    await run('const arrow = () => 1; const klass = class {}; function self(this: unknown) { return this; }');
    assert.equal(await value('[arrow.name, klass.name, self()]'), "[ 'arrow', 'klass', undefined ]");
  });

  it('use decorators, using, private fields, generators and labels', async () => {
    await run(`const log: string[] = [];
function logged(method: Function, context: ClassMethodDecoratorContext) { log.push(String(context.name)); return method as any; }
class Service { #n = 1; static made = new Service(); @logged call() { return this.#n; } *[Symbol.iterator]() { yield this.#n; } }
{ using guard = { [Symbol.dispose]: () => log.push('disposed') }; log.push('in'); }`);
    assert.equal(
      await value('[log, [...Service.made], new Service().call()]'),
      "[ [ 'call', 'in', 'disposed' ], [ 1 ], 1 ]",
    );
  });

  it('keep what they had set when they throw', async () => {
    await run('let kept = "before";');
    const { status } = await run(
      'let reached = 1; kept = "changed"; const early = "set"; throw new Error("stop"); const late = 2;',
    );
    assert.equal(status, 'error');
    assert.equal(await value('[reached, kept, early]'), "[ 1, 'changed', 'set' ]");
    assert.match(await value('late'), /Cannot find name 'late'/);
  });

  it('keep a variable’s type when a cell throws before it declares it again', async () => {
    await run('const size = 3;');
    await run('JSON.parse("{"); const size = "big";');
    assert.equal(await value('size.toFixed(1)'), "'3.0'");
  });

  it('end when what they throw throws itself where it is looked at', async () => {
    const getter =
      "Object.defineProperty(new Error('odd'), 'detail', { enumerable: true, get() { throw 1 } })";
    assert.match(await value(`throw ${getter}`), /^Error: odd\n\{ detail: \[Getter\] \}\nCell/);
    assert.match(await value("throw Object.assign(new Error('bare'), { stack: null })"), /^Error: bare$/);
    assert.match(await value("throw { message: Object.create(null), stack: '' }"), /^Object: \[Object: null/);
    const proxy = 'new Proxy({}, { get() { throw 1 }, has: () => true })';
    assert.match(await value(`throw ${proxy}`), /^Thrown: a value that cannot be shown/);
  });

  it('show a value that does not let itself be looked at', async () => {
    assert.equal(await value('({ get data() { throw new Error("no"); } })'), '{ data: [Getter] }');
    assert.equal(
      await value('const gone = Proxy.revocable({}, {}); gone.revoke(); gone.proxy'),
      '<Revoked Proxy>',
    );
    assert.equal(await value('new Proxy({}, { get: () => () => 5 })'), '{}');
  });

  it('fail at a display that JSON cannot hold, and show what becomes JSON by itself', async () => {
    const shows = (text: string): string =>
      `({ [Symbol.for('Jupyter.display')]: () => ({ 'text/plain': 'p', 'application/json': ${text} }) })`;
    assert.match(await value(shows('{ big: 1n }')), /^TypeError: Do not know how to serialize a BigInt/);
    assert.match(await value(`await display(${shows('{ big: 1n }')}); 1`), /^TypeError: Do not know/);
    assert.match(await value("kernel.comms.open('target', { big: 1n })"), /^TypeError: Do not know/);
    const { outputs } = await run(shows('{ made: { toJSON: () => 2 }, method() {} }'));
    assert.deepEqual(
      outputs.map((output) => 'data' in output && output.data),
      [{ 'text/plain': 'p', 'application/json': { made: 2 } }],
    );
  });

  describe('interrupted', () => {
    /** Interrupts a cell when it prints. */
    const interrupted = async (code: string): Promise<Execution> => {
      const controller = new AbortController();
      const execution = await run(code, {
        signal: controller.signal,
        onOutput: () => controller.abort(),
      });
      assert.equal(execution.status, 'interrupted', execution.reason);
      assert.equal(execution.reason, undefined, 'the kernel lives');
      return execution;
    };

    it('in a loop, keep the kernel and what they had set', async () => {
      await interrupted('let looped = 1; const first = "set"; console.log("in"); while (true) looped++;');
      assert.equal(await value('looped > 0 && first'), "'set'");
    });

    it('in a loop after an await, and in a callback of a timer', async () => {
      await interrupted(
        'let after = 0; await new Promise((r) => setTimeout(r, 10)); after = 1; console.log("in"); for (;;);',
      );
      assert.equal(await value('after'), '1');
      await interrupted(
        'setTimeout(() => { console.log("in"); for (;;); }, 10); await new Promise(() => {});',
      );
      assert.equal(
        await value('await new Promise((r) => setTimeout(() => r("timers work"), 10))'),
        "'timers work'",
      );
    });

    it('in a loop while others yield by setImmediate, which goes on', async () => {
      await run(
        'let [turns, ended] = [0, false]; (async () => { for (; !ended; turns++) await new Promise((r) => setImmediate(r)); })();',
      );
      await interrupted('console.log("in"); for (;;);');
      assert.equal(
        await value('const before = turns; await new Promise((r) => setTimeout(r, 50)); turns > before'),
        'true',
      );
      await interrupted(
        'for (const i of [1, 2, 3]) setImmediate(() => { if (i !== 2) return; console.log("in"); for (;;); }); await new Promise(() => {});',
      );
      assert.equal(
        await value('ended = true; await new Promise((r) => setImmediate(r, "immediates work"))'),
        "'immediates work'",
      );
    });

    it('no longer change what later cells see, in a loop that yields or in a callback', async () => {
      const setUp = `import { setTimeout as sleep, setInterval as ticks } from 'node:timers/promises';
        import { setImmediate as fromNode } from 'node:timers';
        import { createServer } from 'node:http';
        let counts: Record<string, number> = {};
        const count = (name: string): void => { counts[name] = (counts[name] ?? 0) + 1; };
        const kept = setInterval(() => count('kept'), 5);
        const server = createServer(async (_, response) => { await sleep(5); response.end('served'); }).listen(0);
        undefined`;
      const stopped = await run(setUp);
      assert.equal(stopped.status, 'ok', shown(stopped));
      const loop = (name: string, wait: string): string =>
        `(async () => { for (;;) { count('${name}'); ${wait}; } })();`;
      await interrupted(`
        ${loop('timeout', 'await new Promise((r) => setTimeout(r, 1))')}
        ${loop('immediate', 'await new Promise((r) => setImmediate(r))')}
        ${loop('fromNode', 'await new Promise((r) => fromNode(r))')}
        ${loop('sleep', 'await sleep(1)')}
        ${loop('promisified', "await require('node:util').promisify(setTimeout)(1)")}
        (async () => { for await (const _ of ticks(1)) count('ticks'); })();
        setInterval(() => count('interval'), 1);
        await sleep(50);
        console.log('in');
        for (;;) await new Promise((r) => setTimeout(r, 1));`);
      const moving = async (): Promise<string> =>
        value(`await sleep(30); counts = {}; await sleep(100); Object.keys(counts).sort().join()`);
      const served = `await (await fetch('http://localhost:' + (server.address() as { port: number }).port)).text()`;
      assert.equal(await moving(), "'kept'");
      assert.equal(await value(served), "'served'");
      // What finished cells have left is ended by the button while no cell runs.
      await run(loop('left', 'await sleep(1)'));
      assert.equal(await moving(), "'kept,left'");
      await session.channels.request('interrupt_request', {}, 'control');
      assert.equal(await moving(), "''");
      assert.equal(await value(`${served} + String(server.close() !== undefined)`), "'servedtrue'");
    });

    it('while they wait', async () => {
      await interrupted(
        'const waiting = 1; console.log("in"); await new Promise(() => {}); const never = 2;',
      );
      assert.equal(await value('waiting'), '1');
    });

    it('end by themselves if they listen to kernel.signal, with what they have to say', async () => {
      const { outputs } = await interrupted(
        'let steps = 0; console.log("in"); while (!kernel.signal.aborted) { steps++; await new Promise((r) => setTimeout(r, 20)); } "saved a checkpoint"',
      );
      assert.deepEqual(
        outputs.map(({ output_type }) => output_type),
        ['stream', 'execute_result'],
      );
      assert.equal(await value('kernel.signal.aborted'), 'false', 'the next cell is not');
    });
  });

  describe('import', () => {
    it('local TypeScript, which is loaded again when it or what it imports changes', async () => {
      await file('lib/deep.ts', 'export const deep = 1;');
      await file(
        'tools.ts',
        "import { deep } from './lib/deep';\nexport const tool = (): string => `tool ${deep}`;\nexport default class Box {}\nexport type Size = number;",
      );
      await run("import Box, { tool, type Size } from './tools';\nconst size: Size = 1;");
      assert.equal(await value('[tool(), new Box()]'), "[ 'tool 1', Box {} ]");
      await file('lib/deep.ts', 'export const deep: string = "two";', 2);
      assert.equal(await value("import { tool } from './tools.js';\ntool()"), "'tool 2'".replace('2', 'two'));
    });

    it('variables that their module changes, until something else is declared by the name', async () => {
      await file(
        'state.ts',
        'export let state: string;\nexport function set(to: string) { state = to; }\nexport { state as default };',
      );
      const imports = "import main, { state, set, state as other } from './state';\n";
      assert.equal(
        await value(`${imports}set('ready'); [main, state, other]`),
        "[ 'ready', 'ready', 'ready' ]",
      );
      await run("const read = () => [state, other]; set('later');");
      assert.equal(await value('read()'), "[ 'later', 'later' ]");
      await run('let state = 1; state++; let { other } = { other: 5 };');
      assert.equal(await value("set('unseen'); read()"), '[ 2, 5 ]');
      assert.equal(await value("import { state } from './state';\nread()"), "[ 'unseen', 5 ]");
      await file('state.ts', "export let state = 'reloaded';", 2);
      assert.equal(await value("import { state } from './state';\nread()"), "[ 'reloaded', 5 ]");
    });

    it('local TypeScript after a cell with an error did not come to it', async () => {
      await file('first.ts', 'export const first = 1;');
      assert.match(await value("import { first } from './first';\nconst text: string = 1;"), /TS2322/);
      assert.equal(await value("import { first } from './first';\nfirst"), '1');
      await file('first.ts', 'export const first = 2;', 2);
      assert.match(await value("import { first } from './first';\nconst = 1;"), /TS1134/);
      assert.equal(await value("import { first } from './first';\nfirst"), '2');
    });

    it('local TypeScript, which is loaded again when JSON or JavaScript that it imports changes', async () => {
      await file('count.json', '1');
      await file('plain.js', 'exports.text = "a";');
      await file(
        'reading.ts',
        "import count from './count.json';\nimport { text } from './plain.js';\nexport const read = () => [count, text];",
      );
      const read = "import { read } from './reading';\nread()";
      assert.equal(await value(read), "[ 1, 'a' ]");
      await file('count.json', '2', 2);
      assert.equal(await value(read), "[ 2, 'a' ]");
      await file('plain.js', 'exports.text = "b";', 2);
      assert.equal(await value(read), "[ 2, 'b' ]");
    });

    it('local TypeScript that awaits, and what imports it', async () => {
      await file('slow.ts', 'await null;\nexport const n: number = await Promise.resolve(1);');
      await file(
        'above.ts',
        "import { n } from './slow';\nexport const above = n + 1;\nexport const later = async () => (await import('./slow')).n + 2;",
      );
      // The two import each other.
      await file(
        'one.ts',
        "import { two } from './other';\nimport { above } from './above';\nexport const one = await above;\nexport const both = () => [one, two()];",
      );
      await file(
        'other.ts',
        "import { one } from './one';\nexport const two = () => one + 1;\nfor await (const _ of [1]);",
      );
      const both = "import { both } from './one';\nimport { later } from './above';\n[both(), await later()]";
      assert.equal(await value(both), '[ [ 2, 3 ], 3 ]');
      await file('slow.ts', 'export const n: number = await Promise.resolve(10);', 2);
      assert.equal(await value(both), '[ [ 11, 12 ], 12 ]');
      await file('slow.ts', '\nexport const n: number = await Promise.reject(new Error("too slow"));', 4);
      assert.match(await value(both), /^Error: too slow\n[^]*slow\.ts, line 2, column 47\n/);
      assert.match(await value(both), /^Error: too slow\n/);
      await file('slow.ts', 'export const n: number = await Promise.resolve(20);', 6);
      assert.equal(
        await value("const each = await Promise.all([import('./one'), import('./above')]);\neach[0].both()"),
        '[ 21, 22 ]',
      );
    });

    it('local JavaScript that awaits, which is loaded again when it changes', async () => {
      await file('modern.mjs', 'export const m = await Promise.resolve(1);');
      const read = "// @ts-ignore\nimport { m } from './modern.mjs';\nm";
      assert.equal(await value(read), '1');
      await file('modern.mjs', 'export const m = await Promise.resolve(2);', 2);
      assert.equal(await value(read), '2');
    });

    it('see type errors of local TypeScript, and their own in its frames', async () => {
      await file('wrong.ts', 'export const n: number = "text";');
      assert.match(await value("import { n } from './wrong';"), /wrong\.ts, line 1, column 14 - TS2322/);
      await file(
        'throwing.ts',
        'interface A {}\n\nexport function fail(): void {\n  throw new Error("in the file");\n}',
      );
      assert.match(
        await value("import { fail } from './throwing';\nfail();"),
        /throwing\.ts, line 4, column 9, in fail[^]*-->   4 \|   throw new Error/,
      );
    });

    it('JSON, typed, and loaded again when it changed', async () => {
      await file('data.json', '{ "rows": [1, 2] }');
      assert.equal(
        await value("import data from './data.json';\ndata.rows.map((row) => row + 1)"),
        '[ 2, 3 ]',
      );
      assert.match(await value('data.columns'), /Property 'columns' does not exist/);
      await file('data.json', '{ "rows": [5] }', 2);
      assert.equal(await value("import data from './data.json';\ndata.rows"), '[ 5 ]');
    });

    it('packages beside the notebook: CommonJS, ES modules, and ones that await; installed after the start', async () => {
      await file('node_modules/common/index.js', 'exports.named = 1; exports.other = () => 2;');
      await file(
        'node_modules/esm/package.json',
        '{ "name": "esm", "type": "module", "exports": { "import": "./main.js" } }',
      );
      await file(
        'node_modules/esm/main.js',
        'export const value = await Promise.resolve(3); export default "default";',
      );
      await file('node_modules/typed/index.js', 'module.exports = function typed(x) { return x + 1; };');
      await file(
        'node_modules/typed/index.d.ts',
        'declare function typed(x: number): number; export = typed;',
      );
      const execution = await run(
        "// @ts-ignore\nimport { named, other } from 'common';\n// @ts-ignore\nimport text, { value } from 'esm';\nimport typed from 'typed';\n[named, other(), text, value, typed(1)]",
      );
      assert.equal(shown(execution), "[ 1, 2, 'default', 3, 2 ]");
      assert.match(await value('typed("x")'), /TS2345/);
      assert.equal(await value('(await import("typed")).default(4)'), '5');
      assert.match(
        await value("import { x } from 'missing-package';"),
        /Cannot find module 'missing-package'/,
      );
    });

    it('what packages export for import, and by require what they export for that', async () => {
      await file(
        'node_modules/dual/package.json',
        '{ "name": "dual", "exports": { ".": { "import": "./i.mjs", "require": "./r.cjs" }, "./same": { "import": "./same.cjs" } } }',
      );
      await file('node_modules/dual/i.mjs', 'export const onlyEsm = 1; export default () => "esm";');
      await file(
        'node_modules/dual/i.d.mts',
        'export const onlyEsm: number; export default function f(): string;',
      );
      await file('node_modules/dual/r.cjs', 'module.exports = { legacy: "cjs" };');
      await file(
        'node_modules/dual/same.cjs',
        'const hidden = { found: 2 }; for (const key in hidden) exports[key] = hidden[key];',
      );
      await file(
        'dual.ts',
        "import * as all from 'dual';\nimport named, { onlyEsm } from 'dual';\nexport { default as again } from 'dual';\nexport const here = [named(), onlyEsm, Object.keys(all).sort(), require('dual').legacy];\nexport const main = named;",
      );
      const code = `import main, { onlyEsm } from 'dual';
        import * as all from 'dual';
        import { again, here, main as there } from './dual';
        // @ts-ignore
        import { found } from 'dual/same';
        // @ts-ignore
        import * as same from 'dual/same';
        [main(), onlyEsm, all.default === main, there === main, again === main, found, same.found, require('dual').legacy]`;
      assert.equal((await value(code)).replace(/\s+/g, ' '), "[ 'esm', 1, true, true, true, 2, 2, 'cjs' ]");
      assert.equal(await value('here.join(" ")'), "'esm 1 default,onlyEsm cjs'");
      assert.equal(await value('(await import("dual")).default === main'), 'true');
    });

    it('what packages export for Node, with its types', async () => {
      await file(
        'node_modules/forNode/package.json',
        '{ "name": "forNode", "exports": { "node": "./node.js", "browser": "./gone.js" } }',
      );
      await file('node_modules/forNode/node.js', 'exports.kind = "node";');
      await file('node_modules/forNode/node.d.ts', 'export declare const kind: "node";');
      assert.equal(await value("import { kind } from 'forNode';\nkind.toUpperCase()"), "'NODE'");
      assert.match(await value('kind.length.slice()'), /'slice' does not exist on type 'number'/);
    });

    it('what Node has, by name and by require', async () => {
      assert.equal(
        await value(
          "import fs, { existsSync } from 'node:fs';\nimport * as path from 'node:path';\n[typeof fs.readFileSync, existsSync(path.join('/'))]",
        ),
        "[ 'function', true ]",
      );
      assert.equal(await value('require("node:os").EOL'), "'\\n'");
      assert.equal(
        await value('[__dirname, import.meta.dirname].every((each) => each === process.cwd())'),
        'true',
      );
    });

    it('by the addresses that import.meta resolves, in cells and in modules', async () => {
      await file('node_modules/here/main.js', 'exports.a = 1;');
      await file('node_modules/here/package.json', '{ "name": "here", "main": "main.js" }');
      await file('deep/far.ts', 'export const far = (name: string): string => import.meta.resolve(name);');
      const code = `import { far } from './deep/far';
        const short = (url: string): string => url.replace(import.meta.resolve('./'), '');
        ['./a b.csv', 'here', 'fs', 'node:os', 'https://a.org/b'].flatMap((name) => [import.meta.resolve(name), far(name)]).map(short).join(' ')`;
      const [beside, far] = ['a%20b.csv', 'deep/a%20b.csv'];
      const others = ['node_modules/here/main.js', 'node:fs', 'node:os', 'https://a.org/b'];
      const found = [beside, far, ...others.flatMap((each) => [each, each])].join(' ');
      assert.equal(await value(code), `'${found}'`);
      assert.match(await value("import.meta.resolve('nowhere')"), /Cannot find module 'nowhere'/);
      assert.equal(
        await value("(await import(import.meta.resolve('./deep/far.ts'))).far('fs')"),
        "'node:fs'",
      );
    });
  });
});
