/** The language thread: serves `Language` to the server through a port. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { serveCalls } from '../threads.js';
import { completenessOf } from './completeness.js';
import { createLanguage } from './language.js';

interface LanguageData {
  readonly folder: string;
  readonly kernelFile: string;
  readonly server: MessagePort;
}

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
parentPort?.unref();
