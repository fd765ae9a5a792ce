/**
 * The numbers of any checkpoint as a state dict: safetensors (32, 64 and 16 bits, bfloat16, int8 with scales)
 * and PyTorch's own files, distinguished by their bytes.
 */
import { readFile } from 'node:fs/promises';
import {
  cannotRead,
  check,
  decodeSafetensors,
  decodeTorchFile,
  type HostTensor,
  isTorchFile,
} from 'oabn-base';
import type { StateDict } from './stateDict.js';

/** The tensors of a file, floating-point ones apart from integers. */
export interface StateDictFile {
  /** The floating-point tensors. */
  readonly stateDict: StateDict;
  /** Tensors of integers, such as indices, which are part of no block. */
  readonly integers: Readonly<Record<string, HostTensor>>;
  /** The metadata of a safetensors file; empty for other formats. */
  readonly metadata: Readonly<Record<string, string>>;
  /** What the file has besides, in types that are not read, such as floats of 8 bits. */
  readonly unread?: Readonly<Record<string, UnreadTensor>>;
}

/** A tensor of a safetensors file of which only the header is read. */
export interface UnreadTensor {
  /** Its type, as the format names it. */
  readonly dtype: string;
  /** The lengths of its axes. */
  readonly shape: readonly number[];
}

/** Why a tensor that is needed cannot be had, and what to do. */
export const unreadText = (path: string, name: string, { dtype }: UnreadTensor): string =>
  `${path}: tensor ${name} has dtype ${dtype}, which is not read; store it as F32, F16 or BF16, multiplied by its scale if it has one`;

/**
 * What wrappers put into names: `torch.compile`, FSDP and activation checkpointing, around the network or
 * around any of its modules; DataParallel and averaged models around the whole network.
 */
const wrapperNames = [
  /(?<=^|\.)(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\./g,
  /^(module\.)+/,
];

/** How files begin that people take for a checkpoint, and what to do about them. */
const mistaken: readonly (readonly [RegExp, string])[] = [
  [
    /^version https:\/\/git-lfs/,
    'is what Git LFS leaves in place of a file; fetch the file itself: git lfs pull',
  ],
  [/^\s*<(!doctype|html|\?xml)/i, 'is a web page; download the file that it links to'],
  [
    /^\s*\{[^]*"weight_map"/,
    'lists the pieces of a checkpoint; write them into one file: python -c "import glob; from safetensors.torch import load_file, save_file; ' +
      "save_file({n: t for f in glob.glob('*-of-*.safetensors') for n, t in load_file(f).items()}, 'whole.safetensors')\"",
  ],
  // A Protocol Buffers message that begins with its version; in safetensors, a brace follows the length.
  [
    /^\x08[\x01-\x1f](?![^]{6}\{)/,
    'seems to be an ONNX file, which oabn eval and oabn latency read, under a name that ends in .onnx; others need the checkpoint that it was made from',
  ],
  [/^\x89HDF/, 'is an HDF5 file, as Keras writes them; store its arrays as safetensors or with torch.save'],
];

/** @throws UserError for a file that is taken for a checkpoint now and then */
function refuseMistaken(file: Uint8Array, path: string): void {
  const start = Buffer.from(file.subarray(0, 1024)).toString('latin1');
  const [, what] = mistaken.find(([pattern]) => pattern.test(start)) ?? [];
  check(what === undefined, `${path} ${what}`);
}

const unwrapped = (key: string): string => wrapperNames.reduce((text, part) => text.replace(part, ''), key);

/**
 * Reads a checkpoint. What wrappers put into names (`module.` of DataParallel, `_orig_mod.` of
 * `torch.compile`) and `num_batches_tracked` are dropped; int8 tensors that have a `….weight_scale` next to them, one for all or one for each output channel, are multiplied by
 * it.
 * @throws UserError when the file cannot be read
 */
export async function readStateDict(path: string): Promise<StateDictFile> {
  const file = await readFile(path).catch(cannotRead(path));
  refuseMistaken(file, path);
  const unread: Record<string, UnreadTensor> = {};
  const passOver = (key: string, tensor: UnreadTensor): void => void (unread[unwrapped(key)] = tensor);
  const { tensors, metadata } = isTorchFile(file)
    ? { tensors: decodeTorchFile(file, path), metadata: {} }
    : decodeSafetensors(file, path, { passOver });
  const stateDict = new Map<string, HostTensor<Float32Array>>();
  const integers = new Map<string, HostTensor>();
  const keys = new Map<string, string>();
  for (const [key, { shape, data }] of Object.entries(tensors)) {
    if (key.endsWith('.num_batches_tracked') || isScaleOfInt8(key, tensors)) continue;
    const name = unwrapped(key);
    const other = keys.get(name);
    check(
      other === undefined,
      `${path} has both ${other} and ${key}, which are the same; delete the one that is not meant`,
    );
    keys.set(name, key);
    const scale = tensors[`${key}_scale`];
    if (data instanceof Float32Array) stateDict.set(name, { shape, data });
    else if (data instanceof Float64Array) stateDict.set(name, { shape, data: Float32Array.from(data) });
    else if (data instanceof Int8Array && scale)
      stateDict.set(name, dequantized(path, key, { shape, data }, scale));
    else integers.set(name, { shape, data });
  }
  return {
    stateDict: Object.fromEntries(stateDict),
    integers: Object.fromEntries(integers),
    metadata,
    ...(Object.keys(unread).length > 0 && { unread }),
  };
}

function isScaleOfInt8(name: string, tensors: Readonly<Record<string, HostTensor>>): boolean {
  return name.endsWith('_scale') && tensors[name.slice(0, -'_scale'.length)]?.data instanceof Int8Array;
}

/** q·S, with S [1] or [out, …]. */
function dequantized(
  path: string,
  name: string,
  { shape, data }: HostTensor<Int8Array>,
  { data: scales }: HostTensor,
): HostTensor<Float32Array> {
  check(
    scales instanceof Float32Array || scales instanceof Float64Array,
    `${path}: ${name}_scale holds ${scales.constructor.name}; expected floats`,
  );
  check(
    scales.length === 1 || scales.length === shape[0],
    `${path}: ${name}_scale has ${scales.length} elements; expected 1 or ${shape[0]}, one for each output channel`,
  );
  const group = data.length / scales.length;
  return { shape, data: Float32Array.from(data, (q, i) => q * scales[Math.floor(i / group)]!) };
}
