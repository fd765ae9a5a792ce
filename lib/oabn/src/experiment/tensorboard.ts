/**
 * A run's curves as an event file for TensorBoard: records of a length, its checksum, a protobuf message
 * `Event` and its checksum. Source: TensorFlow's `event.proto`, `summary.proto` and `lib/io/record_writer`;
 * CRC-32C is RFC 3720, appendix B.4.
 */
import { join } from 'node:path';
import { writeFileAtomic } from 'oabn-base';
import type { EpochMetrics } from '../train/index.js';

/** The numbers of one step, as TensorBoard draws them. */
export interface ScalarEvent {
  readonly step: number;
  /** Seconds since 1970. */
  readonly time: number;
  /** Tag → value. */
  readonly scalars: Readonly<Record<string, number>>;
}

/** The bytes of an event file with these events after the version that all such files begin with. */
export function eventFile(events: readonly ScalarEvent[]): Uint8Array {
  const version = Buffer.concat([double(1, events[0]?.time ?? 0), text(3, 'brain.Event:2')]);
  return Buffer.concat([version, ...events.map(encodeEvent)].flatMap(record));
}

/**
 * Of each epoch its loss, training accuracy and learning rate, and at the end the accuracy on the test
 * images.
 */
export function eventsOf(
  epochs: readonly EpochMetrics[],
  accuracy: number,
  time: number = Date.now() / 1000,
): ScalarEvent[] {
  const training = epochs.map(({ step, trainLoss, trainAccuracy, learningRate }, i) => ({
    step,
    time: time - (epochs.length - 1 - i),
    scalars: { 'train/loss': trainLoss, 'train/accuracy': trainAccuracy, learning_rate: learningRate },
  }));
  return [...training, { step: epochs.at(-1)?.step ?? 0, time, scalars: { 'test/accuracy': accuracy } }];
}

/**
 * Writes a run's event file into `folder/name`, where it replaces the one of the same run. Returns its path.
 */
export async function writeEvents(
  folder: string,
  name: string,
  events: readonly ScalarEvent[],
): Promise<string> {
  const path = join(folder, name, 'events.out.tfevents.0.oabn');
  await writeFileAtomic(path, eventFile(events));
  return path;
}

function encodeEvent({ step, time, scalars }: ScalarEvent): Buffer {
  const values = Object.entries(scalars).map(([tag, value]) =>
    bytes(1, Buffer.concat([text(1, tag), float(2, value)])),
  );
  return Buffer.concat([
    double(1, time),
    Buffer.concat([tagOf(2, 0), varint(step)]),
    bytes(5, Buffer.concat(values)),
  ]);
}

function record(data: Buffer): Buffer[] {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(data.length));
  return [length, maskedChecksum(length), data, maskedChecksum(data)];
}

const tagOf = (field: number, wire: number): Buffer => varint((field << 3) | wire);
const bytes = (field: number, data: Buffer): Buffer =>
  Buffer.concat([tagOf(field, 2), varint(data.length), data]);
const text = (field: number, value: string): Buffer => bytes(field, Buffer.from(value));

function double(field: number, value: number): Buffer {
  const data = Buffer.alloc(8);
  data.writeDoubleLE(value);
  return Buffer.concat([tagOf(field, 1), data]);
}

function float(field: number, value: number): Buffer {
  const data = Buffer.alloc(4);
  data.writeFloatLE(value);
  return Buffer.concat([tagOf(field, 5), data]);
}

function varint(value: number): Buffer {
  const data: number[] = [];
  let rest = value;
  do {
    data.push((rest % 128) | (rest >= 128 ? 128 : 0));
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  return Buffer.from(data);
}

const polynomial = 0x82f63b78;
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1;
  return value;
});

/** CRC-32C, rotated and offset as record files have it. */
function maskedChecksum(data: Buffer): Buffer {
  let crc = 0xffffffff;
  for (const byte of data) crc = (crc >>> 8) ^ table[(crc ^ byte) & 0xff]!;
  crc = ~crc >>> 0;
  const masked = (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
  const result = Buffer.alloc(4);
  result.writeUInt32LE(masked);
  return result;
}
