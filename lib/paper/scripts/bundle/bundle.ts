/**
 * One archive for a GPU server without a network: unpacked anywhere, `./oabn doctor` and `./oabn reproduce`
 * run there.
 *
 *     npm run bundle [-- --out oabn-linux-x64.tar.xz] [--data folder]… [--without onnxruntime,notebooks,results]
 *
 * For the system, processor and Node that it runs on. `--out` ends in .tar.xz (smallest), .tar.gz (where the
 * server has no xz), or is a folder. manifest.json inside says what is in it and what was left out;
 * `sha256sum -c SHA256SUMS` checks it. Without onnxruntime, steps on a CPU run operation by operation; a GPU
 * does not need it. Results are the networks and numbers that ship with the project.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { check, writeJsonAtomic } from 'oabn-base';
import { asCommand, outputOf, runProgram } from '../../../base/scripts/program.js';
import { packagesOf } from './packages.js';
import { digests, writeBundle } from './write.js';

const project = fileURLToPath(new URL('../../../..', import.meta.url));
const parts: Readonly<Record<string, readonly string[]>> = {
  onnxruntime: ['onnxruntime-node'],
  notebooks: ['typescript', 'zeromq'],
  results: [],
};

await asCommand('bundle', async () => {
  const platform = { os: process.platform as string, cpu: process.arch as string };
  const { values } = parseArgs({
    options: {
      out: { type: 'string', default: `oabn-${platform.os}-${platform.cpu}.tar.xz` },
      data: { type: 'string', multiple: true, default: [] },
      without: { type: 'string', default: '' },
    },
  });
  check(platform.os !== 'win32', 'Bundles are for Linux and macOS, whose launcher is a shell script');
  const out = resolve(values.out);
  const kind = /\.tar\.(xz|gz)$/.exec(out)?.[1];
  check(!existsSync(out) || kind !== undefined, `${out} exists; name a folder that does not`);
  const without = values.without.split(',').filter(Boolean);
  for (const part of without)
    check(part in parts, `--without knows ${Object.keys(parts).join(', ')}, not ${part}`);
  for (const folder of values.data) check(existsSync(folder), `There is no ${folder}`);

  // The binding of libtensorflow is built where it runs (setup:tensorflow): its library alone has a gigabyte.
  const left = ['@tensorflow/tfjs-node-gpu', ...without.flatMap((part) => parts[part]!)];
  const packages = packagesOf(project, left);
  const work = await mkdtemp(join(dirname(out), '.oabn-bundle-'));
  try {
    const name = basename(out).replace(/\.tar\..*$/, '');
    const folder = join(work, name);
    const { leftOut, libraries } = await writeBundle(folder, {
      ...{ project, packages, platform, data: values.data.map((path) => resolve(path)) },
      notebooks: !without.includes('notebooks'),
      results: !without.includes('results'),
    });
    await writeJsonAtomic(join(folder, 'manifest.json'), {
      commit: await outputOf('git', ['-C', project, 'rev-parse', 'HEAD']),
      created: new Date().toISOString(),
      ...{ platform, node: process.version, libraries, without },
      packages: Object.fromEntries(packages.map(({ path, version }) => [path, version])),
      leftOut: { ...leftOut, 'libtensorflow and its binding': null },
    });
    const sums = Object.entries(await digests(folder)).map(([path, digest]) => `${digest}  ${path}\n`);
    await writeFile(join(folder, 'SHA256SUMS'), sums.join(''));
    for (const [reason, bytes] of Object.entries(leftOut)) say(`left out ${mib(bytes)}: ${reason}`);
    const whole = await sizeOf(folder);
    if (kind === undefined) await rename(folder, out);
    else {
      const compress = kind === 'xz' ? 'xz -6 -T0' : 'gzip -9';
      const archive = join(work, basename(out));
      await runProgram('tar', ['--use-compress-program', compress, '-C', work, '-cf', archive, name], {
        advice: `tar and ${kind} are needed; --out with a folder's name does without.`,
      });
      await rename(archive, out);
    }
    const size = kind === undefined ? '' : ` in ${mib((await stat(out)).size)}`;
    say(
      `${out}: ${sums.length} files, ${mib(whole)}${size}; ${packages.length} packages, Node ${process.version}`,
    );
  } finally {
    await rm(work, { recursive: true, force: true });
  }
});

async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size;
  }
  return bytes;
}

function say(line: string): void {
  process.stdout.write(`bundle  ${line}\n`);
}

function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
