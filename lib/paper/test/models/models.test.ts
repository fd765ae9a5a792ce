import assert from 'node:assert/strict';
import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileDigest } from 'oabn-base';
import { bestNetwork, modelFile, modelsFolder, openModel, shippedModels } from '../../src/models/index.js';

const most = 12 * 2 ** 20;

describe('models', () => {
  it('that ship are the files that the list says, with a card each, and at most 12 MiB', async () => {
    const models = await shippedModels();
    const files = await readdir(modelsFolder());
    const expected = models.flatMap(({ name }) => [`${name}.safetensors`, `${name}.md`]);
    assert.deepEqual(files.sort(), ['README.md', 'models.json', ...expected].sort());
    let bytes = 0;
    for (const model of models) {
      const { size } = await stat(modelFile(model));
      assert.equal(size, model.bytes, model.name);
      assert.equal(await fileDigest(modelFile(model)), model.sha256, model.name);
      const card = await readFile(join(modelsFolder(), `${model.name}.md`), 'utf8');
      assert.ok(card.includes(`**${(100 * model.accuracy).toFixed(2)} %**`), `accuracy in ${model.name}.md`);
      assert.ok(card.includes(model.sha256), `checksum in ${model.name}.md`);
      bytes += size;
    }
    assert.ok(bytes <= most, `${bytes} bytes`);
  });

  it('open as what their names say', async () => {
    for (const { name, bits } of await shippedModels()) {
      const { arch, form, quantization } = await openModel(name);
      assert.equal(form, bits === undefined ? 'training' : 'merged', name);
      assert.equal(quantization?.scheme.bits, bits, name);
      const s = /oabn-(\d+(?:\.\d+)?)/.exec(name)?.[1];
      assert.equal(arch.oabn?.threshold, s === undefined ? undefined : Number(s), name);
    }
  });

  it('stand for a network of their own s only; one of another s is trained', async () => {
    const lab = {
      get profile() {
        throw new Error('is trained');
      },
    } as never;
    const plain = await bestNetwork(lab, 'cifar10-plain-bn', { threshold: Infinity });
    assert.equal(plain.name, 'plain BN');
    assert.equal((await bestNetwork(lab, 'cifar10-oabn-0.5', { threshold: 0.5 })).name, 'OABN s=0.5');
    for (const name of ['cifar10-oabn-0.5', 'cifar10-plain-bn', 'nope'])
      await assert.rejects(bestNetwork(lab, name, { threshold: 0.3 }), /is trained/, name);
  });

  it('are listed where a name is unknown', async () => {
    await assert.rejects(openModel('nope'), /No network «nope» ships with the project; expected one of/);
  });
});
