import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Folder in lib → package, from the top down: a package may import only from those before it. */
const packages = {
  base: 'oabn-base',
  tensor: 'tfjs-native',
  runs: 'provable-runs',
  oabn: 'oabn',
  notebook: 'tslab-kernel',
  paper: 'oabn-paper',
} as const;
type Folder = keyof typeof packages;
const order = Object.keys(packages) as Folder[];

/** The rooms of a package in the same order; rooms that are not listed are checked by packages alone. */
const rooms: Partial<Record<Folder, readonly string[]>> = {
  tensor: ['engines', 'ops', 'trace', 'onnx', 'webgpu'],
  oabn: ['custom', 'data', 'model', 'merge', 'family', 'quantize', 'doctor', 'train', 'experiment', 'cli'],
  paper: ['profiles', 'models', 'statistics', 'claims', 'studies', 'figures', 'report', 'cli'],
};

const lib = fileURLToPath(new URL('../../', import.meta.url));

interface Import {
  readonly folder: Folder;
  /** In the package's `src`. */
  readonly file: string;
  readonly specifier: string;
}

/**
 * The modules that a file names: at the end of a statement that imports or exports, or in a dynamic import.
 */
const importing = /(?:^(?:import|export)\b[^;]*?from |^import |\bimport\()'([^']+)'/gm;

function importsOf(folder: Folder): Import[] {
  const source = join(lib, folder, 'src');
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  return files.flatMap((file) =>
    [...readFileSync(join(source, file), 'utf8').matchAll(importing)].map((match) => ({
      folder,
      file,
      specifier: match[1]!,
    })),
  );
}

const ownPackage = (specifier: string): Folder | undefined =>
  order.find((folder) => specifier === packages[folder] || specifier.startsWith(`${packages[folder]}/`));

const all = order.flatMap(importsOf);

/** Relative imports between two rooms of one package, by their rooms and the path in `src`. */
function betweenRooms(folder: Folder) {
  const known = rooms[folder] ?? [];
  const source = join(lib, folder, 'src');
  return all
    .filter((each) => each.folder === folder && each.specifier.startsWith('.'))
    .map(({ file, specifier }) => {
      const path = relative(source, join(source, file, '..', specifier));
      return { file, path, from: file.split('/')[0]!, to: path.split('/')[0]! };
    })
    .filter(({ from, to }) => from !== to && known.includes(from) && known.includes(to));
}

/**
 * Files of a package that import one another in a circle, each circle from its first file in the alphabet on.
 */
function circles(folder: Folder): string[] {
  const source = join(lib, folder, 'src');
  const targets = new Map<string, string[]>();
  for (const { folder: from, file, specifier } of all) {
    if (from !== folder || !specifier.startsWith('.')) continue;
    const target = relative(source, join(source, file, '..', specifier)).replace(/\.js$/, '.ts');
    targets.set(file, [...(targets.get(file) ?? []), target]);
  }
  const found = new Set<string>();
  const finished = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) {
      const circle = path.slice(path.indexOf(file));
      const first = circle.indexOf([...circle].sort()[0]!);
      found.add([...circle.slice(first), ...circle.slice(0, first)].join(' → '));
      return;
    }
    if (finished.has(file)) return;
    (targets.get(file) ?? []).forEach((target) => visit(target, [...path, file]));
    finished.add(file);
  };
  [...targets.keys()].sort().forEach((file) => visit(file, []));
  return [...found];
}

describe('packages and rooms', () => {
  it('a package imports only from those above it', () => {
    const wrong = all.filter(({ folder, specifier }) => {
      const to = ownPackage(specifier);
      return to !== undefined && order.indexOf(to) >= order.indexOf(folder);
    });
    assert.deepEqual(wrong, []);
  });

  it('tensor, runs and notebook know nothing of networks and of the paper', () => {
    const wrong = all.filter(({ folder, specifier }) => {
      const to = ownPackage(specifier);
      return ['tensor', 'runs', 'notebook'].includes(folder) && to !== undefined && to !== 'base';
    });
    assert.deepEqual(wrong, []);
  });

  it('no package reaches into the files of another', () => {
    const outside = all.filter(
      ({ folder, file, specifier }) =>
        specifier.startsWith('.') && join(folder, 'src', file, '..', specifier).split('/')[0] !== folder,
    );
    assert.deepEqual(outside, []);
  });

  for (const folder of order) {
    it(`no files of ${folder} import one another in a circle`, () => assert.deepEqual(circles(folder), []));
  }

  for (const folder of Object.keys(rooms) as Folder[]) {
    it(`rooms of ${folder} import only from rooms above them, by their index`, () => {
      const imports = betweenRooms(folder);
      assert.ok(imports.length > 5);
      const index = (room: string): number => rooms[folder]!.indexOf(room);
      assert.deepEqual(
        imports.filter(({ from, to, path }) => index(to) > index(from) || path !== `${to}/index.js`),
        [],
      );
    });
  }
});
