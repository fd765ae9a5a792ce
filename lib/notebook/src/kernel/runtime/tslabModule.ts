/**
 * `import * as tslab from 'tslab'` in a cell: what tslab offers its cells, so that its notebooks run here as
 * they are.
 */
import { randomUUID } from 'node:crypto';
import type { Bundle } from '../threads.js';

type Show = (bundle: Bundle, id?: string, update?: boolean) => void;

const types = {
  javascript: 'text/javascript',
  html: 'text/html',
  markdown: 'text/markdown',
  latex: 'text/latex',
  svg: 'image/svg+xml',
  png: 'image/png',
  jpeg: 'image/jpeg',
  gif: 'image/gif',
  pdf: 'application/pdf',
  text: 'text/plain',
} as const;

function createDisplay(show: (bundle: Bundle) => void): Record<string, unknown> {
  const raw = (type: string, content: string | Uint8Array): void =>
    show({ [type]: typeof content === 'string' ? content : Buffer.from(content).toString('base64') });
  const methods = Object.entries(types).map(([name, type]) => [
    name,
    (content: string | Uint8Array) => raw(type, content),
  ]);
  return { ...Object.fromEntries(methods), raw };
}

/** The module, whose displays go to `show`. */
export function tslabModule(
  show: Show,
  versions: { kernel: string; typescript: string; node: string },
): object {
  return {
    __esModule: true,
    versions: { tslab: versions.kernel, typescript: versions.typescript, node: versions.node },
    display: createDisplay((bundle) => show(bundle)),
    newDisplay() {
      const id = randomUUID();
      let shown = false;
      return createDisplay((bundle) => {
        show(bundle, id, shown);
        shown = true;
      });
    },
  };
}
