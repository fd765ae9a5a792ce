/**
 * Breakpoints by file. A client sets them for a cell before it has run, when V8 has no script for it: they
 * are kept, and bound to the script as soon as there is one.
 */
import type { Bundle } from '../../threads.js';
import type { Inspector } from './inspector.js';
import type { Sources } from './sources.js';

/** A breakpoint as the client wants it; `line` counts from 1. */
export interface SourceBreakpoint {
  readonly line: number;
  readonly condition?: string;
}

export interface Breakpoints {
  /** Replaces those of a file; resolves to each in the form of the Debug Adapter Protocol. */
  replace(path: string, wanted: readonly SourceBreakpoint[], inspector: Inspector): Promise<Bundle[]>;
  /** Sets those of a file in its newest script, if it has any. */
  rebind(path: string, inspector: Inspector): Promise<void>;
  /** All of them, in the form of `debugInfo`. */
  list(): Bundle[];
  clear(): void;
}

export function createBreakpoints(sources: Sources): Breakpoints {
  const breakpoints = new Map<string, readonly SourceBreakpoint[]>();
  /** The inspector's names of what is set, by file. */
  const set = new Map<string, string[]>();

  const bind = async (path: string, inspector: Inspector): Promise<Bundle[]> => {
    for (const breakpointId of set.get(path) ?? [])
      await inspector.post('Debugger.removeBreakpoint', { breakpointId }).catch(() => undefined);
    set.delete(path);
    const wanted = breakpoints.get(path) ?? [];
    if (!sources.has(path)) return wanted.map(({ line }) => ({ verified: true, line, source: { path } }));
    const bound: Bundle[] = [];
    for (const { line, condition } of wanted) {
      const stop = sources.stopAt(path, line);
      if (!stop) {
        bound.push({ verified: false, line, message: 'There is nothing to stop at', source: { path } });
        continue;
      }
      const { url, lineNumber, columnNumber } = stop;
      const { breakpointId } = await inspector.post<{ breakpointId: string }>('Debugger.setBreakpointByUrl', {
        url,
        lineNumber,
        columnNumber,
        ...(condition && { condition }),
      });
      set.set(path, [...(set.get(path) ?? []), breakpointId]);
      bound.push({ verified: true, line: stop.line, source: { path } });
    }
    return bound;
  };

  return {
    replace(path, wanted, inspector) {
      if (wanted.length > 0) breakpoints.set(path, wanted);
      else breakpoints.delete(path);
      return bind(path, inspector);
    },
    async rebind(path, inspector) {
      if (breakpoints.has(path)) await bind(path, inspector);
    },
    list: () => [...breakpoints].map(([source, lines]) => ({ source, breakpoints: lines })),
    clear() {
      breakpoints.clear();
      set.clear();
    },
  };
}
