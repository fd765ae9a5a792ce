/**
 * The results that ship with the project stay those of the configurations that this code names and hashes.
 */
import assert from 'node:assert/strict';
import { mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canonicalJson } from 'oabn-base';
import { hashOf, readConfig, storedConfig } from 'oabn/experiment';
import { openStore } from 'provable-runs';
import { shippedFolder } from '../src/profiles/index.js';

describe('the results that ship', () => {
  it('are whole, and their configurations are canonical and have the hashes that name them', async function () {
    this.timeout(180_000);
    const shipped = shippedFolder();
    const files = (await readdir(shipped)).filter((name) => name.endsWith('.json'));
    assert.ok(files.length > 500);
    const folder = await mkdtemp(join(tmpdir(), 'oabn-shipped-'));
    // The store leaves out and names a file that does not agree with its checksum or its hash.
    const said: string[] = [];
    const entries = await openStore(folder, { shipped, notice: (message) => said.push(message) }).list();
    assert.deepEqual(said, []);
    assert.deepEqual(entries.map(({ hash }) => `${hash}.json`).sort(), files.sort());
    for (const { hash, config } of entries) {
      const read = readConfig(config);
      assert.equal(canonicalJson(storedConfig(read)), canonicalJson(config), hash);
      assert.equal(hashOf(read), hash);
    }
  });
});
