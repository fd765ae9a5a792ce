import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import {
  decodeSafetensors,
  encodeSafetensors,
  readSafetensors,
  writeSafetensors,
  UserError,
} from '../src/index.js';
import { corpusFile } from './safetensorsCorpus.js';

const example = {
  'stage0.rbr_dense.bn.num_batches_tracked': { shape: [], data: BigInt64Array.of(12n) },
  'linear.weight': { shape: [2, 3], data: Float32Array.of(1, -2, 3.5, 0, 1e-30, 7) },
};

/** A file with this header, whatever it is, and so many bytes of tensors. */
function fileOf(header: string | Uint8Array, bytes = 0): Uint8Array {
  const text = Buffer.from(header);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, Buffer.alloc(bytes)]);
}

const tensor = (begin: unknown, end: unknown, shape: unknown = [1]): string =>
  JSON.stringify({ dtype: 'F32', shape, data_offsets: [begin, end] });

/** What must be refused, and what the message says of it. */
const hostile: readonly [what: string, file: Uint8Array, message: RegExp][] = [
  ['no object', fileOf('[]'), /not an object/],
  ['null', fileOf('null'), /not an object/],
  ['bytes after the last tensor', fileOf(`{"a":${tensor(0, 4)}}`, 5), /end at byte \d+ of/],
  ['bytes and no tensor', fileOf('{}', 4), /end at byte/],
  ['a hole', fileOf(`{"a":${tensor(0, 4)},"b":${tensor(8, 12)}}`, 12), /tensor b begins at/],
  ['a hole at the start', fileOf(`{"a":${tensor(4, 8)}}`, 8), /tensor a begins at/],
  ['an overlap', fileOf(`{"a":${tensor(0, 4)},"b":${tensor(0, 4)}}`, 4), /tensor b begins at/],
  ['a negative offset', fileOf(`{"a":${tensor(-4, 0)}}`, 4), /tensor a has no data_offsets/],
  ['a fractional offset', fileOf(`{"a":${tensor(0, 4.5)}}`, 5), /tensor a has no data_offsets/],
  ['an offset written as a fraction', fileOf(`{"a":${tensor(0, 4).replace('4', '4.0')}}`, 4), /data_offsets/],
  ['an end before the begin', fileOf(`{"a":${tensor(4, 0)}}`, 4), /tensor a has no data_offsets/],
  ['a negative shape', fileOf(`{"a":${tensor(0, 4, [-1, -1])}}`, 4), /tensor a has no shape/],
  ['a fractional shape', fileOf(`{"a":${tensor(0, 4, [0.5, 2])}}`, 4), /tensor a has no shape/],
  ['a shape that is none', fileOf(`{"a":${tensor(0, 4, null)}}`, 4), /tensor a has no shape/],
  ['a shape of other size', fileOf(`{"a":${tensor(0, 4, [2])}}`, 4), /shape \[2\] has 4 bytes/],
  ['a shape past all bounds', fileOf(`{"a":${tensor(0, 4, [2 ** 52, 2 ** 52])}}`, 4), /has 4 bytes/],
  ['a name twice', fileOf(`{"a":${tensor(0, 4)},"a":${tensor(0, 4)}}`, 4), /stands twice/],
  ['a name twice, escaped', fileOf(`{"a":${tensor(0, 4)},"\\u0061":${tensor(0, 4)}}`, 4), /stands twice/],
  ['a tensor that is null', fileOf('{"a":null}'), /tensor a has no dtype/],
  ['metadata that is no text', fileOf('{"__metadata__":{"a":1}}'), /__metadata__ is not/],
  ['no UTF-8', fileOf(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d)), /not JSON/],
  ['half of a pair', fileOf('{"\\ud800":null}'), /surrogate/],
  ['depth', fileOf(`{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`), /deeper/],
  ['a header past the end', fileOf('{}').fill(255, 0, 1), /its header needs/],
  [
    'another format',
    fileOf('{}').fill(255, 0, 8),
    /not the length of a header, so it is probably of another/,
  ],
];

const dtypes: Readonly<Record<string, string>> = {
  Float32Array: 'F32',
  Float64Array: 'F64',
  Int8Array: 'I8',
  BigInt64Array: 'I64',
};

/** As `golden/tensorfiles.py` sums up what a reader found. */
function contentOf(tensors: ReturnType<typeof decodeSafetensors>['tensors']): string {
  const hashOf = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');
  const lines = Object.entries(tensors).map(([name, { shape, data }]) => {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return `${name} ${dtypes[data.constructor.name]} [${shape.join(', ')}] ${hashOf(bytes)}\n`;
  });
  return hashOf(lines.sort().join('')).slice(0, 8);
}

