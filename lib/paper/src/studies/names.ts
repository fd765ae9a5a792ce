/** Names that a study's grid, or a command, may have. */
import { check } from 'oabn-base';

/** @throws UserError for the first of `names` that is none of the `known` ones */
export function checkNames(what: string, names: readonly string[], known: readonly string[]): void {
  const other = names.find((name) => !known.includes(name));
  check(other === undefined, () => `${what} must be among ${known.join('; ')}, got ${JSON.stringify(other)}`);
}
