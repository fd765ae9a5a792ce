/**
 * A WebAssembly assembler in one page: functions are built from expressions and become a module that shares
 * its memory with another one. Kernels that tfjs-backend-wasm lacks, or has only as slow loops, are written
 * with it, so that they need no compiler, no binary in the repository, and can be generated per tile size and
 * operation.
 *
 * An `Expression` is code that leaves one value on the stack, a `Statement` is code that leaves none; both
 * are byte strings, and putting them together is concatenation. Only what the kernels use is here. Source:
 * the WebAssembly 2.0 core specification, chapter «Binary Format».
 */
export type ValueType = 'i32' | 'f32' | 'v128';
export type Statement = readonly number[];
export interface Expression {
  readonly type: ValueType;
  readonly code: readonly number[];
}

/** A parameter or local variable of a function. */
export interface Local extends Expression {
  readonly set: (value: Expression) => Statement;
}

export interface FunctionSource {
  readonly name: string;
  readonly parameters: number;
  readonly locals: readonly ValueType[];
  readonly body: Statement;
}

const typeCodes: Record<ValueType, number> = { i32: 0x7f, f32: 0x7d, v128: 0x7b };

/** An unsigned integer in LEB128. */
function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value >>> 0;
  do {
    bytes.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    rest >>>= 7;
  } while (rest > 0);
  return bytes;
}

/** A signed integer in LEB128. */
function signed(value: number): number[] {
  const bytes: number[] = [];
  let rest = value | 0;
  for (;;) {
    const low = rest & 0x7f;
    rest >>= 7;
    const last = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0);
    bytes.push(last ? low : low | 0x80);
    if (last) return bytes;
  }
}

const vector = (items: readonly (readonly number[])[]): number[] => [
  ...unsigned(items.length),
  ...items.flat(),
];
const sized = (bytes: readonly number[]): number[] => [...unsigned(bytes.length), ...bytes];
const text = (value: string): number[] => sized([...new TextEncoder().encode(value)]);
const section = (id: number, content: readonly number[]): number[] => [id, ...sized(content)];

/**
 * A function `name(i32, …)` without a result. `build` gets one `Local` per parameter and `local`, which makes
 * further variables (zero at the start), and returns the body.
 */
export function defineFunction(
  name: string,
  parameterNames: readonly string[],
  build: (parameters: Record<string, Local>, local: (type: ValueType) => Local) => Statement[],
): FunctionSource {
  const parameters: Record<string, Local> = {};
  parameterNames.forEach((parameter, index) => (parameters[parameter] = localAt(index, 'i32')));
  const locals: ValueType[] = [];
  const body = build(parameters, (type) => localAt(parameterNames.length + locals.push(type) - 1, type));
  return { name, parameters: parameterNames.length, locals, body: body.flat() };
}

function localAt(index: number, type: ValueType): Local {
  return {
    type,
    code: [0x20, ...unsigned(index)],
    set: (value) => [...value.code, 0x21, ...unsigned(index)],
  };
}

/** The bytes of a module that imports `env.memory` and exports `functions` by their names. */
export function assemble(functions: readonly FunctionSource[]): Uint8Array {
  const arities = [...new Set(functions.map((f) => f.parameters))];
  const types = arities.map((n) => [0x60, ...unsigned(n), ...Array<number>(n).fill(typeCodes.i32), 0]);
  const memory = [...text('env'), ...text('memory'), 0x02, 0x00, 0x00];
  const exported = functions.map((f, index) => [...text(f.name), 0x00, ...unsigned(index)]);
  const bodies = functions.map((f) => {
    const locals = f.locals.map((type) => [0x01, typeCodes[type]]);
    return sized([...vector(locals), ...f.body, 0x0b]);
  });
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, vector(types)),
    ...section(2, vector([memory])),
    ...section(3, vector(functions.map((f) => unsigned(arities.indexOf(f.parameters))))),
    ...section(7, vector(exported)),
    ...section(10, vector(bodies)),
  ]);
}

// ---- expressions
// -----------------------------------------------------------------------------------------------

const expression = (type: ValueType, ...code: (readonly number[])[]): Expression => ({
  type,
  code: code.flat(),
});
const simd = (opcode: number): number[] => [0xfd, ...unsigned(opcode)];
/** Alignment 2^0: tensors are aligned, but views into them need not be. */
const memoryArgument = (offset: number): number[] => [0x00, ...unsigned(offset)];

