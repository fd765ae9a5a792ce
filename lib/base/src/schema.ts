/**
 * What a value from outside (a configuration, a file's metadata) may look like, declared once: a `Rule` is a
 * function that throws a `UserError` naming the member, its value and what it must be. Rules are composed of
 * smaller ones, and look only at own members, so that no value, however it was made, gets past a rule that it
 * breaks.
 *
 *     const scheme = object({ bits: whole(2, 8), weights: oneOf('uniform', 'kmeans') }, { layerBits: record(whole(2, 8)) });
 *     scheme(JSON.parse(text), 'scheme'); // «scheme.bits must be a whole number from 2 to 8, got "4"»
 */
import { UserError } from './errors.js';

/** @throws UserError that calls the value `name` */
export type Rule = (value: unknown, name: string) => void;

function refuse(name: string, must: string, value: unknown): never {
  throw new UserError(`${name} must be ${must}, got ${shown(value)}`);
}

/** A value in a few words; it may be anything. */
function shown(value: unknown): string {
  if (typeof value === 'number' || value === undefined) return String(value);
  if (typeof value === 'function') return 'a function';
  let text: string;
  try {
    text = JSON.stringify(value) ?? typeof value;
  } catch {
    text = typeof value;
  }
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}

/** A rule for numbers that satisfy `holds`, which `must` puts in words. */
const numbers =
  (must: string, holds: (value: number) => boolean): Rule =>
  (value, name) => {
    if (typeof value !== 'number' || !holds(value)) refuse(name, must, value);
  };

/** A whole number from `least` to `most`, both included. */
export const whole = (least: number, most = Number.MAX_SAFE_INTEGER): Rule =>
  numbers(
    most === Number.MAX_SAFE_INTEGER
      ? `a whole number ${least === 1 ? '> 0' : `≥ ${least}`}`
      : `a whole number from ${least} to ${most}`,
    (value) => Number.isSafeInteger(value) && value >= least && value <= most,
  );
/** Any whole number. */
export const integer: Rule = numbers('a whole number', Number.isSafeInteger);
/** Any number except NaN and ±Infinity. */
export const finite: Rule = numbers('a finite number', Number.isFinite);
/** Any number above 0. */
export const positive: Rule = numbers('> 0', (value) => value > 0 && value < Infinity);
/** 0 and any number above it. */
export const notNegative: Rule = numbers('≥ 0', (value) => value >= 0 && value < Infinity);
/** At least `least` and less than `bound`. */
export const below = (bound: number, least = 0): Rule =>
  numbers(`in [${least}, ${bound})`, (value) => value >= least && value < bound);

/** Any string. */
export const text: Rule = (value, name) => {
  if (typeof value !== 'string') refuse(name, 'a text', value);
};
/** true or false. */
export const flag: Rule = (value, name) => {
  if (typeof value !== 'boolean') refuse(name, 'true or false', value);
};
/** Any value: another function checks it. */
export const anything: Rule = () => undefined;

/** One of these strings. */
export const oneOf =
  (...known: readonly (string | number | boolean)[]): Rule =>
  (value, name) => {
    if (!known.includes(value as string)) {
      refuse(name, `one of ${known.map((each) => JSON.stringify(each)).join(', ')}`, value);
    }
  };

/** null, or what `rule` takes. */
export const nullable =
  (rule: Rule): Rule =>
  (value, name) => {
    if (value !== null) rule(value, name);
  };

/** What `choose` takes for the value: for members that may be of several kinds. */
export const either =
  (choose: (value: unknown) => Rule): Rule =>
  (value, name) =>
    choose(value)(value, name);

/** A list of `least` to `most` items. */
export const listOf =
  (rule: Rule, least = 0, most = Infinity): Rule =>
  (value, name) => {
    if (!Array.isArray(value)) return refuse(name, 'a list', value);
    if (value.length < least || value.length > most) {
      refuse(
        name,
        `a list of ${most === Infinity ? `at least ${least}` : `${least} to ${most}`} items`,
        value,
      );
    }
    // By index, because `forEach` skips holes.
    for (let i = 0; i < value.length; i++) rule(value[i], `${name}[${i}]`);
  };

/** An object of any names with values of one kind. */
export const record =
  (rule: Rule): Rule =>
  (value, name) => {
    if (!isObject(value)) return refuse(name, 'an object', value);
    for (const [key, member] of Object.entries(value)) rule(member, `${name}.${key}`);
  };

/**
 * An object with the `required` members, perhaps with the `optional` ones (`undefined` counts as left out),
 * and no others.
 */
export const object =
  (required: Readonly<Record<string, Rule>>, optional: Readonly<Record<string, Rule>> = {}): Rule =>
  (value, name) => {
    if (!isObject(value)) return refuse(name, 'an object', value);
    for (const [key, member] of Object.entries(value)) {
      if (member === undefined) continue;
      if (Object.hasOwn(required, key) || Object.hasOwn(optional, key)) continue;
      const known = [...Object.keys(required), ...Object.keys(optional)].join(', ');
      throw new UserError(`${name} has no member ${JSON.stringify(key)}; expected one of ${known}`);
    }
    const own = (key: string): unknown => (Object.hasOwn(value, key) ? value[key] : undefined);
    for (const [key, rule] of Object.entries(required)) rule(own(key), `${name}.${key}`);
    for (const [key, rule] of Object.entries(optional)) {
      if (own(key) !== undefined) rule(own(key), `${name}.${key}`);
    }
  };

/** Like `object`, but allowing any other members: for a format that others extend. */
export const shape =
  (required: Readonly<Record<string, Rule>>, optional: Readonly<Record<string, Rule>> = {}): Rule =>
  (value, name) => {
    if (!isObject(value)) return refuse(name, 'an object', value);
    const known = Object.entries(value).filter(
      ([key]) => Object.hasOwn(required, key) || Object.hasOwn(optional, key),
    );
    object(required, optional)(Object.fromEntries(known), name);
  };

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
