/** How networks are displayed in a notebook: a state dict by its tensors, an architecture by its layers. */
import { registerDisplay, type Row, sizeOf, type Summary } from 'oabn-base';
import { type Architecture, architectureRule } from './architecture.js';
import { blocksOf } from './blocks.js';
import type { Network } from './checkpoint.js';
import { parameterShapes, type NetworkForm } from './parameters.js';
import { isBuffer } from './stateDict.js';

const count = (number: number): string => number.toLocaleString('en');

/** What a state dict and the tensors of an engine have in common. */
interface Shaped {
  readonly shape: readonly number[];
  readonly dtype?: string;
}

const isShaped = (value: unknown): value is Shaped => {
  const { shape, data } = (value ?? {}) as { shape?: unknown; data?: unknown };
  return Array.isArray(shape) && (ArrayBuffer.isView(data) || typeof data === 'function');
};

/** Whether `value` is a record of tensors, on the host or on the engine. */
const isTensorRecord = (value: object): value is Readonly<Record<string, Shaped>> => {
  const prototype: unknown = Object.getPrototypeOf(value);
  const entries = Object.values(value);
  return (
    (prototype === Object.prototype || prototype === null) && entries.length > 0 && entries.every(isShaped)
  );
};

/** «42 tensors, 310,234 values». */
function tensorsTitle(tensors: Readonly<Record<string, Shaped>>): string {
  const all = Object.values(tensors);
  const values = all.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  return `${count(all.length)} ${all.length === 1 ? 'tensor' : 'tensors'}, ${count(values)} values`;
}

/** A line for each tensor: its name, shape and number of values. */
const tensorRows = (tensors: Readonly<Record<string, Shaped>>): Row[] =>
  Object.entries(tensors).map(([name, { shape }]) => ({
    tensor: name,
    shape: `[${shape.join(', ')}]`,
    values: sizeOf(shape),
  }));

const isArchitecture = (value: object): value is Architecture => {
  if (!('widths' in value && 'depths' in value)) return false;
  try {
    architectureRule(value, 'arch');
    return true;
  } catch {
    return false;
  }
};

/** Such as «RepVGG, OABN s = 0.5, 10 classes: 310,234 parameters». */
function architectureTitle(arch: Architecture, form: NetworkForm = 'training'): string {
  const { block = 'repvgg', branches, oabn, classes } = arch;
  const family = block === 'qarepvgg' ? 'QARepVGG' : branches?.join() === '3x3' ? 'VGG' : 'RepVGG';
  const limit = oabn ? `${oabn.limit?.name ?? 'OABN'} s = ${oabn.threshold}` : 'BN';
  const trained = Object.entries(parameterShapes(arch, form)).filter(([name]) => !isBuffer(name));
  const parameters = trained.reduce((sum, [, shape]) => sum + sizeOf(shape), 0);
  const how = form === 'merged' ? 'merged' : limit;
  return `${family}, ${how}, ${classes} classes: ${count(parameters)} parameters`;
}

/** A line for each layer, from the input to the classifier. */
export function layerRows(arch: Architecture, form: NetworkForm = 'training'): Row[] {
  const shapes = Object.entries(parameterShapes(arch, form)).filter(([name]) => !isBuffer(name));
  const parameters = (prefix: string): number =>
    shapes
      .filter(([name]) => name.startsWith(`${prefix}.`))
      .reduce((sum, [, shape]) => sum + sizeOf(shape), 0);
  const layers = blocksOf(arch).map(({ name, inChannels, outChannels, stride, branches }) => ({
    layer: name,
    channels: `${inChannels} → ${outChannels}`,
    stride,
    branches: form === 'merged' ? 'merged 3x3' : branches.join(', '),
    parameters: parameters(name),
  }));
  const classifier = {
    layer: 'linear',
    channels: `${arch.widths.at(-1)} → ${arch.classes}`,
    parameters: parameters('linear'),
  };
  return [...layers, classifier];
}

const isNetwork = (
  value: object,
): value is Network & { readonly name?: string; readonly source?: string } => {
  const { arch, stateDict, form } = value as Partial<Network>;
  return (
    typeof form === 'string' && !!arch && isArchitecture(arch) && !!stateDict && isTensorRecord(stateDict)
  );
};

registerDisplay('oabn: state dict', isTensorRecord, (tensors): Summary => ({
  title: tensorsTitle(tensors),
  rows: tensorRows(tensors),
}));
registerDisplay('oabn: architecture', isArchitecture, (arch): Summary => ({
  title: architectureTitle(arch),
  rows: layerRows(arch),
}));
registerDisplay('oabn: network', isNetwork, ({ arch, form, source }): Summary => ({
  title: [architectureTitle(arch, form), ...(source === undefined ? [] : [source])].join(' · '),
  rows: layerRows(arch, form),
}));
