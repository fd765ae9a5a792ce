/** A cell from its start to its outcome: what it shows or throws, and what it had set if it did not reach its end. */
import type { CompiledCell } from '../language/language.js';
import type { Bundle, Outcome } from '../threads.js';
import type { StartCell } from './startCell.js';
import type { Context } from './context.js';
import { jsonOf } from './output.js';
import type { RunningCell } from './runningCell.js';
import { thrownError } from './thrownErrors.js';
import { bundleOf, displayMethod, isFigure } from './values.js';

export interface RunCellOptions {
  readonly context: Context<RunningCell>;
  readonly start: StartCell;
  /** What cells have declared. */
  readonly variables: Readonly<Record<string, unknown>>;
}

/** Runs `cell` as `current`. */
export async function runCell(
  cell: CompiledCell,
  count: number,
  current: RunningCell,
  { context, start, variables }: RunCellOptions,
): Promise<Outcome> {
  const before = new Map(
    cell.values.map((name) => [name, { was: name in variables, value: variables[name] }]),
  );
  try {
    // In its own job, because a terminated loop takes everything on the stack with it; not in one of Node's
    // immediates, which would take their list with it (immediates.ts).
    const finished = new Promise<Bundle | undefined>((resolve, reject) =>
      setImmediate(() =>
        context.run(current, () =>
          start(cell, count)
            .then((result) =>
              result === undefined || result[0] === undefined ? undefined : resultOf(result[0]),
            )
            .then(resolve, reject),
        ),
      ),
    );
    const result = await Promise.race([finished, current.interrupted]);
    const data = result && jsonOf(result);
    const isShown = data && Object.keys(data).length > 0;
    return { status: 'ok', ...(isShown && { data, metadata: {} }) };
  } catch (error) {
    const set = cell.values.filter((name) => {
      const { was, value } = before.get(name)!;
      return name in variables && (!was || variables[name] !== value);
    });
    return { status: 'error', error: thrownError(error), set };
  }
}

/** What a cell shows for its last value. A figure goes through `show`, which brings Plotly to the page. */
async function resultOf(value: unknown): Promise<Bundle> {
  if (!isFigure(value) || displayMethod in value) return bundleOf(value);
  const { show } = await import('../../display/show.js');
  await show(value);
  return {};
}
