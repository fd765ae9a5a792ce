/**
 * Runs by their fields: a nested configuration as flat names and values, conditions on them, and tables as
 * CSV.
 */
import { check } from 'oabn-base';

/** Path, with dots → a value that is not an object. */
export type Fields = Readonly<Record<string, unknown>>;

/** The leaves of a value by their paths: `{ training: { seed: 1 } }` → `{ 'training.seed': 1 }`. */
export function fieldsOf(value: unknown, path = ''): Fields {
  if (typeof value !== 'object' || value === null) return path === '' ? {} : { [path]: value };
  return Object.assign(
    {},
    ...Object.entries(value).map(([name, member]) =>
      fieldsOf(member, path === '' ? name : `${path}.${name}`),
    ),
  ) as Fields;
}

/** A condition on the fields of a run, such as `bits<=4`. */
export interface Condition {
  /** The condition as it was written. */
  readonly text: string;
  /** Whether a run with these fields meets the condition. */
  holds(fields: Fields): boolean;
}

/**
 * A condition such as `training.seed=1`, `kind!=ptq`, `arch.oabn.threshold<=0.5` or `title~QAT` (contains).
 * Where no field has exactly that name, it may be the end of a path (`seed=1`); the condition then holds if
 * it holds for one of the paths. A missing field is not equal to anything.
 * @throws UserError when `text` is not a condition
 */
export function parseCondition(text: string): Condition {
  const [, name, operator, wanted] = /^\s*([\w.-]+)\s*(!=|<=|>=|=|<|>|~)\s*(.*?)\s*$/.exec(text) ?? [];
  check(
    name !== undefined && operator !== undefined && wanted !== undefined,
    () => `A condition is field=value, with =, !=, <, <=, >, >= or ~ (contains); got ${JSON.stringify(text)}`,
  );
  const number = wanted === '' ? NaN : Number(wanted);
  check(
    !/[<>]/.test(operator) || !Number.isNaN(number),
    () => `${operator} compares numbers, got ${JSON.stringify(wanted)} in ${JSON.stringify(text)}`,
  );
  const equal = (value: unknown): boolean =>
    typeof value === 'number' ? value === number : String(value) === wanted;
  const compare = (value: unknown): boolean => {
    switch (operator) {
      case '=':
        return equal(value);
      case '~':
        return String(value).includes(wanted);
      case '<':
        return typeof value === 'number' && value < number;
      case '<=':
        return typeof value === 'number' && value <= number;
      case '>':
        return typeof value === 'number' && value > number;
      default:
        return typeof value === 'number' && value >= number;
    }
  };
  const valuesIn = (fields: Fields): unknown[] => {
    if (Object.hasOwn(fields, name)) return [fields[name]];
    return Object.entries(fields).flatMap(([path, value]) => (path.endsWith(`.${name}`) ? [value] : []));
  };
  return {
    text,
    holds: (fields) => (operator === '!=' ? !valuesIn(fields).some(equal) : valuesIn(fields).some(compare)),
  };
}

/**
 * Rows as CSV (RFC 4180), with a column for every name that any row has, in the order in which they first
 * occur.
 */
export function csvText(rows: readonly Fields[]): string {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cell = (value: unknown): string => {
    const text = value === undefined || value === null ? '' : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [names, ...rows.map((row) => names.map((name) => row[name]))]
    .map((cells) => `${cells.map(cell).join(',')}\r\n`)
    .join('');
}
