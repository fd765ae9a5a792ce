/** Positions in a text: the protocol counts Unicode characters, JavaScript counts UTF-16 units. */

/** The UTF-16 position after `count` characters of `text`. */
export function toUtf16(text: string, count: number): number {
  let position = 0;
  for (let i = 0; i < count && position < text.length; i++)
    position += text.codePointAt(position)! > 0xffff ? 2 : 1;
  return position;
}

/** The number of characters before the UTF-16 `position` of `text`. */
export const toCodePoints = (text: string, position: number): number => [...text.slice(0, position)].length;
