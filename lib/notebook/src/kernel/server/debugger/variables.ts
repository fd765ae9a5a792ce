/** Values of the main thread for a variables panel: each level is read when the reader opens it. */
import type { Inspector } from './inspector.js';

/** A value in the inspector's form. */
export interface RemoteObject {
  readonly type: string;
  readonly subtype?: string;
  readonly value?: unknown;
  readonly description?: string;
  readonly objectId?: string;
  readonly unserializableValue?: string;
}

interface Property {
  readonly name: string;
  readonly value?: RemoteObject;
  readonly enumerable: boolean;
}

/** A variable as the Debug Adapter Protocol has it. */
export interface Variable {
  readonly name: string;
  readonly value: string;
  /** Absent for a primitive value, because JupyterLab's tree shows a type in place of the value. */
  readonly type?: string;
  /** The number by which `variables` asks for its members; 0 for none. */
  readonly variablesReference: number;
  readonly evaluateName: string;
}

export interface Variables {
  /** A number by which clients ask for the members of these objects, taken together. */
  refer(...objectIds: readonly string[]): number;
  /** The members behind such a number. */
  members(reference: number): Promise<Variable[]>;
  /** The text of a value, and the number by which its members are asked for. */
  describe(value: RemoteObject): Pick<Variable, 'value' | 'type' | 'variablesReference'>;
  /** Forgets all numbers, because the program has continued. */
  clear(): void;
}

/** Characters of a value that are shown. */
const longest = 300;

/** Members of one level that are shown; an array of a million numbers would swamp a page. */
const mostMembers = 500;

/** @param isHidden whether a name is the kernel's own */
export function createVariables(inspector: Inspector, isHidden: (name: string) => boolean): Variables {
  const references = new Map<number, readonly string[]>();
  let last = 0;
  const refer = (...objectIds: readonly string[]): number => {
    references.set(++last, objectIds);
    return last;
  };
  const describe: Variables['describe'] = (value) => ({
    value: textOf(value).slice(0, longest),
    ...(value.objectId !== undefined && { type: value.subtype ?? value.type }),
    variablesReference: value.objectId === undefined || value.type === 'function' ? 0 : refer(value.objectId),
  });
  return {
    refer,
    describe,
    clear: () => references.clear(),
    async members(reference) {
      const found: Variable[] = [];
      for (const objectId of references.get(reference) ?? []) {
        const { result } = await inspector.post<{ result: Property[] }>('Runtime.getProperties', {
          objectId,
          ownProperties: true,
        });
        for (const { name, value, enumerable } of result) {
          const isOwn = value !== undefined && enumerable && !isHidden(name);
          if (!isOwn || found.length >= mostMembers || found.some((other) => other.name === name)) continue;
          found.push({ name, evaluateName: name, ...describe(value) });
        }
      }
      return found;
    },
  };
}

function textOf({ type, value, description, unserializableValue }: RemoteObject): string {
  if (type === 'string') return JSON.stringify(value);
  if (type === 'function') return String(description).split('\n', 1)[0]!;
  return description ?? unserializableValue ?? String(value);
}
