/**
 * Aᵀ·B over long, strided rows, as a sum of outer products: for every pixel, m numbers of A times n numbers
 * of B are added to an m×n tile of the result that stays in registers. Neither operand is transposed or
 * copied, which makes it the right form for filter gradients (A = input, B = output gradient, one call per
 * filter tap) and for the weight gradient of a linear layer.
 *
 * The tile is 4×8: eight accumulators, one broadcast and two loads per pixel leave V8 enough of the sixteen
 * vector registers (larger tiles spill and are slower). Sums run in blocks of about 256 pixels, few enough
 * for the caches, and blocks are added to the result, which also keeps float32 rounding errors far below
 * those of one long sum.
 */
import { advance, defineFunction, type FunctionSource, type Local, repeat, v128 } from './assembler.js';
import { type BackendWasm, type SimdFunctions, simdModule } from './simd.js';

const rowsOfTile = [4, 3, 2, 1] as const;
const columnsOfTile = [8, 4, 1] as const;
const blockPixels = 256;

/** A grid of pixels in memory: the address of its first pixel and the bytes from one to the next. */
export interface Pixels {
  readonly address: number;
  readonly imageBytes: number;
  readonly rowBytes: number;
  readonly columnBytes: number;
}

export interface OuterProducts {
  /** Pixels to sum over. */
  readonly images: number;
  readonly rows: number;
  readonly columns: number;
  readonly a: Pixels;
  readonly b: Pixels;
  /** Numbers of a pixel of A and of B. */
  readonly m: number;
  readonly n: number;
  /** Address of the m×n row-major result, which is added to. */
  readonly out: number;
}

/**
 * `out += Σ over pixels of a ⊗ b` for each of `products`. They run side by side, block by block, because the
 * taps of one filter read the same pixels.
 */
export function addOuterProducts(backend: BackendWasm, products: readonly OuterProducts[]): void {
  const simd = tiles(backend);
  const [images, rows, columns] = (['images', 'rows', 'columns'] as const).map((side) =>
    Math.max(0, ...products.map((product) => product[side])),
  ) as [number, number, number];
  const blockRows = Math.min(rows, Math.max(1, Math.round(blockPixels / columns)));
  const blockImages = blockRows < rows ? 1 : Math.max(1, Math.floor(blockPixels / (rows * columns)));
  for (let image = 0; image < images; image += blockImages) {
    for (let row = 0; row < rows; row += blockRows) {
      for (const product of products) addBlock(simd, product, image, blockImages, row, blockRows);
    }
  }
}

/**
 * Adds the pixels of images [image, image + images) and rows [row, row + rows), as far as the product has
 * them.
 */
function addBlock(
  simd: SimdFunctions,
  product: OuterProducts,
  image: number,
  images: number,
  row: number,
  rows: number,
): void {
  const { a, b, m, n, out } = product;
  const imageCount = Math.min(images, product.images - image);
  const rowCount = Math.min(rows, product.rows - row);
  if (imageCount <= 0 || rowCount <= 0 || product.columns === 0) return;
  const aStart = a.address + image * a.imageBytes + row * a.rowBytes;
  const bStart = b.address + image * b.imageBytes + row * b.rowBytes;
  for (let i = 0; i < m;) {
    const tileRows = Math.min(rowsOfTile[0], m - i);
    for (let j = 0; j < n;) {
      const tileColumns = columnsOfTile.find((size) => size <= n - j)!;
      simd[nameOf(tileRows, tileColumns)]!(
        aStart + 4 * i,
        bStart + 4 * j,
        out + 4 * (i * n + j),
        imageCount,
        rowCount,
        product.columns,
        a.imageBytes,
        a.rowBytes,
        a.columnBytes,
        b.imageBytes,
        b.rowBytes,
        b.columnBytes,
        4 * n,
      );
      j += tileColumns;
    }
    i += tileRows;
  }
}

const nameOf = (m: number, n: number): string => `outer${m}x${n}`;
const tiles = simdModule(() => rowsOfTile.flatMap((m) => columnsOfTile.map((n) => tile(m, n))));

const tileParameters = [
  ...['a', 'b', 'out', 'images', 'rows', 'columns'],
  ...['aImage', 'aRow', 'aColumn', 'bImage', 'bRow', 'bColumn', 'outRow'],
];

/** The function for an m×n tile; n is 1 or a multiple of 4. */
function tile(m: number, n: number): FunctionSource {
  const load = n === 1 ? v128.loadFirst : v128.load;
  const store = n === 1 ? v128.storeFirst : v128.store;
  return defineFunction(nameOf(m, n), tileParameters, (p, local) => {
    const vectors = Array.from({ length: Math.ceil(n / 4) }, (_, j) => ({
      offset: 16 * j,
      b: local('v128'),
    }));
    const sums = Array.from({ length: m }, () => vectors.map(() => local('v128')));
    const a = local('v128');
    const [image, row, column] = [local('i32'), local('i32'), local('i32')];
    const [aRow, bRow, aPixel, bPixel] = [local('i32'), local('i32'), local('i32'), local('i32')];
    const pixel = [
      ...vectors.map(({ b, offset }) => b.set(load(bPixel, offset))),
      ...sums.flatMap((rowSums, i) => [
        a.set(v128.loadSplat(aPixel, 4 * i)),
        ...rowSums.map((sum, j) => sum.set(v128.multiplyAdd(a, vectors[j]!.b, sum))),
      ]),
      advance(aPixel, p.aColumn!),
      advance(bPixel, p.bColumn!),
    ];
    const addToOut = (rowSums: Local[]): number[][] => [
      ...rowSums.map((sum, j) => {
        const { offset } = vectors[j]!;
        return [...store(p.out!, v128.binary('f32x4.add', load(p.out!, offset), sum), offset)];
      }),
      [...advance(p.out!, p.outRow!)],
    ];
    return [
      repeat(image, p.images!, [
        aRow.set(p.a!),
        bRow.set(p.b!),
        repeat(row, p.rows!, [
          aPixel.set(aRow),
          bPixel.set(bRow),
          repeat(column, p.columns!, pixel),
          advance(aRow, p.aRow!),
          advance(bRow, p.bRow!),
        ]),
        advance(p.a!, p.aImage!),
        advance(p.b!, p.bImage!),
      ]),
      ...sums.flatMap(addToOut),
    ];
  });
}
