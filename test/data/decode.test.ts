import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import sharp from 'sharp';
import { decodeBaselineJpeg } from '../../lib/src/data/jpeg.js';
import { decodePlainPng } from '../../lib/src/data/png.js';
import { random } from '../../lib/src/base/index.js';

/** A picture with edges, ramps and noise. */
function picture(width: number, height: number, seed: number) {
  const draw = random(seed, 'picture');
  const [slope, noise, edge] = [draw.uniform() * 9, draw.integer(60), draw.integer(width)];
  const data = new Uint8ClampedArray(width * height * 3);
  for (let i = 0; i < data.length; i++) {
    const [x, c] = [Math.floor(i / 3) % width, i % 3];
    data[i] = slope * x * (c + 1) + (x > edge ? 90 * c : 0) + noise * draw.uniform();
  }
  return sharp(data, { raw: { width, height, channels: 3 } });
}

const bySharp = (bytes: Uint8Array) => sharp(bytes).toColourspace('srgb').removeAlpha().raw().toBuffer();

const kinds = fc.record({
  width: fc.integer({ min: 5, max: 50 }),
  height: fc.integer({ min: 1, max: 50 }),
  seed: fc.nat(),
});

describe('the quick JPEG decoder', () => {
  const coding = fc.record({
    quality: fc.integer({ min: 5, max: 100 }),
    chromaSubsampling: fc.constantFrom('4:2:0', '4:4:4'),
    optimizeCoding: fc.boolean(),
  });

  it('gives what libjpeg gives, to the bit, in colour and in grey', async () => {
    await fc.assert(
      fc.asyncProperty(kinds, coding, fc.boolean(), async ({ width, height, seed }, options, grey) => {
        const source = picture(width, height, seed);
        const bytes = await (grey ? source.greyscale() : source).jpeg(options).toBuffer();
        const decoded = decodeBaselineJpeg(bytes);
        assert.ok(decoded, 'it is a baseline JPEG');
        assert.deepEqual([decoded.width, decoded.height], [width, height]);
        assert.deepEqual(Buffer.from(decoded.data), await bySharp(bytes));
      }),
      { numRuns: 150 },
    );
  });

  it('reads restart markers', async () => {
    const bytes = Buffer.from(withRestarts, 'base64');
    assert.ok(bytes.includes(Buffer.from([0xff, 0xdd])) && bytes.includes(Buffer.from([0xff, 0xd0])));
    const decoded = decodeBaselineJpeg(bytes);
    assert.deepEqual(Buffer.from(decoded!.data), await bySharp(bytes));
    bytes[bytes.indexOf(Buffer.from([0xff, 0xd0])) + 1] = 0xc0;
    assert.equal(decodeBaselineJpeg(bytes), undefined);
  });

  it('leaves other kinds alone: progressive, 4-colour, with a profile', async () => {
    const one = picture(20, 20, 1);
    for (const other of [
      one.clone().jpeg({ progressive: true }),
      one.clone().toColourspace('cmyk').jpeg(),
      one.clone().withIccProfile('p3').jpeg(),
      one.clone().png(),
    ]) {
      assert.equal(decodeBaselineJpeg(await other.toBuffer()), undefined);
    }
  });

  it('leaves damaged data alone, wherever it is cut, and survives any bytes', async () => {
    const bytes = await picture(20, 20, 2).jpeg().toBuffer();
    for (let length = 0; length < bytes.length - 2; length++) {
      assert.equal(
        decodeBaselineJpeg(bytes.subarray(0, length)),
        undefined,
        `cut at ${length} of ${bytes.length}`,
      );
    }
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: bytes.length - 1 }),
        fc.integer({ min: 0, max: 255 }),
        (at, value) => {
          const damaged = Buffer.from(bytes);
          damaged[at] = value;
          const size = damaged.indexOf(Buffer.from([0xff, 0xc0])) + 5;
          fc.pre(at < size || at >= size + 4); // another size may be valid, and too large to be worth a test
          decodeBaselineJpeg(damaged);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('the quick PNG decoder', () => {
  it('gives what libpng gives', async () => {
    await fc.assert(
      fc.asyncProperty(kinds, fc.boolean(), async ({ width, height, seed }, adaptiveFiltering) => {
        const bytes = await picture(width, height, seed).png({ adaptiveFiltering }).toBuffer();
        const decoded = decodePlainPng(bytes);
        assert.ok(decoded, 'it is a plain PNG');
        assert.deepEqual([decoded.width, decoded.height], [width, height]);
        assert.deepEqual(Buffer.from(decoded.data), await bySharp(bytes));
      }),
      { numRuns: 100 },
    );
  });

  it('leaves other kinds alone: palettes, transparency, 16 bits, interlaced', async () => {
    const one = picture(20, 20, 1);
    for (const other of [
      one.clone().png({ palette: true }),
      one.clone().ensureAlpha(0.5).png(),
      one.clone().toColourspace('rgb16').png(),
      one.clone().png({ progressive: true }),
      one.clone().withIccProfile('p3').png(),
      one.clone().jpeg(),
    ]) {
      assert.equal(decodePlainPng(await other.toBuffer()), undefined);
    }
  });

  it('leaves damaged data alone', async () => {
    const bytes = await picture(20, 20, 2).png().toBuffer();
    for (const at of [3, 20, 45, 60, bytes.length - 3]) {
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= 1;
      assert.equal(decodePlainPng(damaged), undefined, `damaged at ${at}`);
      assert.equal(decodePlainPng(bytes.subarray(0, at)), undefined, `cut at ${at}`);
    }
    // A height that the data does not fill, with a checksum that fits.
    const taller = Buffer.from(bytes);
    taller.writeUInt32BE(21, 20);
    taller.writeUInt32BE(crc32(taller.subarray(12, 29)), 29);
    assert.equal(decodePlainPng(taller), undefined);
  });
});

/** 24×17 pixels, 4:2:0, a restart marker after every unit; written by Pillow 13 with `restart_marker_blocks=1`. */
const withRestarts =
  '/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdBRkxO' +
  'UlNSMj5aYVpQYEpRUk//2wBDAQ4ODhMREyYVFSZPNS01T09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09P' +
  'T09PT09PT0//wAARCAARABgDASIAAhEBAxEB/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUF' +
  'BAQAAAF9AQIDAAQRBRIhMUEGE1FhByJxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVW' +
  'V1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKTlJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi' +
  '4+Tl5ufo6erx8vP09fb3+Pn6/8QAHwEAAwEBAQEBAQEBAQAAAAAAAAECAwQFBgcICQoL/8QAtREAAgECBAQDBAcFBAQAAQJ3AAEC' +
  'AxEEBSExBhJBUQdhcRMiMoEIFEKRobHBCSMzUvAVYnLRChYkNOEl8RcYGRomJygpKjU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVm' +
  'Z2hpanN0dXZ3eHl6goOEhYaHiImKkpOUlZaXmJmaoqOkpaanqKmqsrO0tba3uLm6wsPExcbHyMnK0tPU1dbX2Nna4uPk5ebn6Onq' +
  '8vP09fb3+Pn6/90ABAAB/9oADAMBAAIRAxEAPwDioNO6fLWjBpvT5a3bbTuny1q22mdPlrjpT9qc+EzK3U//0MyDS+ny0V2MdisZ' +
  'A25b0orlnPCwlyzlr6N/kj3aOZScdD//0dK17VsWvaiivNy/ofK4U//S7C17UUUV8rh/gFT+E//Z';
