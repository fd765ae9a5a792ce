/**
 * What we depend on is looked at as onnxruntime was, which reported its use: does it connect, look up names,
 * leave files?
 */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { binary } from '../../../oabn/test/cli/run.js';

const root = fileURLToPath(new URL('../../../..', import.meta.url));
const execute = promisify(execFile);
const only = { maxBuffer: 2 ** 26 };

/** Every package that one of ours asks for, with the folder from which it is asked. */
async function dependencies(): Promise<string[]> {
  const folders = ['.', ...(await readdir(join(root, 'lib'))).map((name) => join('lib', name))];
  const found = new Map<string, string>();
  for (const folder of folders) {
    const text = await readFile(join(root, folder, 'package.json'), 'utf8').catch(() => '{}');
    const { dependencies: needed = {} } = JSON.parse(text) as { dependencies?: Record<string, string> };
    for (const name of Object.keys(needed))
      if (!name.startsWith('@types/')) found.set(name, join(root, folder));
  }
  return [...found].map(([name, folder]) => `${name} from ${folder}`);
}

/**
 * A network of its own that leads nowhere: whatever is sent beyond loopback, through which kernels speak,
 * finds no route, and the system counts that. Name servers are such that they would have to be asked. The
 * last things printed are those counts.
 */
const alone = [
  'ip link set lo up',
  'mount --bind "$1" /etc/resolv.conf',
  'shift',
  '"$@" >&2',
  'cat /proc/net/snmp /proc/net/snmp6',
].join('\n');

const inNamespace = (servers: string, command: readonly string[]): string[] => [
  ...['--net', '--mount', '--map-root-user', 'sh', '-ec', alone, 'sh'],
  servers,
  ...command,
];

/**
 * The packets that found no route, of `/proc/net/snmp` (names, then values) and `/proc/net/snmp6` (a name and
 * its value a line).
 */
function withoutRoute(counts: string): number {
  const lines = counts.split('\n').map((line) => line.split(/\s+/));
  const [names, values] = lines.filter(([name]) => name === 'Ip:');
  const six = lines.find(([name]) => name === 'Ip6OutNoRoutes') ?? [];
  return Number(values![names!.indexOf('OutNoRoutes')]) + Number(six[1] ?? 0);
}

describe('privacy: what we depend on', function () {
  this.timeout(180_000);
  let folder: string;
  let servers: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'privacy-'));
    servers = join(folder, 'resolv.conf');
    await writeFile(servers, 'nameserver 198.51.100.53\noptions timeout:1 attempts:1\n');
  });

  async function packetsOf(command: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
    const { stdout } = await execute('unshare', inNamespace(servers, command), { env, cwd: root, ...only });
    return withoutRoute(stdout);
  }

  it('neither connects nor listens, looks up names or starts programs when it is loaded', async () => {
    const all = await dependencies();
    assert.ok(all.length > 20);
    const program = fileURLToPath(new URL('loadsAll.mjs', import.meta.url));
    const env = { ...process.env, ORT_DISABLE_TELEMETRY: '1' };
    const { stdout } = await execute(process.execPath, [program, ...all], { env, cwd: root, ...only });
    const { heard, failed } = JSON.parse(stdout.trim().split('\n').at(-1)!) as Record<string, string[]>;
    assert.deepEqual(heard, []);
    // Plotly is for browsers; it is put into pages as a file.
    assert.deepEqual(
      failed!.filter((each) => !each.startsWith('plotly.js-dist')),
      [],
    );
  });

  it('sends no packet and leaves no file outside its folders when we train, quantize, export and run a notebook', async function () {
    if (spawnSync('unshare', inNamespace(servers, ['true']), { cwd: root, stdio: 'ignore' }).status !== 0)
      this.skip();
    const asks = `require('node:dns').lookup('example.org', () => 0)`;
    assert.ok((await packetsOf([process.execPath, '-e', asks], process.env)) > 0, 'the count counts');

    const [home, temporary, work] = ['home', 'tmp', 'work'].map((name) => join(folder, name));
    for (const each of [home!, temporary!, work!]) await mkdir(each);
    await cp(join(root, 'lib/notebook/test/fixtures/tour.ipynb'), join(work!, 'tour.ipynb'));
    const env: NodeJS.ProcessEnv = { ...process.env, HOME: home!, USERPROFILE: home!, TMPDIR: temporary! };
    for (const name of [
      'ORT_DISABLE_TELEMETRY',
      'XDG_CACHE_HOME',
      'XDG_CONFIG_HOME',
      'XDG_DATA_HOME',
      'OABN_DATA_DIR',
    ])
      Reflect.deleteProperty(env, name);
    Object.assign(env, { OABN_RUNS_DIR: join(work!, 'runs'), OABN_CACHE_DIR: join(work!, 'cache') });
    const [network, quantized] = [join(work!, 'a.safetensors'), join(work!, 'b.safetensors')];
    const made = '--profile smoke --data made';
    const commands = [
      `train ${made} -o ${network}`,
      `quantize ${network} --bits 4 --data made -o ${quantized}`,
      `export ${quantized} -o ${join(work!, 'c.onnx')}`,
      `notebook run ${join(work!, 'tour.ipynb')} --html ${join(work!, 'pages')}`,
    ].map((line) => `'${process.execPath}' '${binary}' ${line}`);
    assert.equal(await packetsOf(['sh', '-ec', commands.join('\n')], env), 0);
    assert.deepEqual(await readdir(temporary!), [], 'temporary files');
    assert.deepEqual(await readdir(home!, { recursive: true }), [], 'files in the home folder');
  });
});
