/**
 * The entries of a zip archive without compression, as `torch.save` writes it. Sizes come from the central
 * directory at the file's end, in its 64-bit form too. Source: PKWARE's APPNOTE.TXT, sections 4.3.12 to
 * 4.3.16.
 */
import { UserError } from './errors.js';

const endSignature = 0x06054b50;
const end64Signature = 0x06064b50;
const entrySignature = 0x02014b50;
const localSignature = 0x04034b50;
/** Where 32 or 16 bits do not suffice, the field holds all ones and the extra field the number. */
const [all32, all16] = [0xffffffff, 0xffff];

/** Whether bytes begin as a zip archive does. */
export const isZip = (file: Uint8Array): boolean =>
  file.length > 4 && file[0] === 0x50 && file[1] === 0x4b && file[2] === 3 && file[3] === 4;

/**
 * Name → bytes (views of `file`) of the entries whose names are `wanted`, by default all.
 * @throws UserError naming `source` where the archive is broken, or one of them compressed
 */
export function zipEntries(
  file: Uint8Array,
  source: string,
  wanted: (name: string) => boolean = () => true,
): Map<string, Uint8Array> {
  const view = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  const broken = (why: string): UserError =>
    new UserError(`${source} is not a whole zip archive: ${why}. Write or fetch it again.`);
  const range = (start: number, length: number, what: string): Buffer => {
    if (!Number.isSafeInteger(start) || start < 0 || length < 0 || start + length > view.length) {
      throw broken(`its ${what} reaches beyond its ${view.length} bytes`);
    }
    return view.subarray(start, start + length);
  };
  const { count, start } = centralDirectory(view, broken);
  const entries = new Map<string, Uint8Array>();
  for (let i = 0, next = start; i < count; i++) {
    const at = next;
    const header = range(at, 46, 'directory');
    if (header.readUInt32LE(0) !== entrySignature) throw broken(`entry ${i} of its directory is none`);
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((offset) =>
      header.readUInt16LE(offset),
    );
    const name = range(at + 46, nameLength!, 'directory').toString('utf8');
    const extra = range(at + 46 + nameLength!, extraLength!, 'directory');
    next = at + 46 + nameLength! + extraLength! + commentLength!;
    if (!wanted(name)) continue;
    if (header.readUInt16LE(10) !== 0) {
      throw new UserError(
        `${source}: ${name} is compressed; save the file with torch.save, which does not compress`,
      );
    }
    const [size, , offset] = sizesOf(header, extra);
    const local = range(offset!, 30, `header of ${name}`);
    if (local.readUInt32LE(0) !== localSignature) throw broken(`${name} has no header`);
    const dataStart = offset! + 30 + local.readUInt16LE(26) + local.readUInt16LE(28);
    entries.set(name, range(dataStart, size!, name));
  }
  return entries;
}

function centralDirectory(
  view: Buffer,
  broken: (why: string) => UserError,
): { count: number; start: number } {
  // The record is 22 bytes and a comment of at most 65,535.
  for (let at = view.length - 22; at >= Math.max(0, view.length - 22 - all16); at--) {
    if (view.readUInt32LE(at) !== endSignature) continue;
    const [count, start] = [view.readUInt16LE(at + 10), view.readUInt32LE(at + 16)];
    if (count !== all16 && start !== all32) return { count, start };
    const end64 = at >= 20 ? Number(view.readBigUInt64LE(at - 12)) : -1;
    if (end64 < 0 || end64 + 56 > view.length || view.readUInt32LE(end64) !== end64Signature) break;
    return {
      count: Number(view.readBigUInt64LE(end64 + 32)),
      start: Number(view.readBigUInt64LE(end64 + 48)),
    };
  }
  throw broken('its directory is missing');
}

/**
 * Size as stored, size, and offset of an entry: each in the header or, in the same order, in the 64-bit extra
 * field.
 */
function sizesOf(header: Buffer, extra: Buffer): number[] {
  const fields = [header.readUInt32LE(24), header.readUInt32LE(20), header.readUInt32LE(42)];
  let wide = Buffer.alloc(0);
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) === 1)
      wide = Buffer.from(extra.subarray(at + 4, at + 4 + extra.readUInt16LE(at + 2)));
  }
  let next = 0;
  return fields.map((field) => {
    if (field !== all32 || next + 8 > wide.length) return field;
    next += 8;
    return Number(wide.readBigUInt64LE(next - 8));
  });
}
