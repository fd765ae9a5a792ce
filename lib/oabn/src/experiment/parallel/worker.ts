/**
 * A process of its own that computes runs, or estimates them, in labs opened like those of the process that
 * started it.
 */
import { serve } from 'provable-runs/local';
import { estimateRuns } from '../estimate.js';
import { type Lab, type LabOpening, openLab } from '../lab.js';
import { run } from '../run.js';
import type { Task } from './crew.js';

serve<readonly LabOpening[], Lab[], Task, unknown>({
  async open(openings, ports) {
    const labs: Lab[] = [];
    // What opening reports, such as made data, was reported where these labs were opened first.
    let opened = false;
    const notice = (message: string): void => (opened ? ports.notice(message) : undefined);
    for (const opening of openings) labs.push(await openLab({ ...opening, ...ports, notice }));
    opened = true;
    return labs;
  },
  async carryOut(task, labs) {
    switch (task.kind) {
      case 'run':
        return (await run(labs[task.lab]!, task.config)).from;
      case 'estimate':
        return await estimateRuns(task.jobs.map(({ lab, config }) => ({ lab: labs[lab]!, config })));
      default:
        return task satisfies never;
    }
  },
});
