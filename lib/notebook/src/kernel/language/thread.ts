/** The language thread: serves `Language` to the server through a port. */
import * as modules from 'node:module';
import { type MessagePort, workerData } from 'node:worker_threads';
import { serveCalls } from '../threads.js';

interface LanguageData {
  readonly folder: string;
  readonly kernelFile: string;
  readonly server: MessagePort;
}

// TypeScript is 9 MB of JavaScript, whose compiled form Node 22 keeps from one start to the next.
(modules as { enableCompileCache?(): void }).enableCompileCache?.();
const [{ completenessOf }, { createLanguage }] = await Promise.all([
  import('./completeness.js'),
  import('./language.js'),
]);

const { folder, kernelFile, server } = workerData as LanguageData;
const language = createLanguage(folder, kernelFile);

const methods = {
  compile: language.compile,
  settle: language.settle,
  complete: language.complete,
  inspect: language.inspect,
  completeness: completenessOf,
  typescript: (): string => language.typescript,
};

/** What the server may ask of this thread. */
export type LanguageMethods = typeof methods;

serveCalls(server, methods);
// Declarations are read before the first cell asks for them.
language.complete('', 0);
