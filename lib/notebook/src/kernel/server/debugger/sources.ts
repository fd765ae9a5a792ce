/**
 * The files that a debugger shows: cells, named by a hash of their text as clients name them too, and local
 * modules. Each has the script that V8 runs for it and the source map between the two.
 */
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { cellFileName, cellOffset, moduleOffset } from '../../cellScript.js';
import type { CompiledCell } from '../../language/language.js';
import { addSource } from '../../runtime/stackTraces.js';
import { mappingsOf, placeOfLine } from './mappings.js';
import { murmur2 } from './murmur2.js';

/** How clients name a cell's file by themselves. */
export const cellFiles = {
  hashMethod: 'Murmur2',
  hashSeed: 0xc70f6907,
  // JupyterLab writes «Cell [3]» in place of such a path only where it contains «ipykernel_».
  tmpFilePrefix: join(tmpdir(), `typescript_ipykernel_${process.pid}`, '/'),
  tmpFileSuffix: '.ts',
} as const;

/** The file of a cell with this text. */
export const cellFileOf = (code: string): string =>
  `${cellFiles.tmpFilePrefix}${murmur2(code, cellFiles.hashSeed)}${cellFiles.tmpFileSuffix}`;

/** Where to stop in V8's terms, and on which line of the file that is. */
export interface Stop {
  readonly url: string;
  readonly lineNumber: number;
  readonly columnNumber: number;
  readonly line: number;
}

export interface Sources {
  /** Registers a cell and the modules that it imports; returns the files whose scripts are new. */
  add(code: string, cell: CompiledCell): string[];
  /** Whether a script of `path` is known. */
  has(path: string): boolean;
  /** The first place at or after `line`, from 1, of the file at which V8 can stop. */
  stopAt(path: string, line: number): Stop | undefined;
  /** The file behind V8's name of a script. */
  pathOf(url: string): string;
  /** The local modules that cells have imported. */
  modules(): string[];
  /** The text of a file. @throws when there is none */
  textOf(path: string): string;
}

interface Known {
  readonly url: string;
  readonly map: string;
  readonly source: string;
  readonly indent: number;
  readonly lead: number;
}

export function createSources(): Sources {
  const known = new Map<string, Known>();
  const paths = new Map<string, string>();
  return {
    add(code, { number, map, source, modules }) {
      const [url, path] = [cellFileName(number), cellFileOf(code)];
      known.set(path, { url, map, source: code, ...cellOffset });
      paths.set(url, path);
      addSource(url, { name: 'Cell', source, map, ...cellOffset });
      const changed = modules.flatMap(({ path: file, map: its, source: text = '' }) => {
        if (!its) return [];
        const place = pathToFileURL(file).href; // as the inspector names a script whose name is a path
        known.set(file, { url: place, map: its, source: text, ...moduleOffset });
        paths.set(place, file);
        addSource(place, { name: file, source: text, map: its, ...moduleOffset });
        return [file];
      });
      return [path, ...changed];
    },
    has: (path) => known.has(path),
    stopAt(path, line) {
      const file = known.get(path);
      const place = file && placeOfLine(mappingsOf(file.map), line - 1 + file.lead);
      return (
        place && {
          url: file.url,
          lineNumber: place.line,
          columnNumber: place.column + (place.line === 0 ? file.indent : 0),
          line: place.originalLine + 1 - file.lead,
        }
      );
    },
    pathOf: (url) => paths.get(url) ?? url,
    modules: () => [...paths.values()].filter((path) => !path.startsWith(cellFiles.tmpFilePrefix)),
    textOf: (path) => known.get(path)?.source ?? readFileSync(path, 'utf8'),
  };
}
