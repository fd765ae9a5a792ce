/**
 * The still picture as PNG. Text needs a font on the machine; where there is none, we do not make a picture
 * without text.
 */
import type { Figure } from '../display/style.js';
import { figureSvg } from './draw.js';
import { element, text } from './svg.js';

/** The figure as PNG, `scale` pixels for one of the figure's; undefined on a machine without fonts. */
export async function figurePng(figure: Figure, scale = 1.5): Promise<Uint8Array | undefined> {
  fontsFound ??= canDrawText();
  if (!(await fontsFound)) return undefined;
  const { default: sharp } = await import('sharp');
  // There are at most a few hundred colours, so a palette halves the bytes.
  return await sharp(Buffer.from(figureSvg(figure)), { density: 72 * scale })
    .png({ palette: true, compressionLevel: 9 })
    .toBuffer();
}

let fontsFound: Promise<boolean> | undefined;

/** Whether two letters look different: without a font, both are the same empty box, or nothing. */
async function canDrawText(): Promise<boolean> {
  const [one, other] = await Promise.all(['M', 'i'].map(pixelsOf));
  return !one!.equals(other!);
}

async function pixelsOf(letter: string): Promise<Buffer> {
  const { default: sharp } = await import('sharp');
  const size = { width: 40, height: 40 };
  const svg = element(
    'svg',
    { xmlns: 'http://www.w3.org/2000/svg', ...size },
    text(10, 30, letter, { size: 24 }),
  );
  return await sharp(Buffer.from(svg)).raw().toBuffer();
}
