/**
 * How a value is displayed: by the method `Symbol.for('Jupyter.display')`, which returns a MIME bundle (the
 * convention of Deno's kernel too), an empty one for nothing at all; plain data as its package has registered
 * (`registerDisplay`); a tensor by its values, rows and DataFrames as tables, a figure of Plotly and the
 * bytes of a picture as pictures; anything else as Node's text for it, without colours.
 */
import { inspect } from 'node:util';
import { isUint8Array } from 'node:util/types';
import { isSummary, shownBy } from 'oabn-base';
import type { Figure } from '../../display/style.js';
import { isDataFrame, isTable, summaryBundle, tableBundle } from '../../display/summary.js';
import type { Bundle } from '../threads.js';
import { isTensor, tensorText } from './tensors.js';

export const displayMethod = Symbol.for('Jupyter.display');

/** `test`, where a value that does not let itself be looked at, by a getter or as a proxy, does not pass. */
const unlessItThrows =
  <T>(test: (value: unknown) => value is T) =>
  (value: unknown): value is T => {
    try {
      return test(value);
    } catch {
      return false;
    }
  };

/** A figure as Plotly has it: traces and a layout. */
export const isFigure = unlessItThrows((value: unknown): value is Figure => {
  const { data, layout } = (value ?? {}) as { data?: unknown; layout?: unknown };
  return Array.isArray(data) && typeof layout === 'object' && layout !== null;
});

type Showable = { [displayMethod](): Bundle | undefined | Promise<Bundle | undefined> };

const isShowable = unlessItThrows(
  (value: unknown): value is Showable =>
    ((typeof value === 'object' && value !== null) || typeof value === 'function') &&
    typeof (value as Partial<Showable>)[displayMethod] === 'function',
);

const isShownAsTensor = unlessItThrows(isTensor);
const isShownAsTable = unlessItThrows(
  (value: unknown): value is Parameters<typeof tableBundle>[0] => isDataFrame(value) || isTable(value),
);

/** The MIME bundle of `value`; a promise only if the value's own method returns one. */
export function bundleOf(value: unknown): Bundle | Promise<Bundle> {
  if (isShowable(value)) {
    const own = value[displayMethod]();
    if (own instanceof Promise) return own.then((bundle) => withText(bundle, value));
    return withText(own as Bundle | undefined, value);
  }
  if (isShownAsTensor(value)) return tensorText(value).then((text) => ({ 'text/plain': text }));
  if (isFigure(value))
    return import('../../display/figure.js').then(({ figureBundle }) => figureBundle(value));
  const shown = shownBy(value);
  if (shown) return isSummary(shown) ? summaryBundle(shown) : withText(shown, value);
  if (isShownAsTable(value)) return tableBundle(value);
  const picture = isUint8Array(value) ? pictureType(value) : undefined;
  if (picture)
    return {
      [picture]: Buffer.from(value as Uint8Array).toString('base64'),
      'text/plain': `[${picture}, ${(value as Uint8Array).length} bytes]`,
    };
  return { 'text/plain': textOf(value) };
}

const withText = (bundle: Bundle | undefined, value: unknown): Bundle =>
  // A proxy may answer to any name, with anything.
  typeof bundle !== 'object' || bundle === null
    ? { 'text/plain': textOf(value) }
    : 'text/plain' in bundle || Object.keys(bundle).length === 0
      ? bundle
      : { ...bundle, 'text/plain': `[${value?.constructor?.name ?? typeof value}]` };

const textOf = (value: unknown): string => inspect(value, { colors: false, depth: 4, maxArrayLength: 100 });

/** The MIME type of a picture, from its first bytes. */
function pictureType(bytes: Uint8Array): string | undefined {
  const head = Buffer.from(bytes.subarray(0, 12)).toString('latin1');
  if (head.startsWith('\x89PNG\r\n')) return 'image/png';
  if (head.startsWith('\xff\xd8\xff')) return 'image/jpeg';
  if (head.startsWith('GIF8')) return 'image/gif';
  if (head.startsWith('RIFF') && head.endsWith('WEBP')) return 'image/webp';
  return undefined;
}
