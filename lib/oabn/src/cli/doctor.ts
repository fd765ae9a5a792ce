/**
 * `oabn doctor`: of this machine, which engines there are, which was chosen and why, and how to get a faster
 * one; of a checkpoint, see `doctorCheckpoint.ts`.
 */
import type { Command } from 'commander';
import { doctor, type DoctorReport, formatDoctor, formatSelfTest, type SelfTest } from 'tfjs-native';
import {
  type GpuFeatures,
  gpuFeatures,
  kernelSelfTest,
  trustedFeatures,
  webgpuDevice,
} from 'tfjs-native/webgpu';
import { check, errorMessage } from 'oabn-base';
import { type DoctorOptions, examineCheckpoint } from './doctorCheckpoint.js';
import {
  type CommonOptions,
  dataOption,
  jsonOption,
  profileOption,
  runsOption,
  withNetworkOptions,
} from './options.js';
import { exitUnwell, print } from './output.js';

export function addDoctor(program: Command): void {
  withNetworkOptions(
    program
      .command('doctor [checkpoint]')
      .description(
        'for this machine: its engines, which one is chosen, and why; for a checkpoint: what low bit widths will cost, why, and what helps',
      ),
  )
    .addOption(dataOption)
    .option('--images <n>', 'number of test images to try remedies on', '1000')
    .option('--calibration <n>', 'number of training images to calibrate on', '256')
    .option(
      '--anneal <minutes>',
      'with --data, how many minutes to train on, with OABN and with KURE each, as remedies; 0 for none',
      '3',
    )
    .option('--anneal-to <s>', 'the s of OABN at the end of this training', '0.5')
    .addOption(runsOption)
    .addOption(profileOption)
    .option('--html <file>', 'write the report as a page with pictures')
    .addOption(jsonOption)
    .addHelpText(
      'after',
      `
Without a checkpoint: exits with 4 where no engine computes correctly. With one, of any family: with --data the remedies are
tried out if the network can be computed here (oabn inspect tells); without --data, they are judged by the weights.

Examples:
  $ OABN_BACKEND=wasm oabn doctor
  $ oabn doctor mobileone_s1.pth --html doctor.html
  $ oabn doctor trained.safetensors --arch A0 --data cifar10 --html doctor.html`,
    )
    .action(async (checkpoint: string | undefined, options: DoctorOptions, command: Command) => {
      if (checkpoint !== undefined) return await examineCheckpoint(checkpoint, options);
      checkForMachine(command);
      await examineMachine(options);
    });
}

/** @throws UserError for an option that says something of a checkpoint */
function checkForMachine(command: Command): void {
  const given = command.options.filter((option) => {
    const name = option.attributeName();
    return name !== 'json' && command.getOptionValueSource(name) === 'cli';
  });
  check(
    given.length === 0,
    `${given.map(({ long }) => long).join(', ')}: only for a checkpoint; name one, as in oabn doctor net.safetensors`,
  );
}

async function examineMachine({ json }: CommonOptions): Promise<void> {
  const report = await doctor();
  const kernels = await examineKernels(report);
  const text = [formatDoctor(report), ...(kernels ? ['', ...formatKernels(kernels)] : [])].join('\n');
  print({ ...report, ...(kernels ? { kernels } : {}) }, text, json);
  if (!isWell(report, kernels)) process.exitCode = exitUnwell;
}

function isWell({ chosen, selfTest }: DoctorReport, kernels: KernelReport | undefined): boolean {
  const failed = [...selfTest, ...(kernels?.selfTest ?? [])].some(({ correct }) => !correct);
  return chosen !== undefined && !failed && kernels?.failure === undefined;
}

/** Our own GPU kernels: what the device offers them, what they use of it, and how they did. */
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
