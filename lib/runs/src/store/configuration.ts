/**
 * The configuration as the name of a run: what is hashed is what is stored and what the run is given, however
 * its object is changed afterwards.
 */
import { canonicalJson, UserError } from 'oabn-base';

/**
 * A copy of `config` as its canonical JSON says it, frozen at every depth; its hash is that of `config`.
 * @throws UserError for what JSON cannot hold, and for holes of arrays and boxed strings, with the path
 */
export function frozenConfig<Config>(config: Config): Config {
  const text = canonicalJson(config);
  checkShown(config, '$');
  return deepFrozen(JSON.parse(text) as Config);
}

/** @throws UserError for a value that canonical JSON writes, but otherwise than JSON does */
function checkShown(value: unknown, path: string): void {
  if (typeof value !== 'object' || value === null) return;
  const { toJSON } = value as { readonly toJSON?: unknown };
  const shown: unknown = typeof toJSON === 'function' ? toJSON.call(value) : value;
  if (shown !== value) return checkShown(shown, path);
  if (value instanceof String) throw new UserError(`${path} must be JSON, got a String; give a plain string`);
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      if (!(i in value)) {
        throw new UserError(
          `${path}[${i}] must be JSON, got a hole of an array; give it a value (null, say)`,
        );
      }
      checkShown(value[i], `${path}[${i}]`);
    }
    return;
  }
  for (const [key, member] of Object.entries(value)) checkShown(member, `${path}.${key}`);
}

function deepFrozen<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null) return value;
  for (const member of Object.values(value)) deepFrozen(member);
  return Object.freeze(value);
}

/** What V8 says of a write to a frozen object or array, in a module or another strict function. */
const ofFrozen = /read only property|object is not extensible|Cannot (delete|redefine) property/;

/**
 * The value of `work`, which is given a frozen configuration.
 * @throws TypeError that says so where `work` throws one that such a write gives; else what `work` throws
 */
export async function explainingFrozen<Value>(work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof TypeError) || !ofFrozen.test(error.message)) throw error;
    const explained = new TypeError(
      `${error.message}. If that is in the run's configuration: it is frozen, because it names the run; ` +
        `change a copy (structuredClone(config))`,
      { cause: error },
    );
    // Where it happened, which is what helps to find it.
    explained.stack = error.stack?.replace(error.message, () => explained.message) ?? explained.message;
    throw explained;
  }
}
