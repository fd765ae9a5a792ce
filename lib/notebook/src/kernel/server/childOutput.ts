/** Reads the pipes into which programs that cells have started write (runtime/childOutput.ts). */
import { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';

export interface ChildOutput {
  /** Reads the pipe `fd` to its end, and gives the text to `write`. */
  read(fd: number, write: (text: string) => void): void;
  /** Resolves when all that was in the pipes has been read. */
  drained(): Promise<void>;
}

/** More bytes than fit into the pipes of a cell; later ones come from a program that still runs. */
const mostInPipes = 1024 * 1024;

export function createChildOutput(): ChildOutput {
  const open = new Set<Socket>();
  let bytesRead = 0;
  return {
    read(fd, write) {
      const pipe = new Socket({ fd, readable: true, writable: false });
      const decoder = new TextDecoder();
      open.add(pipe);
      pipe.on('data', (chunk: Buffer) => {
        bytesRead += chunk.length;
        write(decoder.decode(chunk, { stream: true }));
      });
      pipe.on('end', () => write(decoder.decode()));
      pipe.on('error', () => undefined);
      pipe.on('close', () => open.delete(pipe));
    },
    async drained() {
      const before = bytesRead;
      for (let last = -1; open.size > 0 && last !== bytesRead && bytesRead - before < mostInPipes;) {
        last = bytesRead;
        // The pipes are polled between two turns.
        await nextTurn();
        await nextTurn();
      }
    },
  };
}
