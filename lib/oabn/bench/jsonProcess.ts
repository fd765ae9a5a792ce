/**
 * A process that is asked in lines of JSON and answers in lines of JSON. Its first answer has its version, or says
 * why it cannot run (`unavailable`); lines that are no JSON are passed over.
 */
import { spawn, type SpawnOptions } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface JsonProcess {
  readonly version: string;
  /** The answer to a request; undefined when the process has ended. */
  readonly ask: (request: object) => Promise<Readonly<Record<string, unknown>> | undefined>;
  readonly stop: () => void;
}

/** Starts `command`, or says why it cannot run here. */
export async function startJsonProcess(
  command: string,
  args: readonly string[],
  { env, stderr = 'inherit' }: Pick<SpawnOptions, 'env'> & { readonly stderr?: 'inherit' | 'ignore' } = {},
): Promise<JsonProcess | { readonly missing: string }> {
  const child = spawn(command, args, { env, stdio: ['pipe', 'pipe', stderr] });
  child.on('error', () => undefined);
  child.stdin!.on('error', () => undefined);
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const answer = async (): Promise<Record<string, unknown> | undefined> => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done) return undefined;
      if (String(value).startsWith('{')) return JSON.parse(String(value)) as Record<string, unknown>;
    }
  };
  const { version, unavailable } = (await answer()) ?? {};
  if (typeof version !== 'string') {
    return { missing: typeof unavailable === 'string' ? unavailable : `${command} does not answer` };
  }
  return {
    version,
    stop: () => child.kill(),
    ask: (request) => {
      child.stdin!.write(`${JSON.stringify(request)}\n`);
      return answer();
    },
  };
}
