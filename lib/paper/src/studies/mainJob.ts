/** Every run of the main job, networks first, each once: what the notebooks' studies ask for, together. */
import type { Job } from 'oabn/experiment';
import type { Labs } from '../profiles/index.js';
import { ablationStudy } from './ablations.js';
import { lawStudy } from './law.js';
import { learningRateStudy } from './learningRates.js';
import { lowBitStudy } from './lowBit.js';
import { ordinaryCnnStudy } from './plainNetworks.js';
import { ptqStudy } from './ptq.js';
import { type AnyStudy, studyJobs } from './study.js';
import { thresholdStudy } from './threshold.js';

/** Figures 2, 4, 7a and 8, and table 5. */
const storyStudies: readonly AnyStudy[] = [ordinaryCnnStudy, thresholdStudy(), lowBitStudy()];

/** The CIFAR-10 side: the story, the search for learning rates, the law and the ablations. */
const cifarStudies: readonly AnyStudy[] = [...storyStudies, learningRateStudy, lawStudy(), ablationStudy()];

/** The ImageNet side: figure 7b, tables 3 and 6. */
const imagenetStudies: readonly AnyStudy[] = [
  thresholdStudy(),
  ptqStudy(),
  lowBitStudy(),
  lawStudy({ networks: ['RepVGG', 'QARepVGG'] }),
];

/**
 * The runs of both sides, or only those of the story, as the profile says. A story has no priorities: it is over in
 * minutes, and a network that is trained last keeps one core alone busy.
 */
export function mainJob({ cifar, imagenet }: Labs): Job[] {
  if (!imagenet) return studyJobs(cifar, storyStudies).map(({ lab, config }) => ({ lab, config }));
  return [...studyJobs(cifar, cifarStudies), ...studyJobs(imagenet, imagenetStudies)];
}
