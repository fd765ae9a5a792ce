import assert from 'node:assert/strict';
import {
  doctor,
  type DoctorReport,
  formatDoctor,
  selfTest,
  tf,
  useBackend,
} from '../../src/engines/index.js';
import { type BackendWasm, floats } from '../../src/engines/wasm/simd.js';
import { nodeIsSupported } from '../../src/engines/doctor.js';

describe('doctor', () => {
  const before = process.env.OABN_BACKEND;
  afterEach(() => {
    if (before === undefined) Reflect.deleteProperty(process.env, 'OABN_BACKEND');
    else process.env.OABN_BACKEND = before;
  });

  it('reports this machine, tests the chosen backend and says it in words', async () => {
    process.env.OABN_BACKEND = 'wasm';
    const report = await doctor();
    assert.equal(report.chosen?.name, 'wasm');
    assert.equal(tf.getBackend(), 'wasm');
    assert.deepEqual(
      report.backends.map(({ name }) => name),
      ['tensorflow', 'webgpu', 'wasm'],
    );
    for (const { found, detail, advice } of report.backends) {
      assert.ok(detail.length > 0);
      if (!found) assert.ok(advice);
    }
    assert.ok(report.onnxruntime.loads);
    assert.ok(report.selfTest.every(({ correct, gflops }) => correct && gflops > 0));
    const text = formatDoctor(report);
    assert.match(text, /Node +\d+\.\d+\.\d+ on/);
    assert.match(text, /✔ wasm .*1 thread/);
    assert.match(text, /Chosen +wasm on .*OABN_BACKEND=wasm/);
    assert.match(text, /✔ its filter gradient: [\d.]+ GFLOP\/s/);
  });

  const report: DoctorReport = {
    node: { version: '18.1.0', supported: false },
    platform: 'linux x64',
    cpu: { model: 'a CPU', cores: 4, memoryBytes: 2 ** 33 },
    backends: [
      { name: 'tensorflow', found: false, detail: 'no binding', advice: 'build it' },
      { name: 'webgpu', found: true, detail: 'a GPU' },
      { name: 'wasm', found: true, detail: 'a CPU' },
    ],
    adapter: {
      ...{ vendor: 'acme', architecture: 'x1', device: '', description: 'a GPU', software: false },
      features: ['shader-f16', 'subgroups', 'other'],
    },
    choice: 'tensorflow',
    failure: 'Backend tensorflow cannot be used here',
    onnxruntime: { loads: false, reason: 'no such file' },
    selfTest: [{ name: 'a product', error: 0.5, correct: false, gflops: 12_345 }],
  };

  it('says what is wrong and what would help', () => {
    const text = formatDoctor(report);
    assert.match(text, /18\.1\.0 – too old/);
    assert.match(text, /adapter +acme x1; features: f16, subgroups\n/);
    assert.match(text, /Chosen +none\. Backend tensorflow cannot be used here/);
    assert.match(text, /onnxruntime-node does not load \(no such file\)/);
    assert.match(text, /✘ WRONG: a product: 12\.3 TFLOP\/s/);
    assert.match(text, /To be faster\n {2}tensorflow: build it\n {2}webgpu: unset OABN_BACKEND/);
  });

  it('advises only what is faster than the backend that runs', () => {
    const chosen = {
      name: 'webgpu',
      reason: '',
      device: 'a GPU',
      versions: {},
      software: false,
      tried: [],
    } as const;
    const text = formatDoctor({ ...report, choice: 'auto', chosen });
    assert.match(text, /To be faster\n {2}tensorflow: build it$/);
  });

  it('knows which Node versions work', () => {
    assert.deepEqual(['18.20.0', '20.18.3', '20.19.0', '22.1.0', '24.9.0'].map(nodeIsSupported), [
      false,
      false,
      true,
      true,
      true,
    ]);
  });
});

describe('selfTest', () => {
  it('finds a kernel that computes wrongly', async () => {
    await useBackend('wasm');
    const kernel = tf.getKernel(tf.Conv2DBackpropFilter, 'wasm');
    tf.unregisterKernel(kernel.kernelName, 'wasm');
    tf.registerKernel({
      ...kernel,
      kernelFunc: (call) => {
        const result = kernel.kernelFunc(call) as tf.TensorInfo;
        floats(call.backend as BackendWasm, result).forEach((value, i, all) => (all[i] = value * 1.02));
        return result;
      },
    });
    try {
      const results = await selfTest(64);
      assert.deepEqual(
        results.map(({ correct }) => correct),
        [true, true, true, false],
      );
    } finally {
      tf.unregisterKernel(kernel.kernelName, 'wasm');
      tf.registerKernel(kernel);
    }
  });
});
