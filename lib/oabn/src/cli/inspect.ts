/** `oabn inspect`: which family and network a checkpoint is, and which of its tensors were recognized. */
import type { Command } from 'commander';
import { check, tableText } from 'oabn-base';
import {
  checkUnread,
  describeRecognition,
  type FamilyReport,
  type Leftover,
  namePatterns,
  recognize,
} from '../family/index.js';
import {
  blocksOf,
  describedIn,
  type NonFinite,
  nonFinite,
  nonFiniteText,
  readStateDict,
} from '../model/index.js';
import { type QuantizationScheme, schemeOfFile } from '../quantize/index.js';
import { familyOf, familyOption } from './familyOptions.js';
import { type CommonOptions, jsonOption } from './options.js';
import { print } from './output.js';

/** How many names of a list are shown to people; JSON has all of them. */
const shown = 6;

export function addInspect(program: Command): void {
  program
    .command('inspect <checkpoint>')
    .description(
      'report which family and network a checkpoint belongs to, and which of its parts are recognised',
    )
    .addOption(familyOption)
    .addOption(jsonOption)
    .addHelpText(
      'after',
      `
Reads safetensors and PyTorch's own files (.pt, .pth; nothing in them is executed). A family that is not known is described
by a JSON file: the branches of its blocks and the names of their tensors (docs/your-own-family.md of this package).

Examples:
  $ oabn inspect mobileone_s1.safetensors
  $ oabn inspect mine.pth --family mine.json --json`,
    )
    .action(async (checkpoint: string, options: CommonOptions & { family?: string }) => {
      const file = await readStateDict(checkpoint);
      const { stateDict, metadata } = file;
      const family = familyOf(options.family, metadata);
      checkUnread(checkpoint, file, family, (message) => process.stderr.write(`${message}\n`));
      const recognition = recognize(stateDict, family);
      check(
        recognition,
        () =>
          `No known family's blocks are in ${checkpoint}; its tensors are ${list(Object.keys(stateDict))}. Describe its blocks ` +
          'in a JSON file and name that with --family',
      );
      const { arch } = metadata;
      const own = arch === undefined ? undefined : describedIn(arch, checkpoint);
      const scheme = schemeOfFile(checkpoint, metadata);
      const report = {
        ...describeRecognition(stateDict, recognition, own),
        metadata,
        ...(scheme && { quantization: scheme }),
        nonFinite: nonFinite(stateDict),
      };
      print(report, formatReport(checkpoint, report), options.json);
    });
}

interface InspectReport extends FamilyReport {
  readonly nonFinite: readonly NonFinite[];
  /** How the file is quantized; absent in FP32. */
  readonly quantization?: QuantizationScheme;
}

function formatReport(checkpoint: string, report: InspectReport): string {
  const { blocks, merged, incomplete, leftovers, assumptions, nonFinite, quantization } = report;
  const rows = blocks.map(({ block, kind, shape, branches }) => ({
    block: block || '(whole file)',
    kind,
    'merged kernel': shape.join('×'),
    branches: branches.join(' + '),
  }));
  const lines = [
    `${checkpoint}: ${report.title}${report.source === undefined ? '' : ` (${report.source})`}`,
    ...(rows.length > 0 ? ['', tableText(rows), ''] : []),
    ...(merged.length > 0 ? [`merged already: ${list(merged)}`] : []),
    ...Object.entries(incomplete).map(([name, reason]) => `incomplete: ${name}: ${reason}`),
    ...(leftovers.length > 0
      ? ['in no block, kept as it is:', tableText(leftovers.map(formatLeftover)), '']
      : []),
    ...assumptions.map((assumption) => `taken for granted: ${assumption}`),
    ...(quantization ? [quantizationText(quantization)] : []),
    ...nonFinite.map((tensor) => `broken: ${nonFiniteText(tensor)}`),
    networkLine(report),
  ];
  return lines.join('\n');
}

function quantizationText({ bits, weights, granularity = 'perTensor' }: QuantizationScheme): string {
  return `quantized to ${bits} bits (${weights}, ${granularity})`;
}

function formatLeftover({ kind, modules, tensors }: Leftover): Record<string, string | number> {
  return { kind, modules: modules.length, tensors, which: list(namePatterns(modules)) };
}

function networkLine({ arch, notComputed, incomplete }: FamilyReport): string {
  if (!arch && Object.keys(incomplete).length > 0)
    return `Not computed here (${notComputed}), nor merged: the file is incomplete.`;
  if (!arch) return `Not computed here (${notComputed}): its blocks are merged and analysed.`;
  if (!arch.operations) return `As RepVGG: ${JSON.stringify(arch)}; all commands take it.`;
  const convolutions = blocksOf(arch).length;
  return (
    `As a merged network of ${convolutions} convolutions and ${arch.classes} classes: eval, quantize, finetune, doctor and ` +
    'export take it.'
  );
}

function list(names: readonly string[]): string {
  const more = names.length > shown ? ` and ${names.length - shown} more` : '';
  return `${names.slice(0, shown).join(', ')}${more}`;
}
