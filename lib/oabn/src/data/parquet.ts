/**
 * Image tables in Parquet files as Hugging Face writes them: a struct column `img` or `image` of {bytes,
 * path} and a whole-number column `label`, in one or several files. Bytes are compressed per row group, so a
 * row group is read as a whole and a few are kept; `epochOrder` shuffles with that in mind.
 */
import { open, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import {
  type AsyncBuffer,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
} from 'hyparquet';
import { cannotRead, check, errorMessage, UserError } from 'oabn-base';
import { WINDOW } from './order.js';

/** The encoded images and labels of one split. */
export interface EncodedImages {
  readonly size: number;
  readonly labels: Int32Array;
  /** The bytes of an image file. */
  read(row: number): Promise<Uint8Array>;
  /** What an error calls an image: file and row. */
  where(row: number): string;
  /** First rows of the blocks that are read as a whole, if there are such. */
  readonly blocks?: readonly number[];
  /** Class names, if the files carry them. */
  readonly classes?: readonly string[];
}

interface Table {
  readonly path: string;
  readonly file: AsyncBuffer;
  readonly metadata: FileMetaData;
  readonly imageColumn: string;
  readonly labelColumn: string;
}

/** Rows of one row group: where they begin in the whole set and in their file. */
interface Block {
  readonly table: Table;
  readonly first: number;
  readonly firstInFile: number;
  readonly rows: number;
}

/**
 * Opens the files as one set of images, in their order.
 * @throws UserError for a file that is not a whole Parquet file, lacks the columns, or has a label that is
 * not a whole number of 0 or more
 */
export async function openParquet(paths: readonly string[]): Promise<EncodedImages> {
  const tables = await Promise.all(paths.map(openTable));
  const blocks = blocksOf(tables);
  const size = blocks.reduce((sum, block) => sum + block.rows, 0);
  check(size > 0, `${paths.join(', ')}: no rows; fetch the data again`);
  const labels = new Int32Array(size);
  for (const block of blocks) labels.set(await readLabels(block), block.first);
  const starts = blocks.map((block) => block.first);
  const blockOf = (row: number): number => {
    let [low, high] = [0, starts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle]! <= row) low = middle;
      else high = middle - 1;
    }
    return low;
  };
  const recent = keepRecent(
    (block) => readImages(blocks[block]!),
    2 * Math.ceil((WINDOW * blocks.length) / size) + 1,
  );
  const classes = classNames(tables[0]!);
  return {
    size,
    labels,
    blocks: starts,
    ...(classes && { classes }),
    async read(row) {
      const block = blockOf(row);
      return (await recent(block))[row - starts[block]!]!;
    },
    where(row) {
      const block = blocks[blockOf(row)!]!;
      return `${block.table.path} row ${row - block.first + block.firstInFile}`;
    },
  };
}

async function openTable(path: string): Promise<Table> {
  await checkMagic(path);
  try {
    const file = await openBuffer(path);
    const metadata = await parquetMetadataAsync(file);
    checkMetadata(metadata, file.byteLength);
    const columns = parquetSchema(metadata).children;
    const names = columns.map((column) => column.element.name);
    const imageColumn = ['img', 'image'].find((name) =>
      columns.some(
        ({ element, children }) => element.name === name && children.some((c) => c.element.name === 'bytes'),
      ),
    );
    const labelColumn = ['label', 'labels'].find((name) => names.includes(name));
    check(
      imageColumn !== undefined && labelColumn !== undefined,
      `${path}: expected a column img or image of {bytes, path} and a column label, found ${names.join(', ')}`,
    );
    return { path, file, metadata, imageColumn, labelColumn };
  } catch (error) {
    throw notWhole(path, error);
  }
}

/**
 * The file's bytes for hyparquet, which requests ranges ahead and awaits some of them only when all went
 * well: a range that cannot be read must not end the process as an unhandled rejection.
 */
async function openBuffer(path: string): Promise<AsyncBuffer> {
  const { size } = await stat(path);
  const read = async (start: number, end: number): Promise<ArrayBuffer> => {
    check(
      Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && start <= end && end <= size,
      `it names the bytes ${start} to ${end} of ${size}`,
    );
    const bytes = new Uint8Array(end - start);
    const file = await open(path);
    try {
      let done = 0;
      while (done < bytes.length) {
        const { bytesRead } = await file.read(bytes, done, bytes.length - done, start + done);
        check(bytesRead > 0, `it ends at byte ${start + done}, ${size} were expected`);
        done += bytesRead;
      }
    } finally {
      await file.close();
    }
    return bytes.buffer;
  };
  return {
    byteLength: size,
    slice(start, end = size) {
      const bytes = read(start, end);
      bytes.catch(() => undefined);
      return bytes;
    },
  };
}

/**
 * Checks what hyparquet takes for granted about row groups and columns: where that turns out to be wrong in
 * the middle of its work, reads that have begun fail later with nobody listening, or it never ends.
 */
