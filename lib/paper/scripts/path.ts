/**
 * Which files must a reader open to follow the method? Trains a network with OABN, merges it, and fine-tunes
 * it with ClusterQAT, a step of each, and lists the files in which functions ran meanwhile: those of the
 * method's package, and apart from them the utilities that it shares with others (`check`, `random`, `sizeOf`,
 * the rules of JSON), whose names say enough. The engine is left out.
 *
 *     node --conditions=oabn-source --import tsx lib/paper/scripts/path.ts
 */
import { Session } from 'node:inspector/promises';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  calibrate,
  finetunedNetwork,
  finetuneState,
  finetuneSteps,
  initialize,
  initialState,
  mergeNetwork,
  normalizeArchitecture,
  pretrainStep,
  toStateDict,
  toVariables,
} from 'oabn';
import { tf, useBackend } from 'tfjs-native';

const lib = fileURLToPath(new URL('../..', import.meta.url));
const sgd = { momentum: 0.9, weightDecay: 1e-4, labelSmoothing: 0 };
const [batch, side, classes] = [8, 8, 10];

async function path(): Promise<void> {
  const arch = normalizeArchitecture({
    ...{ widths: [8, 8, 8], depths: [1, 2, 1], strides: [1, 1, 1], classes },
    oabn: { threshold: 0.5 },
  });
  const images: tf.Tensor4D = tf.randomNormal([batch, side, side, 3]);
  const labels = tf.range(0, batch, 1, 'int32');
  const input = { images, labels, learningRate: tf.scalar(0.1) };

  const { params, buffers } = toVariables(initialize(arch, 1));
  const { state } = pretrainStep(arch, sgd)(initialState(params, buffers), input);
  const merged = mergeNetwork(arch, await toStateDict(state.params, state.buffers));

  const to = { arch, scheme: { bits: 4, weights: 'cluster' } } as const;
  const pixels = { images: (await images.data()) as Float32Array, size: batch };
  const ranges = await calibrate(arch, merged, [pixels]);
  const tuned = finetuneSteps({ ...to, ...sgd })(0)(finetuneState({ ...to, network: merged, ranges }), input);
  const [ofParams, ofBuffers] = await Promise.all(
    [tuned.state.params, tuned.state.buffers].map((tensors) => toStateDict(tensors)),
  );
  finetunedNetwork({ ...to, params: ofParams!, buffers: ofBuffers! });
}

await useBackend('wasm');
const session = new Session();
session.connect();
await session.post('Profiler.enable');
await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
await session.post('Profiler.takePreciseCoverage'); // what importing called does not count
await path();
const { result } = await session.post('Profiler.takePreciseCoverage');

const files = result
  .filter(({ functions }) => functions.some(({ ranges }) => ranges[0]!.count > 0))
  .filter(({ url }) => url.startsWith('file:'))
  .map(({ url }) => relative(lib, fileURLToPath(url.replace(/\?.*/, ''))))
  .filter((file) => /^(oabn|base)\/src\//.test(file))
  .sort();
const method = files.filter((file) => file.startsWith('oabn/'));
for (const file of files) console.log(file);
console.log(`${method.length} files of the method, and ${files.length - method.length} utilities`);
