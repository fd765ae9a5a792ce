/**
 * PyTorch's own files (`.pt`, `.pth`, `.bin`): a zip archive with a pickle, which names tensors, and one
 * entry for each storage. Tensors are taken out of whatever they are wrapped in (`{"state_dict": …}`, a
 * pickled module, a module of TorchScript); nothing that the pickle asks Python to call is called, and
 * TorchScript's code is not read. Files from before PyTorch 1.6, which are not zip archives, are not supported.
 */
import { UserError } from './errors.js';
import { fromBfloat16, fromFloat16 } from './half.js';
import { isCall, isGlobal, isReference, type PickledValue, unpickle } from './pickle.js';
import { type HostArray, type HostTensor, sizeOf } from './safetensors.js';
import { isZip, zipEntries } from './zip.js';

interface Storage {
  readonly bytes: number;
  readonly read: (bytes: ArrayBuffer) => HostArray;
}

const storages: Readonly<Record<string, Storage>> = {
  FloatStorage: { bytes: 4, read: (bytes) => new Float32Array(bytes) },
  DoubleStorage: { bytes: 8, read: (bytes) => new Float64Array(bytes) },
  HalfStorage: { bytes: 2, read: (bytes) => fromFloat16(new Uint16Array(bytes)) },
  BFloat16Storage: { bytes: 2, read: (bytes) => fromBfloat16(new Uint16Array(bytes)) },
  CharStorage: { bytes: 1, read: (bytes) => new Int8Array(bytes) },
  ByteStorage: { bytes: 1, read: (bytes) => new Uint8Array(bytes) },
  BoolStorage: { bytes: 1, read: (bytes) => new Uint8Array(bytes) },
  ShortStorage: { bytes: 2, read: (bytes) => new Int16Array(bytes) },
  IntStorage: { bytes: 4, read: (bytes) => new Int32Array(bytes) },
  LongStorage: { bytes: 8, read: (bytes) => new BigInt64Array(bytes) },
};

/** Where training code puts the state dict that is wanted, the averaged one first. */
const wrappers = [
  'state_dict_ema',
  'ema_state_dict',
  'model_ema',
  'ema',
  'params_ema',
  'state_dict',
  'model_state_dict',
  'model',
  'net',
  'network',
  'params',
  'module',
];
/** How deep modules may be nested: deeper than in any network, and less than a stack can hold. */
const deepest = 64;
/**
 * Modules and dictionaries in all. A module that occurs in many places is pickled once, but visited in each.
 */
const mostParts = 1e6;

/** Tensors may share storage; together they may be at most this many times as large as the file. */
const mostOverlap = 8;

/** How to convert a file that is not read here: written again by a newer PyTorch, whatever is wrapped in what. */
const conversion =
  'python -c "import sys, torch; torch.save(torch.load(sys.argv[1], map_location=\'cpu\'), sys.argv[2])" in.pth out.pth';

/** Whether bytes are a PyTorch file, of any age. */
export function isTorchFile(file: Uint8Array): boolean {
  // Before 1.6, torch.save wrote a pickle, which begins with its protocol. So does a safetensors file whose
  // header has, say, 0x380 bytes, but there the six other bytes of that length and a brace follow.
  const isPickle = file.length > 2 && file[0] === 0x80 && file[1]! >= 2 && file[1]! <= 5;
  const isHeader = file.subarray(2, 8).every((byte) => byte === 0) && file[8] === 0x7b;
  return isZip(file) || (isPickle && !isHeader);
}

/**
 * The tensors of a PyTorch file's bytes. @throws UserError naming `source` where it cannot be read, with what
 * to do
 */
