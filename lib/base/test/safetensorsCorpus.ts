/**
 * Damaged safetensors files, always the same ones: the corpus on which our reader is compared with the
 * format's own. As a script it writes them to standard output, each after its length, for
 * `golden/tensorfiles.py`.
 */
import { pathToFileURL } from 'node:url';
import { encodeSafetensors, random } from '../src/index.js';
import { mutateSafetensors } from './mutate.js';

const origin = encodeSafetensors({
  tensors: {
    a: { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) },
    'b.bias': { shape: [], data: Float64Array.of(-1) },
    'c.codes': { shape: [4], data: Int8Array.of(-1, 0, 1, 2) },
    'd.empty': { shape: [0, 5], data: new Float32Array(0) },
    'e.steps': { shape: [1], data: BigInt64Array.of(7n) },
  },
  metadata: { format: 'pt', arch: '{"widths":[8]}' },
});

/** The corpus's file `index`. */
export const corpusFile = (index: number): Uint8Array =>
  mutateSafetensors(origin, random(1, 'safetensors', index));

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const parts: Uint8Array[] = [];
  for (let index = 0; index < Number(process.argv[2]); index++) {
    const file = corpusFile(index);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(file.length);
    parts.push(length, file);
  }
  process.stdout.write(Buffer.concat(parts));
}