describe('base/safetensors', () => {
  it('reads back what it wrote', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'oabn-safetensors-'));
    const path = join(folder, 'model.safetensors');
    await writeSafetensors(path, example, { arch: '{"name":"A0"}' });
    const { tensors, metadata } = await readSafetensors(path);
    assert.deepEqual(tensors, example);
    assert.deepEqual(metadata, { arch: '{"name":"A0"}' });
    assert.deepEqual(await readdir(folder), ['model.safetensors']);
  });

  it('refuses every truncation with the name of the file', () => {
    const bytes = encodeSafetensors({ tensors: example, metadata: {} });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: bytes.length - 1 }), (length) => {
        assert.throws(
          () => decodeSafetensors(bytes.slice(0, length), 'x.safetensors'),
          /x\.safetensors is not a whole/,
        );
      }),
    );
  });

  it('says what to do about a missing file and an unknown dtype', async () => {
    await assert.rejects(
      readSafetensors('/nowhere/x.safetensors'),
      /Cannot read \/nowhere\/x\.safetensors: no such file/,
    );
    const folder = await mkdtemp(join(tmpdir(), 'oabn-safetensors-'));
    const header = Buffer.from(JSON.stringify({ w: { dtype: 'F8_E4M3', shape: [2], data_offsets: [0, 2] } }));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    const path = join(folder, 'half.safetensors');
    await writeFile(path, Buffer.concat([length, header, Buffer.alloc(2)]));
    await assert.rejects(readSafetensors(path), /tensor w has dtype F8_E4M3; convert it/);
  });

  it('reads truths and 16-bit integers as larger ones, and passes over what it is told to', () => {
    const header = {
      mask: { dtype: 'BOOL', shape: [3], data_offsets: [0, 3] },
      scaled: { dtype: 'F8_E4M3', shape: [1], data_offsets: [3, 4] },
      index: { dtype: 'U16', shape: [2], data_offsets: [4, 8] },
    };
    const file = fileOf(JSON.stringify(header), 8);
    file.set([1, 0, 1, 7, 2, 0, 255, 255], file.length - 8);
    const seen: unknown[] = [];
    const { tensors } = decodeSafetensors(file, 'x', { passOver: (...tensor) => seen.push(tensor) });
    assert.deepEqual(tensors, {
      mask: { shape: [3], data: Uint8Array.of(1, 0, 1) },
      index: { shape: [2], data: Int32Array.of(2, 65535) },
    });
    assert.deepEqual(seen, [['scaled', { dtype: 'F8_E4M3', shape: [1] }]]);
  });

  for (const [what, file, message] of hostile) {
    it(`refuses ${what}`, () => {
      assert.throws(
        () => decodeSafetensors(file, 'x.safetensors'),
        (error: unknown) => {
          assert.ok(error instanceof UserError, String(error));
          assert.match(error.message, /^x\.safetensors is not a whole safetensors file/);
          assert.match(error.message, message);
          return true;
        },
      );
    });
  }

  it('keeps a tensor whatever its name is', () => {
    for (const name of ['__proto__', 'constructor', 'toString', '']) {
      const tensors = Object.fromEntries([[name, example['linear.weight']]]);
      const read = decodeSafetensors(encodeSafetensors({ tensors, metadata: {} }));
      assert.deepEqual(Object.keys(read.tensors), [name]);
      assert.deepEqual(Object.values(read.tensors), [example['linear.weight']]);
    }
    const reserved = { __metadata__: example['linear.weight'] };
    assert.throws(() => encodeSafetensors({ tensors: reserved, metadata: {} }), /keeps that name/);
  });

  it("accepts nothing that the format's own reader refuses, and reads what both accept alike", async () => {
    const golden = JSON.parse(
      await readFile(new URL('golden/tensorfiles.json', import.meta.url), 'utf8'),
    ) as {
      corpus: string;
      contents: string[];
      verdicts: number[];
    };
    // −n are n refused files in a row, all others indices of contents.
    const verdicts = golden.verdicts.flatMap((each) =>
      each < 0 ? new Array<undefined>(-each).fill(undefined) : [golden.contents[each]],
    );
    const corpus = createHash('sha256');
    const counts = { accepted: 0, refused: 0, stricter: 0 };
    for (const [index, theirs] of verdicts.entries()) {
      const file = corpusFile(index);
      const length = Buffer.alloc(4);
      length.writeUInt32LE(file.length);
      corpus.update(length).update(file);
      try {
        assert.equal(contentOf(decodeSafetensors(file).tensors), theirs, `file ${index}`);
        counts.accepted++;
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        // Where we refuse what they read: the format forbids names that stand twice, and they keep the last;
        // shapes with a 0 may have sides beyond 2^53 there; and their metadata may be null.
        if (theirs !== undefined)
          assert.match(error.message, /stands twice|has no shape|__metadata__ is not/);
        counts[theirs === undefined ? 'refused' : 'stricter']++;
      }
    }
    assert.equal(corpus.digest('hex'), golden.corpus, 'make the golden verdicts of this corpus anew');
    assert.ok(counts.accepted > 500 && counts.refused > 6000, JSON.stringify(counts));
  });
});
