/** Many runs, several at a time, in processes of their own. */
export { defaultWorkers, runAll, type RunAllOptions, threadsEach } from './runAll.js';
