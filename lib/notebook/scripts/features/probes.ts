/**
 * The features by which kernels are compared, each with what finds out whether a kernel has it: a probe runs
 * cells in a fresh kernel and looks at what comes back, so that the table in the README says what was seen.
 */
import { languageProbes } from './languageProbes.js';
import { messageProbes } from './messageProbes.js';
import { runningProbes } from './runningProbes.js';
import type { Probe } from './tried.js';

export const probes: readonly Probe[] = [...messageProbes, ...runningProbes, ...languageProbes];
