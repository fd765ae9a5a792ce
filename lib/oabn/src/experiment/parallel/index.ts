/** Many runs, several at a time, in processes of their own. */
export { type NumberedJob, type Task, threadsEach } from './crew.js';
export { estimateAll, type EstimateAllOptions } from './estimateAll.js';
export { defaultWorkers, gibibytesOfRun, poolJobs, runAll, type RunAllOptions } from './runAll.js';
