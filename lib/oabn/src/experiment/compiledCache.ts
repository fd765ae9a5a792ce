/**
 * Compiled functions by key. Runs of a grid differ in their numbers more than in their steps, so what one run
 * compiled serves the next; the least recently used functions are disposed of, as each holds native memory.
 */
import { compile, type Compiled, type CompileOptions } from 'tfjs-native';

type AnyCompiled = Compiled<never, unknown>;

/** Compiled functions by key, the least recently used of which are disposed of. */
export interface CompiledCache {
  /**
   * `make()` compiled for inputs like `example`, or what was compiled under `key` for such inputs before or is being
   * compiled. It is disposed of when `capacity` other keys have been asked for since: whoever shares the cache with
   * work that goes on at the same time asks for it again before each use.
   */
  get<Args extends readonly unknown[], Result>(
    key: string,
    make: () => (...args: Args) => Result,
    example: Args,
  ): Promise<Compiled<Args, Result>>;
  /** Frees every compiled function. */
  dispose(): Promise<void>;
}

/** How many functions are kept, and how they are compiled. */
export interface CompiledCacheOptions extends Pick<CompileOptions, 'eager' | 'precision' | 'warn'> {
  /** Functions that are kept; default 8. */
  readonly capacity?: number;
}

/** An empty cache; what it compiles is compiled with the given options. */
export function compiledCache({ capacity = 8, ...options }: CompiledCacheOptions = {}): CompiledCache {
  const compiled = new Map<string, Promise<AnyCompiled>>();
  const drop = async (key: string, dropped: Promise<AnyCompiled>): Promise<void> => {
    compiled.delete(key);
    // What fails to compile is reported to those who asked for it.
    await dropped.then(
      (each) => each.dispose(),
      () => undefined,
    );
  };
  return {
    async get(key, make, example) {
      const found =
        compiled.get(key) ?? (compile(make(), example, options) as unknown as Promise<AnyCompiled>);
      // A Map keeps the order of insertion: what was used last goes to the end.
      compiled.delete(key);
      compiled.set(key, found);
      const [oldest] = compiled;
      const dropped = compiled.size > capacity ? drop(...oldest!) : undefined;
      try {
        return (await Promise.all([found, dropped]))[0] as never;
      } catch (error) {
        if (compiled.get(key) === found) compiled.delete(key);
        throw error;
      }
    },
    async dispose() {
      await Promise.all([...compiled].map(([key, each]) => drop(key, each)));
    },
  };
}
