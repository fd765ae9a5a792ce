import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import {
  decodeSafetensors,
  decodeTorchFile,
  encodeSafetensors,
  type HostTensor,
  isTorchFile,
  UserError,
} from 'oabn-base';

const file = (name: string): Promise<Buffer> => readFile(new URL(`golden/${name}`, import.meta.url));

/** As 32-bit floats, which hold all of the numbers. */
const floats = (tensors: Readonly<Record<string, HostTensor>>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(tensors).map(([name, { shape, data }]) => [
      name,
      { shape, data: Float32Array.from(data as ArrayLike<number>, Number) },
    ]),
  );

describe('base/torchFile', () => {
  let expected: Record<string, unknown>;
  before(async () => {
    expected = floats(decodeSafetensors(await file('expected.safetensors')).tensors);
  });
  const network = (): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(expected)
        .filter(([name]) => name.startsWith('network.'))
        .map(([name, tensor]) => [name.slice('network.'.length), tensor]),
    );
  const plain = (): Record<string, unknown> =>
    Object.fromEntries(Object.entries(expected).filter(([name]) => !name.startsWith('network.')));

  it('reads every element type, views and empty tensors as PyTorch does', async () => {
    assert.deepEqual(floats(decodeTorchFile(await file('plain.pth'), 'plain.pth')), plain());
  });

  it('reads half precision out of safetensors', async () => {
    const { bool: _, ...others } = plain();
    assert.deepEqual(floats(decodeSafetensors(await file('types.safetensors')).tensors), others);
  });

  it('takes no safetensors file for a pickle, however long its header is', () => {
    for (let length = 0; length < 1600; length += 8) {
      const encoded = encodeSafetensors({ tensors: {}, metadata: { a: 'x'.repeat(length) } });
      assert.equal(isTorchFile(encoded), false, `a header of ${encoded.length - 8} bytes`);
    }
  });

  it('finds the state dict among what training code saves beside it, tensors too, and in a pickled module', async () => {
    assert.deepEqual(floats(decodeTorchFile(await file('wrapped.pth'), 'wrapped.pth')), network());
    assert.deepEqual(floats(decodeTorchFile(await file('module.pt'), 'module.pt')), network());
  });

  it('finds averaged weights under the names of several codes, and says what there is instead', async () => {
    const one = { '0.weight': { shape: [1], data: Float32Array.of(1) } };
    assert.deepEqual(decodeTorchFile(await file('averaged.pth'), 'x.pth'), one);
    const other = await file('other.pth');
    assert.throws(
      () => decodeTorchFile(other, 'x.pth'),
      /x\.pth contains no state dict, .*params_ema.*; its entries are epoch, generator\. Save/,
    );
  });

  it('reads tensors and parameters that have attributes', async () => {
    const three = { shape: [3], data: Float32Array.of(1, 0, 2) };
    assert.deepEqual(decodeTorchFile(await file('attributes.pth'), 'x.pth'), {
      '0.weight': three,
      '0.bias': three,
    });
  });

  it('loses no tensor of a form that is not read, but names it', async () => {
    for (const [name, message] of [
      ['array', /x\.pth: 0\.bias is stored by numpy\S*\._reconstruct, which is not supported/],
      ['quantized', /x\.pth: 0\.weight is stored by torch\._utils\._rebuild_qtensor,/],
      ['sparse', /x\.pth: 0\.weight is stored by torch\._utils\._rebuild_sparse_tensor,/],
    ] as const) {
      const bytes = await file(`${name}.pth`);
      assert.throws(() => decodeTorchFile(bytes, 'x.pth'), message);
    }
  });

  it('reads the weights of TorchScript modules, and says how to get those of frozen ones and of programs', async () => {
    const script = floats(decodeTorchFile(await file('script.pt'), 'script.pt'));
    const inSequence = Object.entries(network()).map(([name, tensor]) => [`0.${name}`, tensor]);
    assert.deepEqual(script, Object.fromEntries(inSequence));
    for (const [name, message] of [
      ['frozen.pt', /x is a TorchScript module whose weights are constants .* before torch\.jit\.freeze/],
      ['program.pt2', /x is a program of torch\.export; save its weights alone: torch\.save/],
    ] as const) {
      const bytes = await file(name);
      assert.throws(() => decodeTorchFile(bytes, 'x'), message);
    }
  });

  it('refuses modules that stand in one another more often than anyone can look', async () => {
    // 41 modules, each twice in the next: 2^40 places.
    const shared = await file('shared.pt');
    assert.throws(() => decodeTorchFile(shared, 'shared.pt'), /shared\.pt has more than 1000000 modules/);
  });

  it('says how to convert what PyTorch wrote before 1.6', async () => {
    const legacy = await file('legacy.pth');
    assert.ok(isTorchFile(legacy));
    assert.throws(
      () => decodeTorchFile(legacy, 'old.pth'),
      /old\.pth was written by PyTorch before 1\.6.*\n {2}python -c .*torch\.save\(torch\.load/,
    );
  });

  it('answers every mutation with a UserError or with tensors', async () => {
    const original = await file('wrapped.pth');
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(original.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        fc.option(fc.nat(original.length)),
        (changes, length) => {
          const mutated = Buffer.from(length === null ? original : original.subarray(0, length));
          for (const [at, value] of changes) if (at < mutated.length) mutated[at] = value;
          try {
            decodeTorchFile(mutated, 'x.pth');
          } catch (error) {
            assert.ok(error instanceof UserError, String((error as Error).stack));
          }
        },
      ),
      { numRuns: 3000 },
    );
  });
});
