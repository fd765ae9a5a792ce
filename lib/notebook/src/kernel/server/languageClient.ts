/** The language thread as the server sees it. */
import type { MessagePort } from 'node:worker_threads';
import type { LanguageMethods } from '../language/thread.js';
import { callsTo } from '../threads.js';

export const connectLanguage = (port: MessagePort) => callsTo<LanguageMethods>(port);

/** TypeScript, in its thread. */
export type Language = ReturnType<typeof connectLanguage>;
