/**
 * The published networks by name, RepVGG-A0 to B3 without groups (arXiv 2101.03697, table 2) and the same
 * with QARepVGG's blocks; and an architecture read from what a user types, a name or JSON.
 */
import { check, UserError } from 'oabn-base';
import {
  type Architecture,
  type BlockKind,
  type Branch,
  normalizeArchitecture,
  type Oabn,
} from './architecture.js';

const depthsOf = { A: [1, 2, 4, 14, 1], B: [1, 4, 6, 16, 1] } as const;

/**
 * Depths and width factors (stages 1–3, stage 4) of the published networks without groups (arXiv 2101.03697,
 * table 2).
 */
const published: Readonly<Record<string, { depths: readonly number[]; a: number; b: number }>> = {
  A0: { depths: depthsOf.A, a: 0.75, b: 2.5 },
  A1: { depths: depthsOf.A, a: 1, b: 2.5 },
  A2: { depths: depthsOf.A, a: 1.5, b: 2.75 },
  B0: { depths: depthsOf.B, a: 1, b: 2.5 },
  B1: { depths: depthsOf.B, a: 2, b: 4 },
  B2: { depths: depthsOf.B, a: 2.5, b: 5 },
  B3: { depths: depthsOf.B, a: 3, b: 5 },
};

/** Strides for 32×32 inputs, where the paper's early strides of 2 would leave too little of the image. */
export const cifarStrides = [1, 1, 2, 2, 2] as const;
/** The strides of the stages' first blocks for images of 224×224: the resolution is halved five times. */
export const imagenetStrides = [2, 2, 2, 2, 2] as const;

/** Options of a published network. */
export interface RepVGGOptions {
  /** Scales every width, rounded up to a multiple of 8; default 1. */
  readonly width?: number;
  /** Default 10. */
  readonly classes?: number;
  /** Strides of the stages; default those for 32×32 images. */
  readonly strides?: readonly number[];
  /** Overrides what the name implies. */
  readonly block?: BlockKind;
  /** The branches of a training-time block; default all three. */
  readonly branches?: readonly Branch[];
  /** OABN; default plain BN. */
  readonly oabn?: Oabn;
}

/**
 * A published network by name, by default for 10 classes and 32×32 images: `A0` or `RepVGG-A0`, …,
 * and with QARepVGG's blocks `QA-A0` or `QARepVGG-A0`, ….
 * @throws UserError for an unknown name, listing the known ones.
 */
export function repvgg(name: string, options: RepVGGOptions = {}): Architecture {
  const [, qa, size = ''] = /^(qa[-_]?)?(?:repvgg[-_]?)?(.*)$/i.exec(name) ?? [];
  const found = published[size.toUpperCase()];
  check(
    found,
    () =>
      `Unknown network «${name}»; expected one of ${Object.keys(published).join(', ')}, the same with QA- in front, ` +
      'or give widths, depths and strides as JSON',
  );
  const { width = 1, classes = 10, strides = cifarStrides, branches, oabn } = options;
  const { block = qa ? 'qarepvgg' : 'repvgg' } = options;
  check(width > 0, `width must be > 0, got ${width}`);
  const scaled = (channels: number): number =>
    width === 1 ? channels : Math.ceil((channels * width) / 8) * 8;
  const { a, b, depths } = found;
  const widths = [Math.min(64, 64 * a), 64 * a, 128 * a, 256 * a, 512 * b].map(scaled);
  return normalizeArchitecture({ widths, depths, strides, classes, block, branches, oabn });
}

/**
 * The network that `text` describes: a published name, optionally with a width factor (`A0@0.25`), or JSON
 * with widths, depths, strides and, as members like these, `block`, `branches` and `oabn`. `classes` applies
 * where the text gives none.
 */
export function parseArchitecture(text: string, classes = 10): Architecture {
  if (!text.trimStart().startsWith('{')) {
    const [name = '', width] = text.split('@');
    return repvgg(name, { width: width === undefined ? 1 : Number(width), classes });
  }
  let parsed: Partial<Architecture>;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new UserError(`The architecture is not JSON (${(error as Error).message}): ${text}`);
  }
  const { widths, depths, strides = cifarStrides } = parsed;
  check(widths && depths, () => `An architecture needs "widths" and "depths", got ${text}`);
  return normalizeArchitecture({ ...parsed, widths, depths, strides, classes: parsed.classes ?? classes });
}