export function decodeTorchFile(file: Uint8Array, source: string): Record<string, HostTensor> {
  if (!isZip(file)) {
    throw new UserError(
      `${source} was written by PyTorch before 1.6, which is not supported; convert it with\n  ${conversion}`,
    );
  }
  const entries = zipEntries(file, source, (name) => !isCode(name));
  const pickle = [...entries.keys()].find((name) => /(^|\/)data\.pkl$/.test(name));
  if (pickle === undefined) {
    const isProgram = [...entries.keys()].some((name) =>
      /(^|\/)(archive_format|serialized_exported_program\.json)$/.test(name),
    );
    throw new UserError(
      isProgram
        ? `${source} is a program of torch.export; save its weights alone: torch.save(torch.export.load(…).state_dict, 'weights.pth')`
        : `${source} is a zip archive without data.pkl, not a file of torch.save`,
    );
  }
  const big = [...entries].find(
    ([name, bytes]) => /(^|\/)byteorder$/.test(name) && bytes.toString() === 'big',
  );
  if (big)
    throw new UserError(
      `${source} is in big-endian byte order, which is not supported; convert it with\n  ${conversion}`,
    );
  const folder = pickle.slice(0, -'data.pkl'.length);
  const reader = tensorReader(
    (key) => entries.get(`${folder}data/${key}`),
    source,
    mostOverlap * file.length,
  );
  const tensors: Record<string, HostTensor> = {};
  let parts = 0;
  const enter = (): void => {
    if (++parts > mostParts) {
      throw new UserError(`${source} has more than ${mostParts} modules and dictionaries in one another`);
    }
  };
  // A network without one of its tensors may still be a network, with other outputs, so none is passed over.
  const leave = (name: string, value: PickledValue): void => {
    const form = otherForm(name, value);
    if (form === undefined) return;
    throw new UserError(
      `${source}: ${name} is stored by ${form}, which is not supported; store it as a dense tensor of floats`,
    );
  };
  const value = unpickle(entries.get(pickle)!, `${source}, ${pickle}`);
  collect(value, '', tensors, { reader, enter, leave }, deepest);
  if (Object.keys(tensors).length === 0) {
    if (scriptOf(value)) {
      throw new UserError(
        `${source} is a TorchScript module whose weights are constants of its code; save it before torch.jit.freeze`,
      );
    }
    const names = [...(dictionaryOf(value)?.keys() ?? [])].filter((name) => typeof name === 'string');
    const there = names.length > 0 ? `its entries are ${names.slice(0, 8).join(', ')}` : 'it has no entries';
    throw new UserError(
      `${source} contains no state dict, at the top or as ${wrappers.join(', ')}; ${there}. Save the state dict alone: ` +
        'torch.save(model.state_dict(), …)',
    );
  }
  return tensors;
}

type TensorReader = (value: PickledValue) => HostTensor | undefined;

interface Walk {
  readonly reader: TensorReader;
  /** Called for each module and dictionary. @throws UserError where there are too many */
  readonly enter: () => void;
  /** Called for each entry that is no tensor. @throws UserError where it holds numbers in another form */
  readonly leave: (name: string, value: PickledValue) => void;
}

/** Puts the tensors of a dictionary, of one inside it, or of a pickled module under their names. */
function collect(
  value: PickledValue,
  prefix: string,
  into: Record<string, HostTensor>,
  walk: Walk,
  depth: number,
): void {
  if (depth === 0) return;
  walk.enter();
  const script = scriptOf(value);
  if (script) {
    for (const [name, entry] of script) {
      const tensor = walk.reader(entry);
      if (tensor) into[`${prefix}${String(name)}`] = tensor;
      else if (scriptOf(entry)) collect(entry, `${prefix}${String(name)}.`, into, walk, depth - 1);
      else walk.leave(`${prefix}${String(name)}`, entry);
    }
    return;
  }
  const module = moduleOf(value);
  if (module) {
    for (const part of ['_parameters', '_buffers']) collect(module.get(part) ?? null, prefix, into, walk, 1);
    for (const [name, child] of dictionaryOf(module.get('_modules') ?? null) ?? []) {
      if (typeof name === 'string') collect(child, `${prefix}${name}.`, into, walk, depth - 1);
    }
    return;
  }
  const dictionary = dictionaryOf(value);
  if (!dictionary) return;
  // Training code may save a tensor or two besides the state dict, such as the best accuracy.
  const inner = prefix === '' ? wrapped(dictionary, walk, depth) : undefined;
  if (inner) return void Object.assign(into, inner);
  for (const [name, entry] of dictionary) {
    if (typeof name !== 'string') continue;
    const tensor = walk.reader(entry);
    if (tensor) into[prefix + name] = tensor;
    else walk.leave(prefix + name, entry);
  }
}

/** The tensors of the first wrapper that has any; undefined where there is none. */
function wrapped(
  dictionary: ReadonlyMap<PickledValue, PickledValue>,
  walk: Walk,
  depth: number,
): Record<string, HostTensor> | undefined {
  for (const name of wrappers) {
    const inner = dictionary.get(name);
    if (inner === undefined) continue;
    const tensors: Record<string, HostTensor> = {};
    collect(inner, '', tensors, walk, depth - 1);
    if (Object.keys(tensors).length > 0) return tensors;
  }
  return undefined;
}

/**
 * The function that would make an array that is not read here: a quantized or sparse tensor, or NumPy's, which
 * outside of any module is something else that training code saves.
 */
function otherForm(name: string, value: PickledValue): string | undefined {
  if (!isCall(value)) return undefined;
  const isTensor = /^torch\S* _rebuild_/.test(value.call);
  const isArray = /^numpy\S* _reconstruct$/.test(value.call) && name.includes('.');
  return isTensor || isArray ? value.call.replace(' ', '.') : undefined;
}

