/** The picture of accuracy.ts: accuracy over seconds, a line for each engine. */
import { lineFigure } from 'oabn-paper/figures';
import type { AccuracyRun } from './accuracyRecipe.js';
import { savePicture } from './savePicture.js';

const names: Readonly<Record<string, string>> = {
  compiled: 'oabn',
  'torch-eager': 'PyTorch',
  'torch-compiled': 'PyTorch, torch.compile',
};

/** Writes `path`.svg and .png. */
export async function drawAccuracy(
  path: string,
  runs: readonly AccuracyRun[],
  target: number,
  { cpu, cores }: { readonly cpu: string; readonly cores: number },
): Promise<void> {
  const last = Math.max(...runs.flatMap(({ epochs }) => epochs.map(({ seconds }) => seconds)));
  const figure = lineFigure({
    title: 'Accuracy over training time, CIFAR-10',
    subtitle: `RepVGG blocks of 32–128 channels, batch 128, float32; all test images after each epoch; ${cpu}, ${cores} cores`,
    xTitle: 'Seconds of training (s)',
    yTitle: 'Test accuracy (%)',
    series: [
      ...runs.map(({ engine, version, epochs }) => ({
        name: engine === 'compiled' ? names.compiled! : `${names[engine] ?? engine} ${version.split('+')[0]}`,
        x: epochs.map(({ seconds }) => seconds),
        y: epochs.map(({ accuracy }) => 100 * accuracy),
      })),
      {
        name: `${100 * target}%`,
        x: [0, last],
        y: [100 * target, 100 * target],
        dash: 'dot',
        markers: false,
      },
    ],
  });
  await savePicture(path, figure);
}
