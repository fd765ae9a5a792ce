/** Figures of the benchmarks as files. */
import { writeFileAtomic } from 'oabn-base';
import type { Figure } from 'tslab-kernel/display';
import { figurePng, figureSvg } from 'tslab-kernel/picture';

/** Writes `path`.svg, and `path`.png where there is a font for it. */
export async function savePicture(path: string, figure: Figure): Promise<void> {
  await writeFileAtomic(`${path}.svg`, figureSvg(figure));
  const png = await figurePng(figure);
  if (png) await writeFileAtomic(`${path}.png`, png);
  console.log(`Written to ${path}.svg${png ? ' and .png' : ' (no font for a PNG)'}`);
}
