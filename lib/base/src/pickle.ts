/**
 * Python's pickle format as far as `torch.save` uses it, read without executing anything: what a pickle would
 * call is recorded as a value, `{ call, args, state }`, and the reader of the result decides which of these
 * it accepts. Source: the opcodes' descriptions in CPython's `pickletools.py`, protocols 2 to 4.
 */
import { UserError } from './errors.js';

/** An object that Python would build by calling `call` (module and name) with `args`. */
export interface PickledCall {
  /** What would be called: module and name. */
  readonly call: string;
  /** Its arguments. */
  readonly args: PickledValue;
  /** What `__setstate__` would get. */
  state?: PickledValue;
  /** Items of a dictionary that is a subclass, such as OrderedDict. */
  readonly items: Map<PickledValue, PickledValue>;
}

/** A global name, such as `torch FloatStorage`. */
export interface PickledGlobal {
  /** Module and name. */
  readonly global: string;
}

/** A reference to something outside the pickle, such as a storage. */
export interface PickledReference {
  /** Its persistent id. */
  readonly reference: PickledValue;
}

/** What a pickle holds: plain values, and the names of what it would call, none of which is called here. */
export type PickledValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickledValue[]
  | Map<PickledValue, PickledValue>
  | PickledCall
  | PickledGlobal
  | PickledReference;

const mark = Symbol('mark');
type Stacked = PickledValue | typeof mark;

/**
 * The value of a pickle. @throws UserError naming `source` where it is cut off, or uses something that is not
 * read here
 */
