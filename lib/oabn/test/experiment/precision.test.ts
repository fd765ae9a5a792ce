import assert from 'node:assert/strict';
import { tf } from 'tfjs-native';
import { compiledCache } from '../../src/experiment/compiledCache.js';
import { engineName } from '../../src/experiment/provenance.js';

const features = { f16: true, subgroups: true, maxWorkgroupStorage: 49152, maxInvocations: 1024 };
const gpu = { kind: 'webgpu', adapter: 'a card', features } as const;

describe('the precision of runs', () => {
  it('is named in their provenance where it is not float32', () => {
    assert.equal(engineName('webgpu', { ...gpu, precision: 'float16' }), 'webgpu, compiled, float16');
    assert.equal(engineName('webgpu', { ...gpu, precision: 'float32' }), 'webgpu, compiled');
    const cpu = { kind: 'onnxruntime', version: '1.2.3', block: 16 } as const;
    assert.equal(engineName('wasm', cpu), 'onnxruntime 1.2.3, compiled');
    assert.equal(engineName('wasm', { kind: 'eager', reason: 'as asked' }), 'wasm, eager');
  });

  it('reaches what a lab compiles, which says where it cannot be had', async () => {
    await tf.setBackend('cpu');
    const said: string[] = [];
    const warn = (message: string): void => void said.push(message);
    const cache = compiledCache({ eager: true, precision: 'float16', warn });
    const double = await cache.get('double', () => (x: tf.Tensor) => tf.mul(x, 2), [tf.zeros([1])]);
    assert.deepEqual([...(await double(tf.tensor1d([3]))).dataSync()], [6]);
    assert.deepEqual(said, ['Precision float16 cannot be used, steps compute in float32: steps run eagerly']);
    await cache.dispose();
  });
});
