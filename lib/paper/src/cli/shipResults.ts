/** What `oabn reproduce` writes besides the report's page: figures, an RO-Crate, and what ships with the project. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { copyFileAtomic, writeFileAtomic, writeJsonAtomic } from 'oabn-base';
import { run, softwareVersions } from 'oabn/experiment';
import { figurePng, figureSvg } from 'tslab-kernel/picture';
import { bitsFigure } from '../figures/index.js';
import { describeLab, type Labs, type PaperLab, shippedFolder } from '../profiles/index.js';
import {
  type CrateParts,
  crateFile,
  crateReadme,
  crateReadmeFile,
  type ReportFigure,
  type ResultRows,
  runCrate,
  updateReadme,
  workflowFile,
  workflowRecord,
} from '../report/index.js';
import { boardOf, mainJob, readVerdicts, shippedVerdicts, verdictsFile } from '../studies/index.js';

/**
 * Writes each figure as SVG and, on a machine with fonts, as PNG. Returns the paths of the PNGs by their
 * names.
 */
export async function writeFigures(
  figures: readonly ReportFigure[],
  folder: string,
): Promise<Map<string, string>> {
  const pictures = new Map<string, string>();
  for (const { name, figure } of figures) {
    await writeFileAtomic(join(folder, `${name}.svg`), figureSvg(figure));
    const png = await figurePng(figure);
    if (!png) continue;
    pictures.set(name, join(folder, `${name}.png`));
    await writeFileAtomic(pictures.get(name)!, png);
  }
  return pictures;
}

/** Writes the part of the report's folder that archives read: an RO-Crate, and the runs that it is about. */
export async function writeCrate(
  folder: string,
  figures: readonly string[],
  of: Pick<CrateParts, 'labs' | 'runs' | 'startedAt'>,
): Promise<void> {
  const pictures = figures.flatMap((name) => [`figures/${name}.svg`, `figures/${name}.png`]);
  const files = pictures.filter((path) => existsSync(join(folder, path)));
  const parts: CrateParts = {
    ...of,
    files: ['index.html', ...files],
    finishedAt: new Date().toISOString(),
    command: ['oabn', ...process.argv.slice(2)].join(' '),
    versions: { node: process.versions.node, ...softwareVersions() },
  };
  await writeJsonAtomic(join(folder, workflowFile), workflowRecord(parts));
  await writeFileAtomic(join(folder, crateReadmeFile), crateReadme(parts));
  await writeJsonAtomic(join(folder, crateFile), runCrate(parts));
}

/** The figures that ship with the project, by the beginnings of their notebooks' names. */
const shippedFigures = /^(fig(?:1|2|4|5|7a|7b|8))-(?!.*-\d+$)/;

/**
 * Puts the small results and the verdicts of both labs where they ship with the project, in place of those of
 * the same runs, and the first figure of each notebook named above as `data/results/<fig>-<profile>.png`.
 */
export async function shipResults(
  labs: Labs,
  figures: ReadonlyMap<string, string>,
  rows: ResultRows,
): Promise<void> {
  for (const [name, path] of figures) {
    const figure = shippedFigures.exec(name)?.[1];
    const shipped = join(shippedFolder(), '..', `${figure}-${labs.cifar.profile.name}.png`);
    if (figure !== undefined) await copyFileAtomic(path, shipped);
  }
  await shipVerdicts(labs, rows);
  await shipPicture(labs.cifar, rows);
  for (const { lab, config } of mainJob(labs)) {
    const { hash } = await run(lab, config);
    await lab.store.export(hash, shippedFolder());
  }
}

/** The README's picture, on a machine with fonts. */
async function shipPicture(lab: PaperLab, { sweep, cells }: ResultRows): Promise<void> {
  const { name, ablation } = lab.profile;
  const rows = { rows: sweep, source: describeLab(lab) };
  const png = await figurePng(bitsFigure(rows, { cells, threshold: ablation.threshold }));
  if (png) await writeFileAtomic(join(shippedFolder(), '..', `bits-${name}.png`), png);
}

/** The verdicts, and the README's table and board where they are of this profile. */
async function shipVerdicts(labs: Labs, rows: ResultRows): Promise<void> {
  const { name } = labs.cifar.profile;
  await copyFileAtomic(verdictsFile(labs), shippedVerdicts(name));
  await updateReadme(name, { ...rows, claims: boardOf(readVerdicts(verdictsFile(labs))) });
}
