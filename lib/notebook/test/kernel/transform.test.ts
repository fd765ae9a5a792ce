/** What becomes of a cell's source, example by example. */
import assert from 'node:assert/strict';
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { completenessOf } from '../../src/kernel/language/completeness.js';
import { libraryOf } from '../../src/kernel/language/compilerOptions.js';
import { createLanguage, type Language } from '../../src/kernel/language/language.js';
import { readCell } from '../../src/kernel/server/magics.js';
import { toCodePoints, toUtf16 } from '../../src/kernel/server/codePoints.js';

describe('kernel: from cells to scripts', function () {
  this.timeout(180_000);
  let folder: string;
  let language: Language;
  let number = 0;
  before(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'kernel-transform-')));
    language = createLanguage(folder, fileURLToPath(import.meta.url));
  });
  after(() => rm(folder, { recursive: true }));

  const script = (source: string): string => {
    const { problems, cell } = language.compile(++number, source, 'error');
    assert.deepEqual(problems, []);
    language.settle(number);
    return cell!.js.trim();
  };

  for (const [what, source, expected] of [
    ['returns the last expression', '1 + 1', 'return [1 + 1];'],
    ['shares what it declares', 'const a: number = 1; let b;', '__scope.a = 1;\n__scope.b = void 0;'],
    [
      'hoists functions',
      'f();\nfunction f() { }',
      '__scope.f = f;\nreturn [(0, __scope.f)()];\nfunction f() { }',
    ],
    ['finds what earlier cells declared', 'a + 1', 'return [__scope.a + 1];'],
    ['leaves local names alone', '{ let a = 2; a; }', '{\n    let a = 2;\n    a;\n}'],
    ['and parameters', '((a: number) => a)', 'return [((a) => a)];'],
    ['and properties', 'const o = { a: 1 }; o.a', '__scope.o = { a: 1 };\nreturn [__scope.o.a];'],
    ['expands shorthand', '({ a })', 'return [({ a: __scope.a })];'],
    [
      'destructures',
      'const { p, q: [r = 1] = [] } = { p: 1, q: [2] };',
      '({ p: __scope.p, q: [__scope.r = 1] = [] } = { p: 1, q: [2] });',
    ],
    ['names functions', 'const arrow = () => a;', '__scope.arrow = ({ arrow: () => __scope.a }).arrow;'],
    [
      'shares var of blocks and loops',
      'for (var i = 0; i < 2; i++) { var j = i; }',
      'for (__scope.i = 0; __scope.i < 2; __scope.i++) {\n    __scope.j = __scope.i;\n}',
    ],
    ['erases types', 'interface I { x: number }\ntype T = I;\ndeclare const z: T;', ''],
    [
      'keeps classes’ own names inside',
      'class C { static made = new C(); }',
      'class C {\n    static made = new C();\n}\n__scope.C = C;',
    ],
    [
      'replaces import.meta and import()',
      'import.meta.url; await import("node:os")',
      '__cell.meta.url;\nreturn [await __cell.import("node:os")];',
    ],
    [
      'drops imports of types',
      "import type { Stats } from 'node:fs';\nimport { type Dirent } from 'node:fs';",
      '',
    ],
    [
      'loads the others first',
      "a;\nimport fs, { existsSync as has } from 'node:fs';",
      'const __m_1 = await __cell.load(\'node:fs\');\n__cell.bind("fs", __m_1, "default");\n__cell.bind("has", __m_1, "existsSync");\nreturn [__scope.a];',
    ],
    ['calls a function without a this', 'f?.()', 'return [(0, __scope.f)?.()];'],
    ['leaves out what has no name', 'export default function () { }\n1;', 'return [1];'],
    [
      'shares namespaces of namespaces that have values',
      'namespace N.Inner { export const n = 1; }\nnamespace T { export namespace Inner { export type U = 1; } }',
      'var N;\n(function (N) {\n    var Inner;\n    (function (Inner) {\n        Inner.n = 1;\n    })(Inner = N.Inner || (N.Inner = {}));\n})(N || (N = {}));\n__scope.N = N;',
    ],
    ['assigns in patterns', '[b] = [a, b];', 'return [[__scope.b] = [__scope.a, __scope.b]];'],
  ] as const)
    it(what, () => assert.equal(script(source), expected));

  it('underlines what is wrong where the user wrote it, also at the very end', () => {
    const { problems, cell } = language.compile(++number, 'const ok = 1;\nconst open = {', 'error');
    assert.equal(cell, undefined);
    assert.deepEqual(
      [problems[0]!.line, problems[0]!.code, problems[0]!.excerpt[0]],
      [2, 'TS1005', 'const open = {'],
    );
  });

  it('keeps what a cell adds to types of others, until another adds the same', () => {
    const problems = (source: string): string[] => {
      const found = language.compile(++number, source, 'error').problems.map(({ message }) => message);
      language.settle(number);
      return found;
    };
    const add = (type: string): string =>
      `declare global { interface String { shout: ${type}; loud: ${type} } }`;
    assert.deepEqual(problems(add('string')), []);
    assert.deepEqual(problems("declare module 'node:os' { const planet: 'earth'; }"), []);
    assert.deepEqual(problems("import { planet } from 'node:os';\n'a'.shout.length + planet.length"), []);
    assert.deepEqual(problems(add('() => string')), []);
    assert.deepEqual(problems("'a'.shout().length"), []);
  });

  it('says what cannot be assigned to as the reader wrote it', () => {
    script('const fixed = 1; enum Level { low } function twice() {} class Held {}');
    script("import { sep } from 'node:path'; sep");
    const code = 'fixed = 2; Level = 1; twice = 1; Held = 1; sep = 1;';
    const { problems } = language.compile(++number, code, 'error');
    assert.deepEqual(
      problems.map(({ message }) => message.replace("Cannot assign to '", '')),
      [
        "fixed' because it is a constant.",
        "Level' because it is an enum.",
        "twice' because it is a function.",
        "Held' because it is a class.",
        "sep' because it is an import.",
      ],
    );
  });

  it('keeps what a cell declared that ended while another ran, however that one ends', () => {
    const begin = (source: string): number => {
      assert.deepEqual(language.compile(++number, source, 'error').problems, []);
      return number;
    };
    const [first, second, third] = [begin('let early = 1, reached = 1;'), begin('let kept = 2;'), begin('let late = 3;')]; // prettier-ignore
    language.settle(second);
    language.settle(first, ['reached']);
    script('kept + late + reached');
    const problems = (source: string): string[] =>
      language.compile(++number, source, 'error').problems.map(({ message }) => message);
    assert.deepEqual(problems('early'), ["Cannot find name 'early'."]);
    language.settle(third, []);
    assert.deepEqual(problems('late'), ["Cannot find name 'late'."]);
    assert.deepEqual(problems('early'), ["Cannot find name 'early'."]);
    script('kept + reached');
  });

  it('checks nothing below @ts-nocheck', () => {
    const wrong = 'const wrong: number = "text";';
    assert.equal(language.compile(++number, `// a\n// @ts-nocheck\n${wrong}`, 'error').problems.length, 0);
    assert.equal(language.compile(++number, `${wrong}\n// @ts-nocheck`, 'error').problems.length, 1);
  });

  it('knows what this version of Node has', () => {
    assert.deepEqual(['20.19.0', '22.12.0', '24.0.0', '26.1.0'].map(libraryOf), [
      'lib.es2023.d.ts',
      'lib.es2024.d.ts',
      'lib.es2025.d.ts',
      'lib.es2025.d.ts',
    ]);
  });

  it('follows a tsconfig.json beside the notebook, and what it extends', async () => {
    const strict = await realpath(await mkdtemp(join(tmpdir(), 'kernel-strict-')));
    await writeFile(
      join(strict, 'base.json'),
      '{ "compilerOptions": { "strict": true, "experimentalDecorators": true } }',
    );
    await writeFile(
      join(strict, 'tsconfig.json'),
      '{ "extends": "./base.json", "compilerOptions": { "declaration": true, "emitDeclarationOnly": true } }',
    );
    await writeFile(join(strict, 'marked.ts'), 'const mark: any = () => {};\n@mark export class Marked {}');
    const code = 'const found = [1].find((n) => n > 1);\nfound.toFixed()';
    const checked = createLanguage(strict, fileURLToPath(import.meta.url));
    const { problems } = checked.compile(1, code, 'error');
    assert.match(problems[0]!.message, /'found' is possibly 'undefined'/);
    assert.match(checked.compile(2, '1 + 1', 'error').cell!.js, /return \[1 \+ 1\]/);
    const { cell } = checked.compile(3, "import { Marked } from './marked';\nMarked", 'error');
    assert.match(cell!.modules[0]!.js!, /__decorate\(/, 'local modules, too');
    assert.deepEqual(language.compile(++number, code, 'error').problems, []);
    language.settle(number);
    await rm(strict, { recursive: true });
  });

  it('shows no name of its own', () => {
    const { entries } = language.complete('', 0);
    assert.deepEqual(
      entries.filter(({ name }) => /__|Jupyter\.k/.test(name) && !/^__(dir|file)name$/.test(name)),
      [],
    );
    script('function ours() {}\nclass Ours {}\nconst ourArrow = () => 1;');
    const kinds = language.complete('our', 3).entries.map(({ name, kind }) => [name, kind]);
    assert.deepEqual(kinds, [
      ['ourArrow', 'function'],
      ['ours', 'function'],
      ['Ours', 'class'],
    ]);
  });

  it('reads documentation when it is asked for: of its own declarations, of Node’s, of cells and modules', async () => {
    await writeFile(join(folder, 'documented.ts'), '/** From a module. */\nexport class Far {\n  /** Its method. */\n  go(): void {}\n}\n'); // prettier-ignore
    script(
      "import { Far } from './documented';\nimport { readFile } from 'node:fs/promises';\n/** From a cell.\n * @param a what is taken */\nfunction near(a: number): number { return a; }",
    );
    const text = (source: string): string | undefined => language.inspect(source, source.length, 0)?.text;
    assert.match(text('near(')!, /From a cell\./);
    assert.match(text('Math.max')!, /max\(\.\.\.values: number\[\]\): number\n\nReturns the larger/);
    assert.match(text('readFile')!, /Asynchronously reads the entire contents/);
    assert.match(text('near')!, /From a cell\.\n\n@param a what is taken/);
    assert.match(text('Far')!, /From a module\./);
    assert.match(text('new Far().go')!, /Its method\./);
  });

  it('judges completeness', () => {
    const judge = (...sources: string[]) => sources.map((source) => completenessOf(source).status);
    assert.deepEqual(judge('1', 'a\n', '/x/', 'type A = 1', ''), Array(5).fill('complete'));
    assert.deepEqual(
      judge('(', 'if (a) {', 'a +', '`', '/*', 'f(a,', 'const x ='),
      Array(7).fill('incomplete'),
    );
    assert.deepEqual(judge(')', 'a b', "'x", 'const 1'), Array(4).fill('invalid'));
  });

  it('reads settings and questions, and keeps line numbers', () => {
    assert.deepEqual(readCell('%typecheck off\na'), { code: '              \na', typecheck: 'off' });
    assert.deepEqual(readCell(' tf.tensor?? '), { code: '', question: { name: 'tf.tensor', detail: 1 } });
    assert.deepEqual(readCell('a ? b : c'), { code: 'a ? b : c' });
    for (const unknown of ['%typecheck maybe', '%%html'])
      assert.deepEqual(readCell(`\n${unknown}\n1`), { code: `\n${unknown}\n1`, unknown });
    assert.deepEqual(readCell('7\n% 4'), { code: '7\n% 4' });
  });

  it('counts characters', () => {
    assert.deepEqual([toUtf16('a😀b', 2), toCodePoints('a😀b', 3), toUtf16('ab', 9)], [3, 2, 2]);
  });
});
