/** The doctor's report as text. */
import type { BackendName } from './backendInfo.js';
import type { BackendFinding, DoctorReport } from './doctor.js';
import type { SelfTest } from './selfTest.js';

const whatItIs: Record<BackendName, string> = {
  tensorflow: 'libtensorflow with CUDA',
  webgpu: 'GPU through Vulkan, Metal or Direct3D',
  wasm: 'CPU, always there',
};

const features: Readonly<Record<string, string>> = {
  'shader-f16': 'f16',
  subgroups: 'subgroups',
  'chromium-experimental-subgroup-matrix': 'subgroup matrices',
  'timestamp-query': 'timestamps',
};

/** Lines for a terminal, without colours. */
export function formatDoctor(report: DoctorReport): string {
  const { node, platform, cpu, chosen, failure, onnxruntime } = report;
  const lines = [
    `Node      ${node.version}${node.supported ? '' : ' – too old: 20.19 or newer is needed'} on ${platform}`,
    `CPU       ${cpu.model}, ${cpu.cores} cores, ${gib(cpu.memoryBytes)} of memory`,
    '',
    'Backends, from the fastest',
    ...report.backends.flatMap(formatFinding),
    ...formatAdapter(report),
    '',
    chosen
      ? `Chosen    ${chosen.name} on ${chosen.device}: ${whyChosen(report)}`
      : `Chosen    none. ${failure}`,
    onnxruntime.loads
      ? `Compiled  steps on the CPU can run on onnxruntime ${onnxruntime.version}`
      : `Compiled  steps on the CPU cannot run: onnxruntime-node does not load (${onnxruntime.reason}); npm ci again`,
  ];
  if (report.selfTest.length > 0)
    lines.push('', 'Self-test against float64', ...report.selfTest.map(formatSelfTest));
  const advice = adviceOf(report);
  if (advice.length > 0) lines.push('', 'To be faster', ...advice.map((line) => `  ${line}`));
  return lines.join('\n');
}

function formatFinding({ name, found, detail }: BackendFinding): string[] {
  return [`  ${found ? '✔' : '✘'} ${name.padEnd(11)}${whatItIs[name]}: ${detail}`];
}

function formatAdapter({ adapter }: DoctorReport): string[] {
  if (!adapter) return [];
  const has = Object.entries(features).filter(([feature]) => adapter.features.includes(feature));
  const names = has.map(([, name]) => name).join(', ') || 'none of those that kernels use';
  const kind = adapter.software ? 'emulated GPU' : `${adapter.vendor} ${adapter.architecture}`.trim();
  return [`    adapter    ${kind}; features: ${names}`];
}

function whyChosen({ choice, chosen }: DoctorReport): string {
  return choice === 'auto' ? chosen!.reason : `OABN_BACKEND=${choice}`;
}

/** One line of a self-test. */
export function formatSelfTest({ name, error, correct, gflops }: SelfTest): string {
  const speed = gflops >= 1000 ? `${(gflops / 1000).toFixed(1)} TFLOP/s` : `${gflops.toFixed(1)} GFLOP/s`;
  const verdict = correct ? '✔' : '✘ WRONG:';
  return `  ${verdict} ${name}: ${speed}, relative error ${error.toExponential(1)}`;
}

/** How to get each backend that is faster than the one that runs. */
function adviceOf({ backends, chosen }: DoctorReport): string[] {
  const running = backends.findIndex(({ name }) => name === chosen?.name);
  const faster = running < 0 ? backends : backends.slice(0, running);
  return faster.map(({ name, advice = 'unset OABN_BACKEND' }) => `${name}: ${advice}`);
}

const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(0)} GiB`;
