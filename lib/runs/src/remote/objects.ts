/**
 * Named bytes that every machine of a sweep can reach: a shared folder, or a bucket that speaks S3. This is
 * all that the rest of the room needs from a place; for another kind of place, write these six functions.
 *
 * An object is complete or absent. Once written it is not changed, except where stated: names contain what
 * makes them unique, so nothing here depends on how fast one machine sees another's overwriting.
 */
export interface Objects {
  /** The address as a user writes it, without secrets. */
  readonly address: string;
  /** The bytes under `key`; undefined if there are none. */
  get(key: string): Promise<Uint8Array | undefined>;
  /** Writes `bytes`; with `ifAbsent` only where nothing is yet, and says whether it did. */
  put(key: string, bytes: Uint8Array, options?: { readonly ifAbsent?: boolean }): Promise<boolean>;
  /**
   * `get` into a file, which is whole or not there; false if there is no such object. Needs no memory for the
   * whole.
   */
  getFile(key: string, path: string): Promise<boolean>;
  /** `put` of a file's bytes. */
  putFile(key: string, path: string): Promise<void>;
  /** All keys that begin with `prefix`, sorted. A prefix ends with `/`, or is empty. */
  list(prefix: string): Promise<string[]>;
  /** Deletes what is under `keys`, if anything is. */
  remove(keys: readonly string[]): Promise<void>;
}
