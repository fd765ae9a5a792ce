/** The still picture as PNG. Text needs a font on the machine; where there is none, we do not make a picture without text. */
import sharp from 'sharp';
import type { Figure } from '../figures/index.js';
import { figureSvg } from './draw.js';
import { text } from './svg.js';

/** The figure as PNG, `scale` pixels for one of the figure's; undefined on a machine without fonts. */
export async function figurePng(figure: Figure, scale = 1.5): Promise<Buffer | undefined> {
  fontsFound ??= canDrawText();
  if (!(await fontsFound)) return undefined;
  // A few hundred colours at most: a palette halves the bytes.
  return sharp(Buffer.from(figureSvg(figure)), { density: 72 * scale }).png({ palette: true, compressionLevel: 9 }).toBuffer();
}

let fontsFound: Promise<boolean> | undefined;

/** Whether a letter leaves a mark. */
async function canDrawText(): Promise<boolean> {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><rect width="40" height="40" fill="#fff"/>${text(10, 30, 'M', { size: 24 })}</svg>`;
  const { channels } = await sharp(Buffer.from(svg)).stats();
  return channels[0]!.min < 128;
}
