import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** From the bottom up: a room may import only from those before it. */
const rooms = [
  'base',
  'backend',
  'compile',
  'data',
  'model',
  'merge',
  'quantize',
  'train',
  'experiment',
  'report',
  'notebook',
  'cli',
];
const source = fileURLToPath(new URL('../lib/src', import.meta.url));

interface Import {
  readonly file: string;
  readonly from: string;
  readonly to: string;
  readonly path: string;
}

function importsBetweenRooms(): Import[] {
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  return files.flatMap((name) => {
    const file = join(source, name);
    const from = name.split('/')[0]!;
    const paths = [...readFileSync(file, 'utf8').matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].map(
      (match) => match[1]!,
    );
    return paths.flatMap((path) => {
      const inside = relative(source, join(file, '..', path));
      const to = inside.split('/')[0]!;
      return to !== from && rooms.includes(from) && rooms.includes(to)
        ? [{ file: name, from, to, path: inside }]
        : [];
    });
  });
}

describe('rooms', () => {
  it('import only from rooms above them', () => {
    const imports = importsBetweenRooms();
    assert.ok(imports.length > 50);
    const wrong = imports.filter(({ from, to }) => rooms.indexOf(to) > rooms.indexOf(from));
    assert.deepEqual(wrong, []);
  });

  it('import other rooms by their index alone', () => {
    const deep = importsBetweenRooms().filter(({ to, path }) => path !== `${to}/index.js`);
    assert.deepEqual(deep, []);
  });
});
