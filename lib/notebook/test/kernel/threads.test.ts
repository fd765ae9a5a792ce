/**
 * What each thread of the kernel loads: TypeScript takes half a second, which only the language thread
 * spends.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const source = (path: string): string => fileURLToPath(new URL(`../../src/kernel/${path}`, import.meta.url));

/** The files and packages that `file` loads, by its imports of values. */
function loaded(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  const imports = /^(?:import|export)\b(?! type\b)[^;]*?(?:from |require\()'([^']+)'/gm;
  for (const [, specifier] of readFileSync(file, 'utf8').matchAll(imports)) {
    if (specifier!.startsWith('.'))
      loaded(fileURLToPath(new URL(specifier!.replace(/\.js$/, '.ts'), `file://${file}`)), found);
    else found.add(specifier!);
  }
  return found;
}

describe('kernel: its threads', () => {
  it('load TypeScript where it is needed, and nowhere else', () => {
    assert.ok(loaded(source('language/language.ts')).has('typescript'));
    for (const thread of ['server/thread.ts', 'runtime/runtime.ts', 'main.ts'])
      assert.ok(!loaded(source(thread)).has('typescript'), thread);
  });
});
