/** Many runs, several at a time, in processes of their own. */
export { threadsEach } from './crew.js';
export { estimateAll } from './estimateAll.js';
export { defaultWorkers, runAll, type RunAllOptions } from './runAll.js';
