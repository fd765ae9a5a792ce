/**
 * Torture: what can happen to files, disks, clocks and processes happens, drawn from a seed, and one sentence
 * must hold:
 *
 *     the same bits as an undisturbed run, or a clear error; never a wrong number, a hang, a leftover.
 *
 * A scenario answers which of the two it was, and throws where it was neither. Each has an equal share of the
 * time. The n-th play of a scenario is a pure function of seed, name and n, but for the moments at which
 * processes are killed.
 */
import assert from 'node:assert/strict';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { random } from 'oabn-base';
import { commandScenarios } from './commands.js';
import { diskScenarios } from './disk.js';
import { inputScenarios } from './inputs.js';
import type { Outcome, Scenario } from './scenario.js';
import { storeScenarios } from './store.js';

export const scenarios: readonly Scenario[] = [
  ...storeScenarios,
  ...diskScenarios,
  ...inputScenarios,
  ...commandScenarios,
];

export interface Count {
  readonly name: string;
  readonly same: number;
  readonly refused: number;
  /** Why it was not played. */
  readonly leftOut?: string;
}

export interface TortureOptions {
  readonly seed: number;
  readonly seconds: number;
  /** Whether to play the scenarios that start whole commands. */
  readonly heavy?: boolean;
  /** Play only the scenarios whose name has this in it. */
  readonly filter?: string;
  /** The first play of each; with `plays`, for playing again what failed. */
  readonly first?: number;
  readonly plays?: number;
  readonly say?: (line: string) => void;
}

/** So many minutes without an end are a hang, on a machine that does much else too. */
const patience = (heavy = false): number => 60_000 * (heavy ? 20 : 4);

/** One play. @throws with what makes it again, where it breaks the sentence; what it left is then kept */
async function play({ name, run, heavy }: Scenario, seed: number, number: number): Promise<Outcome> {
  const folder = await mkdtemp(join(tmpdir(), 'torture-'));
  try {
    return await Promise.race([
      run(random(seed, 'torture', name, number), folder),
      sleep(patience(heavy), undefined, { ref: false }).then(() => assert.fail('it hangs')),
    ]);
  } catch (error) {
    const kept = join(process.env.OABN_TESTS_KEPT ?? tmpdir(), `${basename(folder)}-kept`);
    await cp(folder, kept, { recursive: true });
    throw new Error(`seed ${seed}, «${name}» number ${number}, kept in ${kept}`, { cause: error });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Plays scenarios until the time is over and each has had its turn. @throws at the first that breaks the
 * sentence
 */
export async function torture(options: TortureOptions): Promise<readonly Count[]> {
  const { seed, seconds, heavy = false, filter = '', first = 0, plays = Infinity } = options;
  const say = options.say ?? (() => undefined);
  const all = await Promise.all(
    scenarios
      .filter((scenario) => (heavy || !scenario.heavy) && scenario.name.includes(filter))
      .map(async (scenario) => {
        const leftOut = await scenario.leftOut?.();
        return {
          scenario,
          same: 0,
          refused: 0,
          spent: 0,
          number: first,
          ...(leftOut !== undefined && { leftOut }),
        };
      }),
  );
  const clock = (): number => performance.now() / 1000;
  const began = clock();
  const ready = () => all.filter(({ leftOut, number }) => leftOut === undefined && number < first + plays);
  let told = began;
  const goesOn = (): boolean =>
    clock() < began + seconds ? ready().length > 0 : ready().some(({ number }) => number === first);
  while (goesOn()) {
    const next = ready().reduce((least, each) => (each.spent < least.spent ? each : least));
    await next.scenario.prepare?.();
    const start = clock();
    next[await play(next.scenario, seed, next.number++)]++;
    next.spent += clock() - start;
    if (clock() > told + 60) {
      told = clock();
      const played = all.reduce((sum, { same, refused }) => sum + same + refused, 0);
      say(`${played} plays in ${(told - began).toFixed(0)} s`);
    }
  }
  return all.map(({ scenario: { name }, same, refused, leftOut }) => ({
    name,
    same,
    refused,
    ...(leftOut !== undefined && { leftOut }),
  }));
}
