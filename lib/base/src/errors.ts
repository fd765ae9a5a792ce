/**
 * Errors that a user can act on. `UserError` says what was wrong, with the value, and what to do; the CLI
 * prints it without a stack trace and exits with 2. Anything else that is thrown is a defect of ours.
 */
export class UserError extends Error {
  override readonly name: string = 'UserError';
}

/** Throws a `UserError` with `message` unless `condition` holds. */
export function check(condition: unknown, message: string | (() => string)): asserts condition {
  if (!condition) throw new UserError(typeof message === 'string' ? message : message());
}

/** The value of `work`, whose `UserError` begins with `what`. */
export function naming<Value>(what: string, work: () => Value): Value {
  try {
    return work();
  } catch (error) {
    throw error instanceof UserError ? new UserError(`${what}: ${error.message}`, { cause: error }) : error;
  }
}

/** The JSON value in `text`. @throws UserError that calls it `name` */
export function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new UserError(`${name} is not JSON: ${errorMessage(error)}`);
  }
}

/** The message of anything that can be thrown. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
