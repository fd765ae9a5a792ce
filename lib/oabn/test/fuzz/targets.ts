/** The readers of files that come from elsewhere, each with whole files to begin from. */
import { readFile } from 'node:fs/promises';
import {
  check,
  decodeSafetensors,
  decodeTorchFile,
  encodeSafetensors,
  type HostTensor,
  schema,
  sizeOf,
  UserError,
} from 'oabn-base';
import { examine } from '../../src/doctor/index.js';
import {
  computed,
  describeRecognition,
  families,
  mergeRecognized,
  parseFamily,
  recognitions,
  recognize,
} from '../../src/family/index.js';
import { parseArchitecture, type StateDict } from '../../src/model/index.js';
import { goldenPath } from '../golden/index.js';

export interface Target {
  readonly name: string;
  readonly originals: readonly Uint8Array[];
  /** Reads the bytes; returns the bytes of what it made of them. */
  readonly read: (bytes: Uint8Array) => number;
}

export async function fuzzTargets(): Promise<Target[]> {
  const torch = (name: string): Promise<Buffer> =>
    readFile(new URL(`../../../base/test/golden/${name}`, import.meta.url));
  const [types, networks, detectors] = [
    await torch('types.safetensors'),
    await readFile(goldenPath('families.safetensors')),
    await readFile(goldenPath('yolov6.safetensors')),
  ];
  const golden = JSON.parse(await readFile(goldenPath('networks.json'), 'utf8')) as Record<
    string,
    { shapes: object }
  >;
  const shapesOf = Object.fromEntries(Object.entries(golden).map(([name, { shapes }]) => [name, shapes]));
  return [
    {
      name: 'safetensors',
      originals: [types],
      read: (bytes) => sizeOfTensors(decodeSafetensors(bytes, 'x').tensors),
    },
    {
      name: 'PyTorch files',
      originals: [await torch('plain.pth'), await torch('wrapped.pth'), await torch('module.pt')],
      read: (bytes) => sizeOfTensors(decodeTorchFile(bytes, 'x')),
    },
    {
      name: 'families: names and shapes',
      originals: [
        ...filesBelow(
          decodeSafetensors(networks).tensors,
          families.map(({ name }) => name),
        ),
        ...filesBelow(decodeSafetensors(detectors).tensors, ['n', 'm']),
      ],
      read: (bytes) => {
        const stateDict = decodeSafetensors(bytes, 'x').tensors as StateDict;
        const floats = Object.fromEntries(
          Object.entries(stateDict).filter(([, { data }]) => data instanceof Float32Array),
        );
        const recognition = recognize(floats);
        if (!recognition) return 0;
        describeRecognition(floats, recognition);
        examine(floats, recognition);
        return sizeOfTensors(
          mergeRecognized(floats, recognition, { foldOrdinary: true, deadTolerance: 0.01 }),
        );
      },
    },
    {
      name: 'networks: what stands between blocks',
      originals: Object.values(shapesOf).map((shapes) => Buffer.from(JSON.stringify(shapes))),
      read: (bytes) => {
        const stateDict = ofShapes(Buffer.from(bytes).toString());
        for (const recognition of recognitions(stateDict)) {
          const network = computed(stateDict, recognition);
          if ('arch' in network) return sizeOfTensors(network.stateDict);
        }
        return 0;
      },
    },
    {
      name: 'described networks: layouts of one’s own',
      originals: Object.entries(shapesOf).flatMap(([name, shapes]) => {
        const family = families.find((known) => known.name === name);
        return family?.layout ? [Buffer.from(JSON.stringify({ family, shapes }))] : [];
      }),
      read: (bytes) => {
        const { family, shapes } = membersOf(Buffer.from(bytes).toString());
        const stateDict = ofShapes(JSON.stringify(shapes));
        const [recognition] = recognitions(stateDict, parseFamily(JSON.stringify(family), 'x'));
        const network = computed(stateDict, recognition!);
        return 'arch' in network ? sizeOfTensors(network.stateDict) : 0;
      },
    },
    {
      name: 'descriptions of families',
      originals: families.map((family) => Buffer.from(JSON.stringify(family))),
      read: (bytes) => parseFamily(Buffer.from(bytes).toString(), 'x').blocks.length,
    },
    {
      name: 'architectures',
      originals: [
        '{"widths":[16,16,24,48,320],"depths":[1,2,4,6,1],"strides":[1,1,2,2,2],"oabn":{"threshold":0.5}}',
        'A0@0.25',
        'QA-B1',
      ].map((text) => Buffer.from(text)),
      read: (bytes) => parseArchitecture(Buffer.from(bytes).toString()).widths.length,
    },
  ];
}

/** A description and the shapes of a file, from JSON. */
function membersOf(text: string): { readonly family?: unknown; readonly shapes?: unknown } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UserError('no JSON');
  }
  check(typeof value === 'object' && value !== null, 'no object');
  return value;
}

/** Tensors of zeros, of the names and shapes that a JSON text says. */
function ofShapes(text: string): StateDict {
  const shapes: unknown = membersOf(text);
  const { listOf, record, whole } = schema;
  record(listOf(whole(0, 512)))(shapes, 'shapes');
  const sizes = Object.entries(shapes as Record<string, number[]>).map(
    ([name, shape]) => [name, shape, sizeOf(shape)] as const,
  );
  check(sizes.reduce((sum, [, , size]) => sum + size, 0) < 1e6, 'too large to try');
  return Object.fromEntries(
    sizes.map(([name, shape, size]) => [name, { shape, data: new Float32Array(size) }]),
  );
}

/** One file for each of the networks that a golden file holds, each below its own name. */
function filesBelow(tensors: Readonly<Record<string, HostTensor>>, names: readonly string[]): Uint8Array[] {
  return names.map((name) => {
    const own = Object.entries(tensors).filter(([key]) => key.startsWith(`${name}/`));
    const named = own.map(([key, tensor]) => [key.slice(name.length + 1), tensor] as const);
    return encodeSafetensors({ tensors: Object.fromEntries(named), metadata: {} });
  });
}

const sizeOfTensors = (tensors: Readonly<Record<string, HostTensor>>): number =>
  Object.values(tensors).reduce((sum, { data }) => sum + data.byteLength, 0);
