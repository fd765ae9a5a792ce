/**
 * Labs as notebooks open them: with progress bars, and a description of their data and scale.
 */
import { notebookProgress } from 'tslab-kernel/display';
import { describeLab, openImagenetLab, openPaperLab, type PaperLab, type PaperLabOptions } from './lab.js';

/** The lab of `OABN_PROFILE`, or of `quick`; a line below the cell describes it. */
export async function notebookLab(options: Omit<PaperLabOptions, 'progress'> = {}): Promise<PaperLab> {
  return said(await openPaperLab({ ...options, progress: notebookProgress() }));
}

/** Its ImageNet side, or that of what stands in for ImageNet. */
export async function notebookImagenetLab(
  options: Omit<PaperLabOptions, 'progress' | 'dataset'> = {},
): Promise<PaperLab> {
  return said(await openImagenetLab({ ...options, progress: notebookProgress() }));
}

function said(lab: PaperLab): PaperLab {
  console.log(`The cells below compute with ${describeLab(lab)}`);
  const { note } = lab.train.provenance;
  if (note) console.log(note);
  return lab;
}
