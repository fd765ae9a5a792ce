/**
 * Functions of your own as values of configurations.
 *
 * @module oabn/custom
 */
export {
  type AnyFunction,
  custom,
  type Custom,
  functionOf,
  normalizeCustom,
  trustSources,
} from './custom.js';
export { valuesOnHost } from './host.js';