const dictionaryOf = (value: PickledValue): Map<PickledValue, PickledValue> | undefined => {
  if (value instanceof Map) return value;
  return isCall(value) && value.call === 'collections OrderedDict' ? value.items : undefined;
};

/** The attributes of a pickled `torch.nn.Module`, of whatever class. */
function moduleOf(value: PickledValue): Map<PickledValue, PickledValue> | undefined {
  const state = isCall(value) ? value.state : undefined;
  return state instanceof Map && state.has('_modules') && state.has('_parameters') ? state : undefined;
}

/**
 * The attributes of a module of TorchScript: parameters, buffers and other modules side by side, under the
 * names that a state dict has.
 */
function scriptOf(value: PickledValue): Map<PickledValue, PickledValue> | undefined {
  const { call, state } = isCall(value) ? value : {};
  return call?.startsWith('__torch__.') && state instanceof Map ? state : undefined;
}

/** The functions of a TorchScript module, which `torch.jit.save` compresses. */
const isCode = (name: string): boolean => /^[^/]+\/code\//.test(name);

function tensorReader(
  storageBytes: (key: string) => Uint8Array | undefined,
  source: string,
  budget: number,
): TensorReader {
  let left = budget;
  const read: TensorReader = (value) => {
    if (!isCall(value) || !Array.isArray(value.args)) return undefined;
    const [first, ...rest] = value.args;
    if (/^torch\._utils _rebuild_parameter(_with_state)?$/.test(value.call))
      return first === undefined ? undefined : read(first);
    // A tensor to which somebody has given attributes: what makes it, its type, the arguments, the attributes.
    if (value.call === 'torch._tensor _rebuild_from_type_v2')
      return first !== undefined && isGlobal(first) && rest[1] !== undefined
        ? read({ call: first.global, args: rest[1], items: new Map() })
        : undefined;
    if (value.call !== 'torch._utils _rebuild_tensor_v2' || first === undefined) return undefined;
    const [offset, shape, strides] = rest;
    return tensorOf(first, Number(offset), integers(shape), integers(strides));
  };
  const bad = (why: string): UserError => new UserError(`${source} has a tensor that is broken: ${why}`);
  const integers = (value: PickledValue | undefined): number[] => {
    const good =
      Array.isArray(value) &&
      value.length <= 8 &&
      value.every((n) => Number.isSafeInteger(n) && Number(n) >= 0);
    if (!good) throw bad('its shape is none');
    return value as number[];
  };
  /** A persistent id: ('storage', its class, key, device, number of elements). */
  const storageOf = (value: PickledValue): { kind: Storage; bytes: Uint8Array } => {
    const id = isReference(value) ? value.reference : undefined;
    const [, type, key] = Array.isArray(id) ? id : [];
    const name = type !== undefined && isGlobal(type) ? type.global.split(' ')[1]! : 'none';
    const kind = storages[name];
    const bytes = typeof key === 'string' ? storageBytes(key) : undefined;
    if (!kind) {
      const known = Object.keys(storages).join(', ');
      throw new UserError(`${source} has tensors of ${name}, which is not supported; supported are ${known}`);
    }
    if (!bytes) throw bad(`its storage ${String(key)} is missing`);
    return { kind, bytes };
  };
  const tensorOf = (value: PickledValue, offset: number, shape: number[], strides: number[]): HostTensor => {
    const { kind, bytes } = storageOf(value);
    const size = sizeOf(shape);
    if (strides.length !== shape.length) throw bad('its strides do not fit its shape');
    const span = size === 0 ? 0 : 1 + shape.reduce((end, n, axis) => end + (n - 1) * strides[axis]!, 0);
    const end = (offset + span) * kind.bytes;
    if (!Number.isSafeInteger(end) || offset < 0 || end > bytes.length) {
      throw bad(`it ends at byte ${end} of a storage of ${bytes.length}`);
    }
    if (size > span) throw bad(`[${shape.join(', ')}] repeats the ${span} elements that are stored`);
    left -= span * kind.bytes;
    if (left < 0) throw bad('its tensors overlap so much that they are many times the file');
    const viewed = kind.read(Uint8Array.from(bytes.subarray(offset * kind.bytes, end)).buffer);
    return { shape, data: gather(viewed, shape, strides, size) };
  };
  return read;
}

/** The elements of a strided view, row by row. */
function gather(storage: HostArray, shape: number[], strides: number[], size: number): HostArray {
  const contiguous = shape.every((n, axis) => n === 1 || strides[axis] === sizeOf(shape.slice(axis + 1)));
  if (contiguous) return storage;
  const result = storage.slice(0, size);
  const index = new Array<number>(shape.length).fill(0);
  let from = 0;
  for (let to = 0; to < size; to++) {
    result[to] = storage[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]!++;
      from += strides[axis]!;
      if (index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return result;
}
