/** `oabn doctor`: which engines there are, which was chosen and why, and how to get a faster one. */
import type { Command } from 'commander';
import { doctor, type DoctorReport, formatDoctor, formatSelfTest, type SelfTest } from 'tfjs-native';
import {
  type GpuFeatures,
  gpuFeatures,
  kernelSelfTest,
  trustedFeatures,
  webgpuDevice,
} from 'tfjs-native/webgpu';
import { errorMessage } from 'oabn-base';
import { type CommonOptions, jsonOption } from './options.js';
import { print } from './output.js';

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('show the engines that were found, the one that is chosen and why, and a short self-test')
    .addOption(jsonOption)
    .addHelpText('after', '\nExample:\n  $ OABN_BACKEND=wasm oabn doctor')
    .action(async ({ json }: CommonOptions) => {
      const report = await doctor();
      const kernels = await examineKernels(report);
      const text = [formatDoctor(report), ...(kernels ? ['', ...formatKernels(kernels)] : [])].join('\n');
      print({ ...report, ...(kernels ? { kernels } : {}) }, text, json);
    });
}

/** Our own GPU kernels: what the device offers to them, what of it is used, and how they did. */
interface KernelReport {
  readonly offered: GpuFeatures;
  readonly used: GpuFeatures;
  readonly selfTest: readonly SelfTest[];
  /** Why there is no self-test, if there is none. */
  readonly failure?: string;
}

async function examineKernels({ chosen }: DoctorReport): Promise<KernelReport | undefined> {
  const device = webgpuDevice();
  if (!device || chosen?.name !== 'webgpu') return undefined;
  const [offered, used] = [gpuFeatures(device), await trustedFeatures(device)];
  try {
    return { offered, used, selfTest: await kernelSelfTest(device, used, chosen.software) };
  } catch (error) {
    return { offered, used, selfTest: [], failure: errorMessage(error) };
  }
}

function formatKernels({ offered, used, selfTest, failure }: KernelReport): string[] {
  const units = ({ subgroupMatrix }: GpuFeatures): string =>
    subgroupMatrix
      ? `matrix units ${subgroupMatrix.m}×${subgroupMatrix.n}×${subgroupMatrix.k} of ${subgroupMatrix.component} → ${subgroupMatrix.result}`
      : 'no matrix units';
  const refused = offered.subgroupMatrix && !used.subgroupMatrix;
  const half = used.f16 ? 'half precision' : 'no half precision';
  const memory = `${used.maxWorkgroupStorage / 1024} KiB of workgroup memory, ${used.maxInvocations} threads`;
  return [
    `Own GPU kernels (${half}, ${units(used)}; ${memory})`,
    ...selfTest.map(formatSelfTest),
    ...(refused ? [`  ✘ ${units(offered)} compute wrongly here and are not used`] : []),
    ...(failure === undefined ? [] : [`  ✘ ${failure}`]),
  ];
}
