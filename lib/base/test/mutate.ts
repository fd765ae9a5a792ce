/**
 * Inputs as damage and malice make them, from inputs that are right: bytes flipped, cut, doubled and moved;
 * JSON with a member of another kind, of another size, missing, or twice. All of it a pure function of the
 * random numbers given, so that an input that broke something can be made again.
 */
import type { Random } from '../src/index.js';

const pick = <T>(random: Random, items: readonly T[]): T => items[random.integer(items.length)]!;

/** Up to eight changes to the bytes; most often one. */
export function mutateBytes(bytes: Uint8Array, random: Random): Uint8Array {
  const changes = random.uniform() < 0.6 ? 1 : 1 + random.integer(8);
  let result: Uint8Array = Uint8Array.from(bytes);
  for (let i = 0; i < changes; i++) result = changeBytes(result, random);
  return result;
}

function changeBytes(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes.length === 0) return Uint8Array.of(random.integer(256));
  const at = random.integer(bytes.length);
  const length = 1 + random.integer(Math.min(64, bytes.length - at));
  const part = bytes.slice(at, at + length);
  const replaced = (...middle: Uint8Array[]): Uint8Array =>
    Buffer.concat([bytes.subarray(0, at), ...middle, bytes.subarray(at + length)]);
  switch (random.integer(7)) {
    case 0:
      bytes[at]! ^= 1 << random.integer(8);
      return bytes;
    case 1:
      bytes[at] = pick(random, [0, 1, 0x7f, 0x80, 0xff, 0x22, 0x7b, 0x5d, random.integer(256)]);
      return bytes;
    case 2:
      return bytes.slice(0, at);
    case 3:
      return replaced();
    case 4:
      return replaced(part, part);
    case 5:
      return replaced(Uint8Array.from(part, () => random.integer(256)));
    default:
      return Buffer.concat([bytes, Uint8Array.from({ length }, () => random.integer(256))]);
  }
}

/** Values that programs stumble over. */
const oddValues: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -0,
  -1,
  0.5,
  1,
  2,
  3,
  99,
  1e9,
  2 ** 31,
  2 ** 53,
  2 ** 64,
  -(2 ** 53),
  1e308,
  1e-320,
  '',
  'x',
  'null',
  '__proto__',
  'toString',
  '1',
  [],
  [0],
  [-1],
  [null],
  [1, 1],
  [[]],
  {},
  { a: 1 },
  { length: 3 },
];

/** A copy of a JSON value with one to three changes somewhere in it. */
export function mutateJson(value: unknown, random: Random): unknown {
  let result = value;
  for (let i = 1 + random.integer(random.uniform() < 0.7 ? 1 : 3); i > 0; i--) {
    result = changeJson(result, random);
  }
  return result;
}

function changeJson(value: unknown, random: Random): unknown {
  const members: (readonly [string | number, unknown])[] = Array.isArray(value)
    ? value.map((item, i) => [i, item] as const)
    : value !== null && typeof value === 'object'
      ? Object.entries(value)
      : [];
  if (members.length === 0 || random.uniform() < 0.08) return oddOf(value, random);
  const [key, member] = pick(random, members);
  const copy = structuredClone(value) as Record<string | number, unknown>;
  const set = (name: string | number, to: unknown): unknown => {
    Object.defineProperty(copy, name, { value: to, writable: true, enumerable: true, configurable: true });
    return copy;
  };
  switch (random.integer(6)) {
    case 0:
      if (Array.isArray(copy)) copy.splice(Number(key), 1);
      else Reflect.deleteProperty(copy, key);
      return copy;
    case 1:
      if (Array.isArray(copy)) copy.push(structuredClone(member));
      else set(pick(random, ['__proto__', 'constructor', 'toString', 'x', '', `${key}x`]), member);
      return copy;
    case 2:
      return set(key, oddOf(member, random));
    default:
      return set(key, changeJson(member, random));
  }
}

function oddOf(value: unknown, random: Random): unknown {
  if (typeof value === 'number' && random.uniform() < 0.6) {
    return pick(random, [-value, value + 1, value - 1, value / 3, value * 1e9, value * 2, String(value)]);
  }
  if (typeof value === 'string' && random.uniform() < 0.4) {
    return pick(random, [`${value}x`, value.slice(1), value.toUpperCase(), `${value}\u0000`, [value]]);
  }
  if (Array.isArray(value) && random.uniform() < 0.4)
    return [...(value as unknown[]), ...(value as unknown[])];
  return pick(random, oddValues);
}

/** A safetensors file with a change in its bytes, its header's text, its header's JSON, or its length. */
export function mutateSafetensors(file: Uint8Array, random: Random): Uint8Array {
  const view = Buffer.from(file);
  const end = 8 + Number(view.readBigUInt64LE(0));
  const withHeader = (header: Uint8Array): Uint8Array => {
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    return Buffer.concat([length, header, view.subarray(end)]);
  };
  const text = view.toString('utf8', 8, end);
  switch (random.integer(5)) {
    case 0:
      return mutateBytes(file, random);
    case 1:
      return withHeader(mutateBytes(view.subarray(8, end), random));
    case 2:
      return withHeader(Buffer.from(changeNumber(text, random)));
    case 3: {
      // A tensor twice: JSON.parse would keep the last and say nothing.
      const members = [...text.matchAll(/"[^"]+":\{[^}]*\}/g)].map(([member]) => member);
      return withHeader(Buffer.from(text.replace(/\}\s*$/, `,${pick(random, members)}}`)));
    }
    default:
      return withHeader(Buffer.from(JSON.stringify(mutateJson(JSON.parse(text), random))));
  }
}

/** One number in the text written otherwise. */
function changeNumber(text: string, random: Random): string {
  const numbers = [...text.matchAll(/(?<=[[,])\d+(?=[\],])/g)];
  const { 0: number, index } = pick(random, numbers);
  const other = pick(random, [
    `-${number}`,
    `${number}.0`,
    `${number}.5`,
    `${number}e0`,
    `${number}e1`,
    `0${number}`,
    `${number}0`,
    String(Number(number) + 1),
    String(Number(number) - 4),
    '18446744073709551615',
    '9007199254740993',
    'null',
    `"${number}"`,
    '',
  ]);
  return text.slice(0, index) + other + text.slice(index + number.length);
}

/** A Parquet file with a change in its footer, where its structure is described, or anywhere. */
export function mutateParquet(file: Uint8Array, random: Random): Uint8Array {
  if (random.uniform() >= 0.75) return mutateBytes(file, random);
  const view = Buffer.from(file);
  const end = view.length - 8;
  const begin = end - view.readUInt32LE(end);
  const footer = mutateBytes(view.subarray(begin, end), random);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(footer.length);
  return Buffer.concat([view.subarray(0, begin), footer, length, Buffer.from('PAR1')]);
}
