/**
 * The language of a notebook's cells, as its metadata say. A notebook in another language would lose its
 * outputs to syntax errors, and be marked as one of ours.
 */
import { check } from 'oabn-base';
import { kernelLanguage } from '../kernel/kernelName.js';
import type { Notebook } from './notebookFile.js';

/** The languages whose cells this kernel runs, whichever kernel they were written for. */
const ours: readonly string[] = [kernelLanguage, 'javascript'];

/**
 * The language that the notebook's kernel has, or that of the kernel by which it was last run: where a reader
 * has chosen another kernel since, that was of the former. Undefined if neither is said.
 */
function languageOf({ metadata }: Notebook): string | undefined {
  const { kernelspec, language_info: info } = metadata as Record<string, Record<string, unknown> | null>;
  const language = kernelspec?.language ?? info?.name;
  return typeof language === 'string' && language !== '' ? language : undefined;
}

/** @throws UserError naming `source` for a notebook whose cells are neither TypeScript nor JavaScript. */
export function checkLanguage(notebook: Notebook, source: string): void {
  const language = languageOf(notebook);
  check(
    language === undefined || ours.includes(language.toLowerCase()),
    () =>
      `${source} is a notebook in ${language}, and only TypeScript and JavaScript can be run here; if its cells are in one of these, choose the kernel for them in Jupyter and save it again`,
  );
}
