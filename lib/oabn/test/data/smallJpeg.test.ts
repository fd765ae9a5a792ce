import assert from 'node:assert/strict';
import sharp, { type Sharp } from 'sharp';
import { decodeImage } from '../../src/data/decode.js';
import { decodeSmallJpeg, mostPixels } from '../../src/data/smallJpeg.js';

type Raw = readonly [width: number, height: number];

/** Noise over a gradient, the same each time. */
function picture([width, height]: Raw, channels: 3 | 4 = 3): Sharp {
  const pixels = Uint8Array.from(
    { length: width * height * channels },
    (_, i) => ((i * 7919) % 97) + ((i / channels) % width) * 2,
  );
  return sharp(pixels, { raw: { width, height, channels } });
}

const bySharp = (bytes: Uint8Array): Promise<Buffer> =>
  sharp(bytes).toColourspace('srgb').removeAlpha().raw().toBuffer();

describe('data/smallJpeg', () => {
  it('gives the pixels of sharp: any size, quality and subsampling', async () => {
    for (const size of [
      [32, 32],
      [64, 64],
      [17, 5],
      [1, 1],
      [128, 128],
    ] as const) {
      for (const quality of [30, 75, 100]) {
        for (const chromaSubsampling of ['4:2:0', '4:4:4']) {
          const bytes = await picture(size).jpeg({ quality, chromaSubsampling }).toBuffer();
          const small = await decodeSmallJpeg(bytes);
          assert.ok(small, `${size.join('×')} at ${quality}`);
          assert.deepEqual([small.width, small.height], size);
          assert.deepEqual(Buffer.from(small.data), await bySharp(bytes));
        }
      }
    }
  });

  it('leaves to sharp what is large, not in three plain components, or has metadata', async () => {
    const small: Raw = [32, 32];
    const others: Record<string, Promise<Buffer>> = {
      large: picture([mostPixels / 64 + 1, 64])
        .jpeg()
        .toBuffer(),
      grey: picture(small).toColourspace('b-w').jpeg().toBuffer(),
      CMYK: picture(small).toColourspace('cmyk').jpeg().toBuffer(),
      progressive: picture(small).jpeg({ progressive: true }).toBuffer(),
      'a colour profile': picture(small).withIccProfile('p3').jpeg().toBuffer(),
      EXIF: picture(small)
        .withExif({ IFD0: { Copyright: 'nobody' } })
        .jpeg()
        .toBuffer(),
      PNG: picture(small, 4).png().toBuffer(),
    };
    for (const [what, bytes] of Object.entries(others)) {
      assert.equal(await decodeSmallJpeg(await bytes), undefined, what);
      assert.equal((await decodeImage(await bytes, what)).data.length % 3, 0, what);
    }
    const plain = await picture(small).jpeg().toBuffer();
    assert.equal(await decodeSmallJpeg(plain, (width) => width > 32), undefined);
  });

  it('leaves damaged images to sharp, and decodes the next one', async () => {
    const bytes = await picture([32, 32]).jpeg().toBuffer();
    const cut = bytes.subarray(0, bytes.length - 60);
    const closed = Buffer.concat([cut, bytes.subarray(bytes.length - 2)]);
    const torn = Buffer.from(bytes);
    torn.writeUInt16BE(60_000, 4);
    for (const damaged of [cut, closed, torn, bytes.subarray(0, 3), Buffer.alloc(40, 0xff)])
      assert.equal(await decodeSmallJpeg(damaged), undefined);
    await assert.rejects(decodeImage(cut, 'cut.jpg'), /cut\.jpg is not a readable image/);
    assert.deepEqual(Buffer.from((await decodeSmallJpeg(bytes))!.data), await bySharp(bytes));
  });
});