function checkMetadata(metadata: FileMetaData, bytes: number): void {
  const isCount = (value: unknown): boolean =>
    (typeof value === 'bigint' || typeof value === 'number') &&
    value >= 0 &&
    Number.isSafeInteger(Number(value));
  const schema = parquetSchema(metadata);
  let rows = 0;
  for (const [g, group] of metadata.row_groups.entries()) {
    check(isCount(group.num_rows), `row group ${g} has ${group.num_rows} rows`);
    rows += Number(group.num_rows);
    for (const { meta_data: column, file_path: elsewhere } of group.columns) {
      check(column && elsewhere === undefined, `row group ${g} has a column that is not in this file`);
      const name = column.path_in_schema.join('.');
      let node: ReturnType<typeof parquetSchema> | undefined = schema;
      for (const part of column.path_in_schema) {
        node = node?.children.find(({ element }) => element.name === part);
      }
      check(node && node !== schema, `row group ${g} has a column ${name} that its schema has not`);
      const begin = column.dictionary_page_offset || column.data_page_offset;
      const size = column.total_compressed_size;
      check(
        isCount(begin) && isCount(size) && Number(begin) + Number(size) <= bytes,
        `column ${name} of row group ${g} has ${size} bytes from ${begin}, the file has ${bytes}`,
      );
    }
  }
  // No image takes less than a byte.
  check(rows <= bytes, `it has ${rows} rows in ${bytes} bytes`);
}

async function checkMagic(path: string): Promise<void> {
  const file = await open(path).catch(cannotRead(path));
  try {
    const { size } = await file.stat();
    check(size >= 12, `${path} is not a whole Parquet file: it has ${size} bytes. Fetch it again.`);
    for (const [place, position] of [
      ['begin', 0],
      ['end', size - 4],
    ] as const) {
      const { buffer } = await file.read(Buffer.alloc(4), 0, 4, position);
      check(
        buffer.toString('latin1') === 'PAR1',
        `${path} is not a whole Parquet file: expected it to ${place} with «PAR1», found bytes ` +
          `${buffer.toString('hex')} (${size} bytes in all). Fetch it again.`,
      );
    }
  } finally {
    await file.close();
  }
}

function blocksOf(tables: readonly Table[]): Block[] {
  let first = 0;
  return tables.flatMap((table) => {
    let firstInFile = 0;
    return table.metadata.row_groups.map((group) => {
      const block = { table, first, firstInFile, rows: Number(group.num_rows) };
      first += block.rows;
      firstInFile += block.rows;
      return block;
    });
  });
}

/** The rows of one column in a block. */
async function readColumn({ table, firstInFile, rows }: Block, column: string): Promise<unknown[]> {
  const { file, metadata, path } = table;
  try {
    const { compressors } = await import('hyparquet-compressors');
    const objects = await parquetReadObjects({
      file,
      metadata,
      columns: [column],
      rowStart: firstInFile,
      rowEnd: firstInFile + rows,
      compressors,
      utf8: false,
    });
    check(objects.length === rows, `expected ${rows} rows from row ${firstInFile}, found ${objects.length}`);
    return objects.map((object) => object[column] as unknown);
  } catch (error) {
    throw notWhole(path, error);
  }
}

async function readLabels(block: Block): Promise<Int32Array> {
  const column = block.table.labelColumn;
  return Int32Array.from(await readColumn(block, column), (value, i) => {
    const label = typeof value === 'bigint' || typeof value === 'number' ? Number(value) : Number.NaN;
    check(
      Number.isInteger(label) && label >= 0 && label < 2 ** 31,
      `${block.table.path} row ${block.firstInFile + i}: expected a ${column} of 0 or more, found ${String(value)}`,
    );
    return label;
  });
}

async function readImages(block: Block): Promise<Uint8Array[]> {
  const values = (await readColumn(block, block.table.imageColumn)) as (
    { bytes?: unknown } | null | undefined
  )[];
  return values.map((value, i) => {
    const bytes = value?.bytes;
    check(
      bytes instanceof Uint8Array,
      `${block.table.path} row ${block.firstInFile + i}: expected the bytes of an image, found none`,
    );
    return bytes;
  });
}

/** The names in Hugging Face's description of a `ClassLabel` column, if the file has one. */
function classNames({ metadata, labelColumn }: Table): string[] | undefined {
  const description = metadata.key_value_metadata?.find(({ key }) => key === 'huggingface')?.value;
  if (description === undefined) return undefined;
  try {
    const { info } = JSON.parse(description) as { info?: { features?: Record<string, { names?: unknown }> } };
    const names = info?.features?.[labelColumn]?.names;
    return Array.isArray(names) && names.every((name) => typeof name === 'string') ? names : undefined;
  } catch {
    return undefined; // names are a nicety; a description of another kind is no reason to refuse the images
  }
}

function notWhole(path: string, error: unknown): UserError {
  if (error instanceof UserError && error.message.startsWith(path)) return error;
  return new UserError(
    `${basename(path)} cannot be read as Parquet: ${errorMessage(error)} (${path}). Fetch it again.`,
  );
}

/** `load`, remembering the `capacity` most recently used results. */
function keepRecent<T>(load: (key: number) => Promise<T>, capacity: number): (key: number) => Promise<T> {
  const kept = new Map<number, Promise<T>>();
  return (key) => {
    const value = kept.get(key) ?? load(key);
    kept.delete(key);
    kept.set(key, value);
    for (const oldest of kept.keys()) {
      if (kept.size <= capacity) break;
      kept.delete(oldest);
    }
    return value;
  };
}