export function unpickle(bytes: Uint8Array, source: string): PickledValue {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const stack: Stacked[] = [];
  const memo = new Map<number, PickledValue>();
  let at = 0;
  const broken = (why: string): UserError =>
    new UserError(`${source} is not a whole pickle: ${why} at byte ${at}`);
  const take = (length: number): Buffer => {
    if (length < 0 || at + length > view.length) throw broken('it ends');
    at += length;
    return view.subarray(at - length, at);
  };
  const byte = (): number => take(1)[0]!;
  const uint32 = (): number => take(4).readUInt32LE(0);
  const line = (): string => {
    const end = view.indexOf(10, at);
    if (end < 0) throw broken('a name does not end');
    const text = take(end - at).toString('utf8');
    at++;
    return text;
  };
  const long64 = (): number => {
    const length = Number(take(8).readBigUInt64LE(0));
    return Number.isSafeInteger(length) ? length : Infinity;
  };
  const pop = (): PickledValue => {
    const value = stack.pop();
    if (value === undefined || value === mark) throw broken('a value is missing');
    return value;
  };
  const top = (): PickledValue => {
    const value = pop();
    stack.push(value);
    return value;
  };
  const popToMark = (): PickledValue[] => {
    const start = stack.lastIndexOf(mark);
    if (start < 0) throw broken('a mark is missing');
    const values = stack.splice(start).slice(1);
    return values as PickledValue[];
  };
  const remember = (index: number): void => void memo.set(index, top());
  const recall = (index: number): void => {
    const value = memo.get(index);
    if (value === undefined) throw broken(`nothing is remembered as ${index}`);
    stack.push(value);
  };
  const setItems = (items: readonly PickledValue[]): void => {
    const target = top();
    const map = target instanceof Map ? target : isCall(target) ? target.items : undefined;
    if (!map || items.length % 2 !== 0) throw broken('items without a dictionary');
    for (let i = 0; i < items.length; i += 2) map.set(items[i]!, items[i + 1]!);
  };
  const append = (items: readonly PickledValue[]): void => {
    const list = top();
    if (!Array.isArray(list) && !isCall(list)) throw broken('items without a list');
    if (Array.isArray(list)) for (const item of items) list.push(item);
  };
  const callWith = (args: PickledValue): void => {
    const callee = pop();
    const call = isGlobal(callee) ? callee.global : 'unknown';
    stack.push({ call, args, items: new Map() });
  };
  const popTwice = (): [PickledValue, PickledValue] => {
    const second = pop();
    return [pop(), second];
  };

  const opcodes: Readonly<Record<string, () => void>> = {
    '\x80': () => {
      const protocol = byte();
      if (protocol > 5)
        throw new UserError(`${source}: pickle protocol ${protocol} is not supported; 2 to 5 are`);
    },
    '\x95': () => void take(8),
    '(': () => void stack.push(mark),
    '0': () => void stack.pop(),
    '1': () => void popToMark(),
    '2': () => void stack.push(top()),
    N: () => void stack.push(null),
    '\x88': () => void stack.push(true),
    '\x89': () => void stack.push(false),
    K: () => void stack.push(byte()),
    M: () => void stack.push(take(2).readUInt16LE(0)),
    J: () => void stack.push(take(4).readInt32LE(0)),
    G: () => void stack.push(take(8).readDoubleBE(0)),
    '\x8a': () => void stack.push(longOf(take(byte()))),
    X: () => void stack.push(take(uint32()).toString('utf8')),
    '\x8c': () => void stack.push(take(byte()).toString('utf8')),
    '\x8d': () => void stack.push(take(long64()).toString('utf8')),
    B: () => void stack.push(take(uint32())),
    C: () => void stack.push(take(byte())),
    U: () => void stack.push(take(byte()).toString('latin1')),
    T: () => void stack.push(take(uint32()).toString('latin1')),
    '}': () => void stack.push(new Map()),
    ']': () => void stack.push([]),
    ')': () => void stack.push([]),
    '\x8f': () => void stack.push([]),
    d: () => {
      const items = popToMark();
      stack.push(new Map());
      setItems(items);
    },
    l: () => void stack.push(popToMark()),
    t: () => void stack.push(popToMark()),
    '\x85': () => void stack.push([pop()]),
    '\x86': () => void stack.push(popTwice()),
    '\x87': () => {
      const last = pop();
      stack.push([...popTwice(), last]);
    },
    s: () => {
      const pair = popTwice();
      setItems(pair);
    },
    u: () => setItems(popToMark()),
    a: () => append([pop()]),
    e: () => append(popToMark()),
    '\x90': () => append(popToMark()),
    q: () => remember(byte()),
    r: () => remember(uint32()),
    '\x94': () => remember(memo.size),
    h: () => recall(byte()),
    j: () => recall(uint32()),
    c: () => void stack.push({ global: `${line()} ${line()}` }),
    '\x93': () => {
      const [module, name] = popTwice();
      if (typeof module !== 'string' || typeof name !== 'string') throw broken('a name is no text');
      stack.push({ global: `${module} ${name}` });
    },
    R: () => callWith(pop()),
    '\x81': () => callWith(pop()),
    b: () => {
      const state = pop();
      const target = top();
      if (isCall(target)) target.state = state;
    },
    Q: () => void stack.push({ reference: pop() }),
  };
  for (;;) {
    const code = String.fromCharCode(byte());
    if (code === '.') return pop();
    const execute = opcodes[code];
    if (!execute) throw broken(`opcode 0x${code.charCodeAt(0).toString(16)} is not read`);
    execute();
  }
}

/** Whether a value is a call that Python would make. */
export const isCall = (value: PickledValue): value is PickledCall =>
  typeof value === 'object' && value !== null && 'call' in value;
/** Whether a value is the name of something in a Python module. */
export const isGlobal = (value: PickledValue): value is PickledGlobal =>
  typeof value === 'object' && value !== null && 'global' in value;
/** Whether a value stands for data that are kept outside the pickle, such as a tensor's numbers. */
export const isReference = (value: PickledValue): value is PickledReference =>
  typeof value === 'object' && value !== null && 'reference' in value;

/** A little-endian integer in two's complement; as a number where that is exact. */
function longOf(bytes: Buffer): number | bigint {
  let value = 0n;
  bytes.forEach((one, i) => (value |= BigInt(one) << BigInt(8 * i)));
  const last = bytes.at(-1);
  if (last !== undefined && last >= 128) value -= 1n << BigInt(8 * bytes.length);
  const small = Number(value);
  return Number.isSafeInteger(small) ? small : value;
}
