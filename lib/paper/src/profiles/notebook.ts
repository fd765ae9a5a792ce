/**
 * Labs as notebooks open them: with progress bars, and a description of their data and scale.
 */
import { notebookProgress } from 'tslab-kernel';
import { describeLab, openImagenetLab, openPaperLab, type PaperLab, type PaperLabOptions } from './lab.js';

/** The lab of `OABN_PROFILE`, or of `quick`: says below the cell what it is. */
export async function notebookLab(options: Omit<PaperLabOptions, 'progress'> = {}): Promise<PaperLab> {
  return said(await openPaperLab({ ...options, progress: notebookProgress() }));
}

/** Its side of ImageNet, or of what stands in for it. */
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
