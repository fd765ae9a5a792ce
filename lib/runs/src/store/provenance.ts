/**
 * Where a result comes from: enough to judge it and to compute it again. Paths are written relative to the
 * working directory, so that a stored result can be published.
 */
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { cpus, platform, release, totalmem } from 'node:os';
import { basename, isAbsolute, relative } from 'node:path';
import { promisify } from 'node:util';

/** What only the run knows. */
export interface RunFacts {
  /** The run's seed. */
  readonly seed?: number;
  /** The dataset's name, checksum, and whether it is made. */
  readonly dataset?: unknown;
  /** Which engine ran the tensors, and on what. */
  readonly backend?: string;
  /** Such as the name of the processor or GPU. */
  readonly device?: string;
  /**
   * Files of other runs that it started from: `<hash>/<name>` → SHA-256. A run that is computed again on other
   * hardware can end with other bits; this says which ones were used.
   */
  readonly inputs?: Readonly<Record<string, string>>;
}

/** Where a result comes from: versions, command, commit, machine, and time. */
export interface Provenance extends RunFacts {
  /** The versions of node, and of the packages that the store was opened with. */
  readonly versions: Readonly<Record<string, string>>;
  /** Program and arguments. */
  readonly command: string;
  /** The git commit of the working directory, if it has one. */
  readonly commit?: string;
  /** What it was computed on. */
  readonly machine: Machine;
  /** When the run was first begun, in ISO 8601. */
  readonly startedAt: string;
  /** How many times the run was begun or resumed. */
  readonly sessions: number;
  /** Absent until the run is finished. */
  readonly finishedAt?: string;
  /** Seconds of work that are in the result: work undone by a kill is not counted. */
  readonly wallSeconds?: number;
  /** Processor seconds of the process for the same work, which other load on the machine does not affect. */
  readonly cpuSeconds?: number;
}

/** What the run was computed on. */
export interface Machine {
  /** The model of the processor. */
  readonly cpu: string;
  /** Logical cores. */
  readonly cores: number;
  /** Main memory in GiB. */
  readonly memoryGiB: number;
  /** Operating system, its release and the architecture. */
  readonly system: string;
}

/**
 * The provenance of a session that begins now, with the `versions` of what computes; `earlier` is that of the
 * same run's last session, if any.
 */
export async function beginProvenance(
  facts: RunFacts,
  versions: Readonly<Record<string, string>>,
  earlier: Partial<Provenance> | undefined,
): Promise<Provenance> {
  const commit = await gitCommit();
  return {
    ...facts,
    versions: { node: process.versions.node, ...versions },
    command: command(),
    ...(commit !== undefined && { commit }),
    machine: machine(),
    startedAt: isTime(earlier?.startedAt) ? earlier.startedAt : new Date().toISOString(),
    sessions: (Number.isSafeInteger(earlier?.sessions) ? earlier!.sessions! : 0) + 1,
  };
}

/** False for what a damaged file may contain instead. */
const isTime = (text: unknown): text is string => typeof text === 'string' && !Number.isNaN(Date.parse(text));

/**
 * This process's program and arguments, with paths relative to the working directory and without passwords in
 * addresses.
 */
export function command(argv: readonly string[] = process.argv): string {
  const [, program = 'node', ...rest] = argv;
  return [basename(program), ...rest.map(shownArgument)].join(' ');
}

function shownArgument(argument: string): string {
  const [, name, value] = /^(--[^=]+=)?(.*)$/s.exec(withoutPassword(argument))!;
  const shown = isAbsolute(value!) ? relative(process.cwd(), value!) || '.' : value!;
  return `${name ?? ''}${/[\s"'$]/.test(shown) ? JSON.stringify(shown) : shown}`;
}

/** A user and password in an address, as in redis://user:password@host, must not be stored. */
const withoutPassword = (text: string): string =>
  text.replace(/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/?#]*@/gi, '$1');

/**
 * The versions of installed packages, read from their package.json without loading them; packages that are
 * not installed are left out.
 * @param packages what a provenance calls a package → its name on npm
 * @param from the module that would import them: `import.meta.url`, or what `import.meta.resolve` says of a
 * package
 */
export function packageVersions(
  packages: Readonly<Record<string, string>>,
  from: string,
): Record<string, string> {
  const require = createRequire(from);
  const found: Record<string, string> = {};
  for (const [name, id] of Object.entries(packages)) {
    try {
      found[name] = (require(`${id}/package.json`) as { version: string }).version;
    } catch {
      // Not installed: an optional dependency.
    }
  }
  return found;
}

/** The commit of the code that this process loaded, so it is determined only once. */
const gitCommit = (): Promise<string | undefined> => (loadedCommit ??= readCommit());
let loadedCommit: Promise<string | undefined> | undefined;

async function readCommit(): Promise<string | undefined> {
  const git = async (...args: string[]): Promise<string> =>
    (await promisify(execFile)('git', args, { timeout: 5000, windowsHide: true })).stdout.trim();
  try {
    const [commit, changes] = await Promise.all([
      git('rev-parse', 'HEAD'),
      git('status', '--porcelain', '--untracked-files=no'),
    ]);
    return changes === '' ? commit : `${commit} with local changes`;
  } catch {
    return undefined;
  }
}

function machine(): Machine {
  const processors = cpus();
  return {
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()} ${process.arch}`,
  };
}
