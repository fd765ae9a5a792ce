import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  alternatingFlip,
  augmentationOf,
  enlargeBox,
  normalizationTable,
  normalize,
  padCrop,
  resizedCropBox,
} from '../../src/data/augment.js';

/** A table that leaves bytes as they are. */
const asBytes = normalizationTable([0, 0, 0], [1 / 255, 1 / 255, 1 / 255]);
const near = (actual: ArrayLike<number>, expected: ArrayLike<number>): void => {
  assert.equal(actual.length, expected.length);
  for (let i = 0; i < actual.length; i++) assert.ok(Math.abs(actual[i]! - expected[i]!) < 1e-3, `at ${i}`);
};
const image = (height: number, width: number) => ({
  data: Uint8Array.from({ length: height * width * 3 }, (_, i) => (i * 37 + 11) % 256),
  height,
  width,
});

describe('augmentation', () => {
  it('normalises as (value/255 − mean)/std per channel', () => {
    const out = new Float32Array(3);
    normalize(
      { data: Uint8Array.of(0, 51, 255), height: 1, width: 1 },
      normalizationTable([0.5, 0.1, 0], [0.25, 0.1, 2]),
      out,
    );
    near(out, [-2, 1, 0.5]);
  });

  it('cuts and flips as if the image had been padded with black', () => {
    const { data, height, width } = image(16, 16);
    const seen = new Set<string>();
    fc.assert(
      fc.property(fc.nat(50), fc.nat(50), fc.nat(1000), (seed, epoch, row) => {
        const out = new Float32Array(data.length);
        padCrop({ data, height, width }, augmentationOf(seed, epoch, row), asBytes, out);
        const draw = augmentationOf(seed, epoch, row);
        const [dy, dx, flip] = [draw.integer(5) - 2, draw.integer(5) - 2, draw.integer(2) === 1];
        seen.add(`${dy} ${dx} ${flip}`);
        const expected = Array.from(data, (_, i) => {
          const [y, x, c] = [Math.floor(i / 48), Math.floor(i / 3) % 16, i % 3];
          const [sy, sx] = [y + dy, (flip ? 15 - x : x) + dx];
          return sy < 0 || sy > 15 || sx < 0 || sx > 15 ? 0 : data[(sy * 16 + sx) * 3 + c]!;
        });
        near(out, expected);
      }),
      { numRuns: 300 },
    );
    assert.ok(seen.size > 40, `${seen.size} of 50 different views`);
  });

  it('moves by as many pixels as asked, with black or the mirrored image coming in', () => {
    const row = { data: Uint8Array.of(1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4), height: 1, width: 4 };
    const seen = new Map<string, Set<string>>();
    for (const padding of ['black', 'reflect'] as const) {
      const views = new Set<string>();
      for (let i = 0; i < 200; i++) {
        const out = new Float32Array(12);
        padCrop(row, augmentationOf(1, 0, i), asBytes, out, { translate: 2, padding, flip: false });
        views.add(
          Array.from(
            out.filter((_, channel) => channel % 3 === 0),
            Math.round,
          ).join(''),
        );
      }
      seen.set(padding, views);
    }
    // Of one row, a move up or down leaves black alone, or the row itself.
    assert.deepEqual([...seen.get('black')!].sort(), ['0000', '0012', '0123', '1234', '2340', '3400']);
    assert.deepEqual([...seen.get('reflect')!].sort(), ['1234', '2123', '2343', '3212', '3432']);
  });

  it('has the bits of a plain reference, for any size, move, padding and flip', () => {
    const table = normalizationTable([0.4914, 0.4822, 0.4465], [0.247, 0.2435, 0.2616]);
    const side = fc.integer({ min: 1, max: 12 });
    const options = fc.record({
      translate: fc.integer({ min: 0, max: 14 }),
      padding: fc.constantFrom('black', 'reflect'),
      flip: fc.boolean(),
    });
    fc.assert(
      fc.property(side, side, options, fc.nat(), (height, width, { translate, padding, flip }, row) => {
        const { data } = image(height, width);
        const draw = augmentationOf(3, 5, row);
        const [dy, dx] = [0, 0].map(() => draw.integer(2 * translate + 1) - translate) as [number, number];
        const reflected = (at: number, size: number): number => {
          if (at >= 0 && at < size) return at;
          if (padding === 'black') return -1;
          if (size === 1) return 0;
          return reflected(at < 0 ? -at : 2 * (size - 1) - at, size);
        };
        const expected = new Float32Array(data.length).map((_, i) => {
          const [y, x, c] = [Math.floor(i / 3 / width), Math.floor(i / 3) % width, i % 3];
          const sy = reflected(y + dy, height);
          const sx = reflected((flip ? width - 1 - x : x) + dx, width);
          return table[256 * c + (sy < 0 || sx < 0 ? 0 : data[(sy * width + sx) * 3 + c]!)]!;
        });
        const out = new Float32Array(data.length);
        padCrop({ data, height, width }, augmentationOf(3, 5, row), table, out, {
          ...{ translate, padding, flip },
        });
        assert.deepEqual(out, expected);
      }),
      { numRuns: 500 },
    );
  });

  it('mirrors in every other epoch, half of the images first', () => {
    let first = 0;
    for (let row = 0; row < 1000; row++) {
      const flips = [0, 1, 2, 3].map((epoch) => alternatingFlip(7, epoch, row));
      assert.deepEqual([flips[1], flips[2], flips[3]], [!flips[0], flips[0], !flips[0]]);
      first += Number(flips[0]);
    }
    assert.ok(Math.abs(first - 500) < 80, `${first} of 1000 are mirrored first`);
  });

  it('draws boxes of 8 to 100% of the area, ratio 3/4 to 4/3, inside the image', () => {
    const sides = fc.integer({ min: 1, max: 700 });
    fc.assert(
      fc.property(sides, sides, fc.nat(), (width, height, row) => {
        const box = resizedCropBox(width, height, augmentationOf(0, 0, row));
        assert.ok(box.left >= 0 && box.top >= 0 && box.width >= 1 && box.height >= 1);
        assert.ok(box.left + box.width <= width && box.top + box.height <= height);
        if (Math.min(width, height) > 100 && Math.max(width / height, height / width) < 1.3) {
          const share = (box.width * box.height) / (width * height);
          assert.ok(share > 0.075 && share <= 1, `share ${share}`);
          assert.ok(box.width / box.height > 0.74 && box.width / box.height < 1.35);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('enlarges a box by bilinear interpolation', () => {
    const grey = (...values: number[]) => Uint8Array.from(values.flatMap((value) => [value, value, value]));
    const four = { data: grey(0, 0, 100, 200, 0, 0, 100, 200, 9, 9, 9, 9, 9, 9, 9, 9), height: 4, width: 4 };
    const out = new Float32Array(48);
    enlargeBox(four, { left: 2, top: 0, width: 2, height: 2 }, false, asBytes, out);
    near(
      out.filter((_, i) => i % 3 === 0),
      [100, 125, 175, 200, 100, 125, 175, 200, 100, 125, 175, 200, 100, 125, 175, 200],
    );
    enlargeBox(four, { left: 2, top: 0, width: 2, height: 2 }, true, asBytes, out);
    near(out.slice(0, 12), grey(200, 175, 125, 100));
  });

  it('leaves the whole image as it is', () => {
    const whole = image(8, 8);
    const out = new Float32Array(whole.data.length);
    enlargeBox(whole, { left: 0, top: 0, width: 8, height: 8 }, false, asBytes, out);
    near(out, whole.data);
  });
});
