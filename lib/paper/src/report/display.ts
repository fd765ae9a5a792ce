/** How a claim, a board of claims, and the result of a study are displayed in a notebook. */
import { registerDisplay } from 'oabn-base';
import type { Claim } from '../claims/index.js';
import { studyTable, type StudyResult } from '../studies/index.js';
import { claimsBoardHtml, claimsMarkdown, claimsText } from './claims.js';

const isClaim = (value: unknown): value is Claim => {
  const { id, statement, verdict, effect, parts } = (value ?? {}) as Partial<Claim>;
  return [id, statement, verdict, effect].every((part) => typeof part === 'string') && Array.isArray(parts);
};
const isBoard = (value: object): value is readonly Claim[] =>
  Array.isArray(value) && value.length > 0 && value.every(isClaim);

/** All types in which a board can be shown. */
export const boardBundle = (claims: readonly Claim[]): Readonly<Record<string, string>> => ({
  'text/html': claimsBoardHtml(claims),
  'text/markdown': claimsMarkdown(claims),
  'text/plain': claimsText(claims),
});

const isStudyResult = (value: object): value is StudyResult<never> => {
  const { study, rows, source } = value as Partial<StudyResult<never>>;
  return typeof study?.name === 'string' && Array.isArray(rows) && typeof source === 'string';
};

registerDisplay('oabn-paper: claims', isBoard, boardBundle);
registerDisplay('oabn-paper: claim', isClaim, (claim) => boardBundle([claim]));
registerDisplay('oabn-paper: study', isStudyResult, (result) => {
  const table = studyTable(result);
  return {
    title: `${result.study.name} · ${result.source}`,
    rows: table.length > 0 ? table : result.rows,
  };
});
