/**
 * Networks as files: safetensors with the official RepVGG names, so that checkpoints travel to and from
 * PyTorch. The architecture travels in the file's metadata when we wrote it; for files from elsewhere the
 * caller gives it.
 */
import { check, naming, parseJson, type SafetensorsOptions, writeSafetensors } from 'oabn-base';
import { type Architecture, normalizeArchitecture } from './architecture.js';
import { type NetworkForm, parameterShapes } from './parameters.js';
import { readStateDict, type StateDictFile, unreadText } from './readStateDict.js';
import { checkFinite, type StateDict } from './stateDict.js';

/** A network as a checkpoint holds it: description, tensors, and which of the two forms it has. */
export interface Network {
  /** Its description. */
  readonly arch: Architecture;
  /** Its tensors, in PyTorch's layouts. */
  readonly stateDict: StateDict;
  /** `training`: the three branches. `merged`: one convolution a block. */
  readonly form: NetworkForm;
  /** Other metadata of the file, by name. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Writes a network; `metadata` joins the architecture and the form in the file's header.
 * @throws UserError for a network that `loadNetwork` would refuse, such as one with NaN
 */
export async function saveNetwork(
  path: string,
  network: Pick<Network, 'arch' | 'stateDict' | 'form'>,
  metadata: Record<string, string> = {},
  options: SafetensorsOptions = {},
): Promise<void> {
  const { arch, stateDict, form } = network;
  checkFinite(stateDict, `${path} is not written`, 'the network is broken');
  // Also stored separately from the architecture, for those who merge the file with other code.
  const threshold = arch.oabn && { threshold: arch.oabn.learned ? 'learned' : String(arch.oabn.threshold) };
  const described = { format: 'pt', arch: JSON.stringify(arch), form, ...threshold, ...metadata };
  await writeSafetensors(path, stateDict, described, options);
}

/**
 * Reads a network. `arch` overrules the file's own description and is needed for files from elsewhere; the
 * number of classes is always the file's.
 * @throws UserError naming the first tensor that is missing, has another shape, or is not finite.
 */
export async function loadNetwork(path: string, arch?: Architecture): Promise<Network> {
  return networkOf(path, await readStateDict(path), arch);
}

/** What was read from `path` as a network. @throws as `loadNetwork` */
export function networkOf(path: string, file: StateDictFile, arch?: Architecture): Network {
  const { stateDict, metadata } = file;
  const described = arch ?? (metadata.arch ? describedIn(metadata.arch, path) : undefined);
  check(
    described,
    `${path} does not contain its architecture; give it with --arch, a name such as A0 or JSON with widths, depths and strides`,
  );
  const classes = stateDict['linear.weight']?.shape[0] ?? described.classes;
  const form = Object.keys(stateDict).some((name) => name.includes('.rbr_reparam.')) ? 'merged' : 'training';
  const network: Network = {
    arch: normalizeArchitecture({ ...described, classes }),
    stateDict,
    form,
    metadata,
  };
  checkNetwork(network, path, file);
  return network;
}

/** What a file's metadata say about its network. @throws UserError naming the part that cannot be right */
export function describedIn(text: string, path: string): Architecture {
  return naming(path, () => normalizeArchitecture(parseJson(text, 'arch') as Architecture));
}

/** Published networks are for 224×224 images, and their names are read here as those for 32×32. */
const hintFor = (missing: string): string =>
  /^stage\d+\.0\.rbr_identity\./.test(missing)
    ? ' A first block without an identity branch has a stride of 2, as all of them have in networks for ImageNet: --strides 2,2,2,2,2'
    : '';

function checkNetwork(
  { arch, stateDict, form }: Network,
  path: string,
  { integers, unread = {} }: StateDictFile,
): void {
  const expected = parameterShapes(arch, form);
  for (const [name, shape] of Object.entries(expected)) {
    const found = stateDict[name];
    const [integer, other] = [integers[name], unread[name]];
    check(
      !integer,
      () => `${path}: ${name} holds ${integer!.data.constructor.name}; expected 32-bit or 64-bit floats`,
    );
    check(!other, () => unreadText(path, name, other!));
    check(
      found,
      () =>
        `${path} has no ${name} (expected [${shape.join(', ')}]); is the architecture ${JSON.stringify(arch)} right?${hintFor(name)}`,
    );
    check(
      found.shape.join() === shape.join(),
      () =>
        `${path}: ${name} is [${found.shape.join(', ')}], the architecture expects [${shape.join(', ')}]; is --arch right?`,
    );
  }
  checkFinite(stateDict, path, 'the checkpoint is broken');
  const unknown = Object.keys(stateDict).filter((name) => !Object.hasOwn(expected, name));
  check(
    unknown.length === 0,
    () =>
      `${path} has ${unknown.length} tensors that the architecture does not, such as ${unknown[0]}; is --arch right?`,
  );
}