export const i32 = {
  constant: (value: number): Expression => expression('i32', [0x41], signed(value)),
  add: (a: Expression, b: Expression): Expression => expression('i32', a.code, b.code, [0x6a]),
  subtract: (a: Expression, b: Expression): Expression => expression('i32', a.code, b.code, [0x6b]),
  multiply: (a: Expression, b: Expression): Expression => expression('i32', a.code, b.code, [0x6c]),
  and: (a: Expression, b: Expression): Expression => expression('i32', a.code, b.code, [0x71]),
  /** `a` where `condition` is not 0, else `b`. */
  select: (condition: Expression, a: Expression, b: Expression): Expression =>
    expression('i32', a.code, b.code, condition.code, [0x1b]),
  load: (address: Expression, offset = 0): Expression =>
    expression('i32', address.code, [0x28], memoryArgument(offset)),
  store: (address: Expression, value: Expression, offset = 0): Statement => [
    ...address.code,
    ...value.code,
    0x36,
    ...memoryArgument(offset),
  ],
  load8: (address: Expression): Expression => expression('i32', address.code, [0x2d], memoryArgument(0)),
  store8: (address: Expression, value: Expression): Statement => [
    ...address.code,
    ...value.code,
    0x3a,
    ...memoryArgument(0),
  ],
};

/** SIMD operations of two vectors, by name, with their opcodes. */
const binaryOpcodes = {
  'f32x4.eq': 0x41,
  'f32x4.ne': 0x42,
  'f32x4.lt': 0x43,
  'f32x4.gt': 0x44,
  'f32x4.le': 0x45,
  'f32x4.ge': 0x46,
  'f32x4.add': 0xe4,
  'f32x4.sub': 0xe5,
  'f32x4.mul': 0xe6,
  'f32x4.div': 0xe7,
  'f32x4.min': 0xe8,
  'f32x4.max': 0xe9,
  'i32x4.ne': 0x38,
  'v128.and': 0x4e,
  'i16x8.narrow_i32x4_s': 0x85,
  'i8x16.narrow_i16x8_s': 0x65,
} as const;
export type BinaryOpcode = keyof typeof binaryOpcodes;

/** SIMD operations of one vector. */
const unaryOpcodes = {
  'i16x8.extend_low_i8x16_u': 0x89,
  'i32x4.extend_low_i16x8_u': 0xa9,
  'i32x4.trunc_sat_f32x4_s': 0xf8,
  'f32x4.convert_i32x4_s': 0xfa,
} as const;
export type UnaryOpcode = keyof typeof unaryOpcodes;

export const v128 = {
  zero: expression('v128', simd(0x0c), Array<number>(16).fill(0)),
  /** Four 32-bit integers `value`. */
  integers: (value: number): Expression => expression('v128', [0x41], signed(value), simd(0x11)),
  load: (address: Expression, offset = 0): Expression =>
    expression('v128', address.code, simd(0x00), memoryArgument(offset)),
  /** One 32-bit number in all four lanes. */
  loadSplat: (address: Expression, offset = 0): Expression =>
    expression('v128', address.code, simd(0x09), memoryArgument(offset)),
  /** One 32-bit number in lane 0, zero in the others. */
  loadFirst: (address: Expression, offset = 0): Expression =>
    expression('v128', address.code, simd(0x5c), memoryArgument(offset)),
  store: (address: Expression, value: Expression, offset = 0): Statement => [
    ...address.code,
    ...value.code,
    ...simd(0x0b),
    ...memoryArgument(offset),
  ],
  /** Stores lane 0 only. */
  storeFirst: (address: Expression, value: Expression, offset = 0): Statement => [
    ...address.code,
    ...value.code,
    ...simd(0x5a),
    ...memoryArgument(offset),
    0,
  ],
  /** Lane 0 as an integer. */
  first: (a: Expression): Expression => expression('i32', a.code, simd(0x1b), [0]),
  binary: (opcode: BinaryOpcode, a: Expression, b: Expression): Expression =>
    expression('v128', a.code, b.code, simd(binaryOpcodes[opcode])),
  unary: (opcode: UnaryOpcode, a: Expression): Expression =>
    expression('v128', a.code, simd(unaryOpcodes[opcode])),
  /** The bits of `a` where `mask` is one, else those of `b`. */
  select: (mask: Expression, a: Expression, b: Expression): Expression =>
    expression('v128', a.code, b.code, mask.code, simd(0x52)),
  multiplyAdd: (a: Expression, b: Expression, sum: Expression): Expression =>
    v128.binary('f32x4.add', sum, v128.binary('f32x4.mul', a, b)),
};

// ---- statements
// ------------------------------------------------------------------------------------------------

/** `pointer += bytes`. */
export const advance = (pointer: Local, bytes: Expression | number): Statement =>
  pointer.set(i32.add(pointer, typeof bytes === 'number' ? i32.constant(bytes) : bytes));

/** Runs `body` `count` times (not at all for 0); `counter` is used up. */
export function repeat(counter: Local, count: Expression, body: readonly Statement[]): Statement {
  const minusOne = i32.subtract(counter, i32.constant(1));
  return [
    ...counter.set(count),
    ...counter.code,
    ...[0x04, 0x40, 0x03, 0x40], // if, loop
    ...body.flat(),
    ...counter.set(minusOne),
    ...counter.code,
    ...[0x0d, 0x00, 0x0b, 0x0b], // br_if 0, end, end
  ];
}
