/**
 * JSON read more strictly than `JSON.parse` does it, for files whose every number counts: no name twice in
 * one object (`JSON.parse` keeps the last), no unpaired surrogates, no deep nesting, and whole numbers only
 * if they are written as such and exact. Objects become Maps, in which every name is only a name.
 */

/** Numbers that are not whole, not ≥ 0, not exact, or not written in digits alone are NaN. */
export type StrictJson = null | boolean | number | string | StrictJson[] | ReadonlyMap<string, StrictJson>;

/** How deep objects and arrays may be nested: as many levels as serde_json allows. */
const deepest = 127;

/** @throws SyntaxError saying what is wrong */
export function parseStrictJson(text: string): StrictJson {
  JSON.parse(text); // Any error of syntax; the tokens below can therefore be taken as they come.
  const next = tokensOf(text);
  const value = (token: string, depth: number): StrictJson => {
    if (depth > deepest) throw new SyntaxError(`nested deeper than ${deepest} levels`);
    if (token === '{') return object(depth);
    if (token === '[') return array(depth);
    if (token.startsWith('"')) return string(token);
    if (/^[tfn]/.test(token)) return JSON.parse(token) as boolean | null;
    return /^\d+$/.test(token) && Number.isSafeInteger(Number(token)) ? Number(token) : Number.NaN;
  };
  const object = (depth: number): ReadonlyMap<string, StrictJson> => {
    const members = new Map<string, StrictJson>();
    for (let token = next(); token !== '}'; token = next()) {
      if (token === ',') continue;
      const name = string(token);
      if (members.has(name)) throw new SyntaxError(`the name ${token} stands twice in one object`);
      next(); // the colon
      members.set(name, value(next(), depth + 1));
    }
    return members;
  };
  const array = (depth: number): StrictJson[] => {
    const items: StrictJson[] = [];
    for (let token = next(); token !== ']'; token = next()) {
      if (token !== ',') items.push(value(token, depth + 1));
    }
    return items;
  };
  return value(next(), 1);
}

/** A function that gives the tokens of valid JSON one after the other. */
function tokensOf(text: string): () => string {
  const spaces = /\s*/y;
  const others = /[[\]{},:]|[^\s[\]{},:"]+/y;
  let at = 0;
  return () => {
    spaces.lastIndex = at;
    spaces.test(text);
    const from = spaces.lastIndex;
    if (text[from] === '"') {
      // Not by a regular expression, whose stack a text of many millions of characters would overflow.
      at = from + 1;
      while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
      at++;
    } else {
      others.lastIndex = from;
      others.test(text);
      at = others.lastIndex;
    }
    return text.slice(from, at);
  };
}

function string(token: string): string {
  const text = JSON.parse(token) as string;
  if (/\p{Surrogate}/u.test(text)) throw new SyntaxError(`${token} has half of a surrogate pair`);
  return text;
}
