/** The language thread: serves `Language` to the server through a port. */
import { createRequire } from 'node:module';
import { type MessagePort, workerData } from 'node:worker_threads';
import { serveCalls } from '../threads.js';
import { loadCompiled } from './compileCache.js';

export interface LanguageData {
  readonly folder: string;
  readonly kernelFile: string;
  readonly server: MessagePort;
  /** Where TypeScript's compiled form is kept between starts. */
  readonly cacheFolder: string;
}

const { folder, kernelFile, server, cacheFolder } = workerData as LanguageData;
const compiled = loadCompiled(createRequire(import.meta.url).resolve('typescript'), cacheFolder);
const [{ completenessOf }, { createLanguage }] = await Promise.all([
  import('./completeness.js'),
  import('./language.js'),
]);
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
// Later, so that the first completion does not wait for it.
setTimeout(() => compiled.save(), 1000);
