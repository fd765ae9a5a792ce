/** What every cell knows without an import, as TypeScript reads it. The values are in runtime/globals.ts. */
import { join } from 'node:path';

/** The declarations' file name; it exists in memory only. */
export const globalsFile = (folder: string): string =>
  join(folder, '__kernel_globals__.d.ts').replaceAll('\\', '/');

export const globalsText = `
declare namespace Jupyter {
  /** MIME type → content: text, base64 for pictures, any JSON value for types that end in «json». */
  type MimeBundle = Record<string, unknown>;
  interface DisplayOptions {
    /** A display with the same \`id\` and \`update\` replaces the earlier one in its place. */
    id?: string;
    update?: boolean;
    metadata?: MimeBundle;
    /** Whether the value is already a MIME bundle. */
    raw?: boolean;
  }
  interface DisplayHandle {
    readonly id: string;
    /** Shows \`value\` in the place of the display. */
    update(value: unknown, options?: Omit<DisplayOptions, 'id' | 'update'>): Promise<void>;
  }
  interface CommMessage {
    readonly data: Record<string, unknown>;
    readonly buffers: readonly Uint8Array[];
    readonly metadata: Record<string, unknown>;
  }
  interface Comm {
    readonly id: string;
    readonly target: string;
    send(data: Record<string, unknown>, options?: { metadata?: Record<string, unknown>; buffers?: readonly ArrayBufferView[] }): void;
    close(data?: Record<string, unknown>): void;
    onMessage?: (message: CommMessage) => unknown;
    onClose?: (message: CommMessage) => unknown;
  }
  interface Comms {
    /** Opens a comm to the page; \`target\` is a name that an extension of the page has registered. */
    open(target: string, data?: Record<string, unknown>, options?: { metadata?: Record<string, unknown>; buffers?: readonly ArrayBufferView[] }): Comm;
    /** Answers comms that the page opens. */
    register(target: string, opened: (comm: Comm, message: CommMessage) => unknown): void;
  }
  interface Kernel {
    /**
     * Aborts when the running cell is interrupted. A cell that has asked for this signal gets time to end by
     * itself.
     */
    readonly signal: AbortSignal;
    /** Whether type errors stop a cell («error»), are only shown («warn») or are not checked for («off»). */
    typecheck: 'error' | 'warn' | 'off';
    readonly comms: Comms;
    readonly versions: { readonly kernel: string; readonly typescript: string; readonly node: string };
  }
}
/** The kernel that runs this notebook. */
declare const kernel: Jupyter.Kernel;
/**
 * Shows a value below the cell: as it shows itself (\`Symbol.for('Jupyter.display')\`), or as text.
 * Resolves to a handle that shows another value in its place.
 */
declare function display(value: unknown, options?: Jupyter.DisplayOptions): Promise<Jupyter.DisplayHandle>;
/** Empties the output of the cell; with \`wait\`, when the next output comes. */
declare function clearOutput(wait?: boolean): void;
/** Asks the reader for a line; a password is not shown while it is typed. */
declare function input(prompt?: string, options?: { password?: boolean }): Promise<string>;
/** Asks the reader for a line and stops everything else until it comes. */
declare function prompt(message?: string): string;
declare module 'tslab' {
  export interface Display {
    javascript(text: string): void;
    html(text: string): void;
    markdown(text: string): void;
    latex(text: string): void;
    svg(text: string): void;
    png(bytes: Uint8Array): void;
    jpeg(bytes: Uint8Array): void;
    gif(bytes: Uint8Array): void;
    pdf(bytes: Uint8Array): void;
    text(text: string): void;
    raw(type: string, content: string | Uint8Array): void;
  }
  /** Displays below the cell, as tslab has them. */
  export const display: Display;
  /** A display whose content is replaced by each call. */
  export function newDisplay(): Display;
  export const versions: { readonly tslab: string; readonly typescript: string; readonly node: string };
}
`;
