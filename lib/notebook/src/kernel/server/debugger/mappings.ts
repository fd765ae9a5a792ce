/**
 * From a line that the reader wrote to its place in the compiled script: a source map read in the other
 * direction.
 */

/** A place of the script that stands for a place of the source; all from 0. */
export interface Mapping {
  readonly line: number;
  readonly column: number;
  readonly originalLine: number;
}

const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/**
 * The numbers of a segment: base 64, five bits a digit, the lowest bit of a number its sign (source maps,
 * revision 3).
 */
function numbersOf(segment: string): number[] {
  const numbers: number[] = [];
  let [value, shift] = [0, 0];
  for (const digit of segment) {
    const bits = digits.indexOf(digit);
    value |= (bits & 31) << shift;
    shift += 5;
    if (bits & 32) continue;
    numbers.push(value & 1 ? -(value >>> 1) : value >>> 1);
    [value, shift] = [0, 0];
  }
  return numbers;
}

/** The mappings of a source map of one source, in the order of the script. */
export function mappingsOf(map: string): Mapping[] {
  const { mappings } = JSON.parse(map) as { mappings: string };
  let originalLine = 0;
  return mappings.split(';').flatMap((text, line) => {
    let column = 0;
    return text.split(',').flatMap((segment) => {
      const [columnStep = 0, , lineStep] = numbersOf(segment);
      column += columnStep;
      if (lineStep === undefined) return [];
      originalLine += lineStep;
      return [{ line, column, originalLine }];
    });
  });
}

/**
 * The first place of the script that stands for `line` of the source, or for the next line after it that has
 * one.
 */
export function placeOfLine(mappings: readonly Mapping[], line: number): Mapping | undefined {
  const lines = mappings.map(({ originalLine }) => originalLine).filter((original) => original >= line);
  const wanted = Math.min(...lines);
  return mappings.find(({ originalLine }) => originalLine === wanted);
}
