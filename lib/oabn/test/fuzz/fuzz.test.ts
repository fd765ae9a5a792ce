import assert from 'node:assert/strict';
import { fuzz } from './fuzz.js';
import { fuzzTargets, type Target } from './targets.js';

describe('readers of foreign files', () => {
  let targets: Target[];
  before(async () => {
    targets = await fuzzTargets();
  });
  // Named here because mocha wants names before the files are read. Together 10,000 mutations.
  const counts = {
    safetensors: 2500,
    'PyTorch files': 2500,
    'families: names and shapes': 1000,
    'networks: what stands between blocks': 1000,
    'described networks: layouts of one’s own': 1000,
    'descriptions of families': 1000,
    architectures: 1000,
  };
  for (const [name, count] of Object.entries(counts)) {
    it(`answer ${count} mutated files with a clear error or a result: ${name}`, function () {
      this.timeout(120_000);
      const target = targets.find((one) => one.name === name)!;
      const { read, refused, failures } = fuzz(target, count, 1);
      assert.deepEqual(failures, []);
      assert.equal(read + refused, count);
      // Mutations that are all refused, or none, would test nothing.
      assert.ok(refused > count / 100, `${refused} refused`);
    });
  }
});
