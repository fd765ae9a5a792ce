/**
 * Starts a kernel in the folder it is given, prints its process id, and has it loop for ever; for
 * lifetime.test.ts.
 */
import { startKernelSession } from '../../src/run/index.js';

const session = await startKernelSession({ folder: process.argv[2]! });
console.log(session.pid);
await session.execute('for (;;);');
