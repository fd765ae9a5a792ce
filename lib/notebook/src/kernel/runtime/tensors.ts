/**
 * A tensor of TensorFlow.js as text: its type and shape, then its values in rows and blocks, with the middle
 * left out where there are many, as PyTorch prints. A tensor is recognized by its members, so that the kernel
 * needs no tfjs.
 */
import { inspect } from 'node:util';

export interface TensorLike {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly isDisposed: boolean;
  data(): Promise<ArrayLike<unknown>>;
  dataSync(): ArrayLike<unknown>;
}

export const isTensor = (value: unknown): value is TensorLike => {
  const { shape, dtype, isDisposed, data } = (value ?? {}) as Partial<TensorLike>;
  return (
    Array.isArray(shape) &&
    typeof dtype === 'string' &&
    typeof isDisposed === 'boolean' &&
    typeof data === 'function'
  );
};

/** Values above which the middle of each dimension is left out, and how many stay at each of its ends. */
const [mostValues, edge] = [1000, 3];

/** `Tensor [2, 2] float32` and the values below. */
export async function tensorText(tensor: TensorLike): Promise<string> {
  return tensor.isDisposed ? headOf(tensor) : textOf(tensor, await tensor.data());
}

/**
 * Makes `inspect`, and with it `console.log` and a list of tensors, print the tensors of a package of tfjs as
 * a cell shows them. On a GPU that is not read while others wait, only the head.
 */
export function printTensors(exports: unknown): void {
  const { Tensor, tf, default: main } = (exports ?? {}) as Record<string, { Tensor?: unknown } | undefined>;
  for (const type of [Tensor, tf?.Tensor, main?.Tensor]) {
    const prototype = (type as { prototype?: object } | undefined)?.prototype;
    if (!prototype || !('dataSync' in prototype) || Object.hasOwn(prototype, inspect.custom)) continue;
    Object.defineProperty(prototype, inspect.custom, { value: printed, configurable: true });
  }
}

function printed(this: TensorLike): string {
  try {
    return this.isDisposed ? headOf(this) : textOf(this, this.dataSync());
  } catch {
    return headOf(this);
  }
}

const headOf = ({ shape, dtype, isDisposed }: TensorLike): string =>
  `Tensor [${shape.join(', ')}] ${dtype}${isDisposed ? ', disposed' : ''}`;

const textOf = (tensor: TensorLike, values: ArrayLike<unknown>): string =>
  `${headOf(tensor)}\n${valuesText(values, tensor.shape, tensor.dtype === 'complex64')}`;

/**
 * `values` in the order of rows, as nested lists of `shape`; of complex numbers, real and imaginary parts in
 * turn, as tfjs has them.
 */
export function valuesText(values: ArrayLike<unknown>, shape: readonly number[], isComplex = false): string {
  const size = shape.reduce((product, length) => product * length, 1);
  const indices = (length: number): (number | '…')[] =>
    size > mostValues && length > 2 * edge + 1
      ? [...range(0, edge), '…', ...range(length - edge, length)]
      : range(0, length);

  const shown: number[] = [];
  const collect = (axis: number, offset: number): void => {
    if (axis === shape.length) shown.push(offset);
    else for (const i of indices(shape[axis]!)) if (i !== '…') collect(axis + 1, offset * shape[axis]! + i);
  };
  collect(0, 0);
  const numbersAt = (i: number): unknown[] => (isComplex ? [values[2 * i], values[2 * i + 1]] : [values[i]]);
  const format = numberFormat(shown.flatMap(numbersAt));
  const texts = new Map(shown.map((i) => [i, numberText(numbersAt(i), format)]));
  const width = Math.max(0, ...[...texts.values()].map(({ length }) => length));

  const block = (axis: number, offset: number): string => {
    if (axis === shape.length) return texts.get(offset)!.padStart(width);
    const parts = indices(shape[axis]!).map((i) =>
      i === '…' ? '…' : block(axis + 1, offset * shape[axis]! + i),
    );
    const inner = shape.length - axis - 1;
    const separator = inner === 0 ? ', ' : `,${'\n'.repeat(inner)}${' '.repeat(axis + 1)}`;
    return `[${parts.join(separator)}]`;
  };
  return block(0, 0);
}

function numberText([value, imaginary]: readonly unknown[], format: (value: unknown) => string): string {
  if (imaginary === undefined) return format(value);
  return `${format(value)} ${Number(imaginary) < 0 ? '−' : '+'} ${format(Math.abs(Number(imaginary)))}i`;
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

/**
 * One format for all: whole numbers as they are, others with four digits, and in powers of ten if they lie
 * far apart.
 */
function numberFormat(values: readonly unknown[]): (value: unknown) => string {
  const numbers = values.filter(
    (value): value is number => typeof value === 'number' && Number.isFinite(value),
  );
  if (numbers.every(Number.isInteger)) return String;
  const sizes = numbers.filter((value) => value !== 0).map(Math.abs);
  const [least, most] = [Math.min(...sizes), Math.max(...sizes)];
  const scientific = most >= 1e8 || least < 1e-4 || most / least > 1e6;
  return (value) =>
    typeof value !== 'number' || !Number.isFinite(value)
      ? String(value)
      : scientific
        ? value.toExponential(4)
        : value.toFixed(4);
}
