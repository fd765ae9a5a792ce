/**
 * What the project's README shows about the runs: a table of results and the board of claims, each between
 * marks that name the profile that it is of, such as `<!-- claims of desk -->` and `<!-- end of claims -->`.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { check, projectFolder, writeFileAtomic } from 'oabn-base';
import type { Claim } from '../claims/index.js';
import { claimsMarkdown } from './claims.js';
import { resultsMarkdown, type ResultRows } from './results.js';

/** What is between marks. */
export type ReadmePart = 'results' | 'claims';

const marked = (part: ReadmePart): RegExp =>
  new RegExp(`(<!-- ${part} of (\\w+) -->\n\n)([^]*?)\n?<!-- end of ${part} -->`);

/** A part of a README: its profile, and its text. @throws UserError where the marks are missing */
export function readmePart(
  readme: string,
  part: ReadmePart,
): { readonly profile: string; readonly text: string } {
  const found = marked(part).exec(readme);
  check(found, () => `The README has no <!-- ${part} of PROFILE --> … <!-- end of ${part} -->`);
  return { profile: found[2]!, text: found[3]! };
}

/** Rewrites the parts that are of this profile. */
export async function updateReadme(
  profile: string,
  { claims, ...rows }: ResultRows & { readonly claims: readonly Claim[] },
): Promise<void> {
  const path = join(projectFolder(), 'README.md');
  const readme = await readFile(path, 'utf8');
  const texts = { results: resultsMarkdown(rows), claims: claimsMarkdown(claims) };
  const parts = (Object.keys(texts) as ReadmePart[]).filter(
    (part) => readmePart(readme, part).profile === profile,
  );
  const written = parts.reduce(
    (text, part) =>
      text.replace(marked(part), (_, begin: string) => `${begin}${texts[part]}\n<!-- end of ${part} -->`),
    readme,
  );
  if (written !== readme) await writeFileAtomic(path, written);
}
