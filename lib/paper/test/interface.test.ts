/**
 * What a user learns is a list, and it is kept: the names that the packages export at their roots, as
 * `interface.json` has them. Whoever adds or removes one says why in CHANGELOG.md and writes the list anew:
 *
 *     OABN_UPDATE=1 npx mocha lib/paper/test/interface.test.ts
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import ts from 'typescript';

const packages = {
  oabn: '../../oabn/',
  'tfjs-native': '../../tensor/',
  'provable-runs': '../../runs/',
  'tslab-kernel': '../../notebook/',
} as const;
type Package = keyof typeof packages;
const names = Object.keys(packages) as Package[];

const kept = new URL('interface.json', import.meta.url);
const manifestOf = (name: Package): { exports: Record<string, unknown> } =>
  JSON.parse(readFileSync(new URL(`${packages[name]}package.json`, import.meta.url), 'utf8')) as never;

interface Exported {
  readonly name: string;
  readonly isType: boolean;
}

/**
 * The names after `export` in a package's index. @throws AssertionError for `export *`, which names nothing
 */
function exportsOf(name: Package): Exported[] {
  const text = readFileSync(new URL(`${packages[name]}src/index.ts`, import.meta.url), 'utf8');
  const { statements } = ts.createSourceFile('index.ts', text, ts.ScriptTarget.Latest);
  return statements.flatMap((statement) => {
    assert.ok(ts.isExportDeclaration(statement), `${name}: index.ts is nothing but its list of exports`);
    const { exportClause, isTypeOnly } = statement;
    assert.ok(exportClause && ts.isNamedExports(exportClause), `${name}: every export has its name`);
    return exportClause.elements.map((each) => ({
      name: each.name.text,
      isType: isTypeOnly || each.isTypeOnly,
    }));
  });
}

describe('the interface', () => {
  it('has the names that are kept', () => {
    const found = Object.fromEntries(
      names.map((name) => [
        name,
        exportsOf(name)
          .map((each) => each.name)
          .sort(),
      ]),
    );
    if (process.env.OABN_UPDATE) writeFileSync(kept, `${JSON.stringify(found, null, 2)}\n`);
    assert.deepEqual(
      found,
      JSON.parse(readFileSync(kept, 'utf8')),
      'exports changed: say why in CHANGELOG.md, and write the list anew (head of this file)',
    );
  });

  it('can be learned in an hour', () => assert.ok(exportsOf('oabn').length <= 100));

  for (const name of names)
    it(`of ${name} is there at run time`, async () => {
      const values = exportsOf(name).filter(({ isType }) => !isType);
      const found = Object.keys((await import(name)) as object).sort();
      assert.deepEqual(found, values.map((each) => each.name).sort());
    });

  it('leaves no room unreachable', () => {
    const { exports } = manifestOf('oabn');
    for (const room of 'custom data model merge family quantize doctor train experiment'.split(' '))
      assert.ok(`./${room}` in exports, `oabn/${room}`);
  });
});
