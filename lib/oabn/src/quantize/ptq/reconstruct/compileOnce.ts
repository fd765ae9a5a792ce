/**
 * Functions that units of equal shape share, compiled once per reconstruction: compiling takes as long as
 * dozens of steps. In float32 whatever OABN_PRECISION says, because rounding errors are what is learned from.
 */
import { compile, type Compiled, tf } from 'tfjs-native';

/**
 * `make()` compiled for arguments like `example`, or what was compiled for such arguments before. What the
 * function depends on besides its arguments is its `kind` and `form`, plain JSON.
 */
export type CompileOnce = <Args extends readonly unknown[], Result>(
  kind: string,
  form: object,
  make: () => (...args: Args) => Result,
  example: Args,
) => Promise<Compiled<Args, Result>>;

/** A `CompileOnce`, and `dispose`, which frees all that it compiled. */
export function compiledOnce(): { compileOnce: CompileOnce; dispose: () => Promise<void> } {
  const compiled = new Map<string, Compiled<never, unknown>>();
  return {
    async compileOnce(kind, form, make, example) {
      const key = JSON.stringify([kind, form, shapesOf(example)]);
      const found = compiled.get(key) ?? (await compile(make(), example, { precision: 'float32' }));
      compiled.set(key, found as Compiled<never, unknown>);
      return found as never;
    },
    dispose: async () => {
      await Promise.all([...compiled.values()].map((each) => each.dispose()));
    },
  };
}

/** The structure of arguments, with shapes in place of tensors. */
function shapesOf(tree: unknown): unknown {
  if (tree instanceof tf.Tensor) return tree.shape.join('x');
  if (Array.isArray(tree)) return tree.map(shapesOf);
  if (typeof tree !== 'object' || tree === null) return tree;
  return Object.entries(tree).map(([name, child]) => [name, shapesOf(child)]);
}
