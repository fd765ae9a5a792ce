/**
 * The report of a reproduction as one page: a summary in five sentences and three pictures, the claims board,
 * what was reproduced, the notebooks of the figures and tables in the paper's order, the environment, and
 * every run behind the numbers. From data to text, without effects.
 */
import type { Claim } from '../claims/index.js';
import { describeLab, type Labs, type PaperLab, sidesOf } from '../profiles/index.js';
import { claimsAdditions, claimsBoardHtml } from './claims.js';
import { type Story, storyHtml, storyStyle } from './story.js';
import { environmentsHtml, type ReportRun, runsHtml, runsScript } from './runs.js';
import { escapeHtml, type Figure } from 'tslab-kernel/display';
import { figureTitle } from 'tslab-kernel/picture';
import { type Notebook, plotlyMime } from 'tslab-kernel/run';
import { cellHtml, createMarkdownRenderer, type Heading, pageHtml, plainText } from 'tslab-kernel/html';

/** An executed notebook, with its file's name without `.ipynb`. */
export interface ReportNotebook {
  readonly name: string;
  readonly notebook: Notebook;
}

/** What the report is made from. */
export interface ReportParts {
  /** The part of each lab that describes its data and scale. */
  readonly labs: Labs<Pick<PaperLab, 'profile' | 'train'>>;
  readonly story: Story;
  /** The claims, and those that the ImageNet side decides by itself. */
  readonly board: readonly Claim[];
  readonly notebooks: readonly ReportNotebook[];
  readonly runs: readonly ReportRun[];
}

const title = 'Outlier-aware training for low-bit quantization of re-parameterized networks';

/** The whole page; needs no network and, for reading, no scripts. */
export async function reportPage({ labs, story, board, notebooks, runs }: ReportParts): Promise<string> {
  const ordered = paperOrder(notebooks);
  const names = ordered.map(({ name }) => name);
  const sections: Section[] = [
    section('story', 'In short', `${warnings(labs)}\n${storyHtml(story)}`),
    section('claims', 'The claims of the paper', `${claimsBoardHtml(board, false)}\n${claimsText}`),
    section('what', 'What is reproduced', introduction(labs)),
  ];
  for (const each of ordered) sections.push(await notebookSection(each, names));
  sections.push(
    section('environment', 'Environment', `${environmentsHtml(runs)}\n${datasets(labs)}`),
    section('runs', 'Where each number comes from', `${runsText}\n${runsHtml(runs)}`),
  );
  return pageHtml({
    title: 'OABN and ClusterQAT · report',
    contents: sections.map(({ heading }) => heading),
    body: `<h1>${title}</h1>\n${sections.map(({ html }) => html).join('\n')}`,
    folded: true,
    additions: {
      style: `${claimsAdditions.style}${storyStyle}`,
      script: `${claimsAdditions.script}\n${runsScript}`,
    },
  });
}

interface Section {
  readonly heading: Heading;
  readonly html: string;
}

const section = (id: string, name: string, html: string): Section => ({
  heading: { level: 2, html: name, id },
  html: `<section aria-labelledby="${id}">\n<h2 id="${id}">${name}</h2>\n${html}\n</section>`,
});

function introduction(labs: ReportParts['labs']): string {
  return [
    '<p>RepVGG trains with three branches a block and merges them into one 3×3 convolution. The merge makes outliers',
    'on the diagonal of the kernels, which spoil low-bit quantization. The paper limits them in training (OABN) and',
    'fine-tunes with clustered weights (ClusterQAT). This page holds its figures, tables and claims, computed again',
    'by this project, and where each number comes from.</p>',
    `<ul>\n${sidesOf(labs)
      .map((lab) => `<li>${escapeHtml(describeLab(lab))}</li>`)
      .join('\n')}\n</ul>`,
  ].join('\n');
}

/** Caveats about the data, which come before any number. */
function warnings(labs: ReportParts['labs']): string {
  const sides = sidesOf(labs);
  const made = sides.filter(({ train }) => train.made);
  const notes = sides.flatMap(({ train }) =>
    train.made || !train.provenance.note ? [] : [train.provenance],
  );
  return [
    ...(made.length > 0
      ? [
          `<p class="warning" role="note"><strong>MADE DATA.</strong> ${made.length === sides.length ? 'All results' : `Results on «${escapeHtml(made.map(({ train }) => train.provenance.dataset).join(', '))}»`}` +
            ' rest on drawn shapes, not photographs: they show that everything runs, and say nothing of the paper’s accuracies.</p>',
        ]
      : []),
    ...notes.map(
      ({ dataset, note }) => `<p class="source" role="note">${escapeHtml(`${dataset}: ${note}.`)}</p>`,
    ),
  ].join('\n');
}

const claimsText =
  '<p>Each verdict errs in at most 5% of the cases in which there is no effect, by rules that ' +
  'were fixed before results were known (the margins of C2 and C7: when those of quick were; how wide intervals are: when those of desk were). Brackets ' +
  'hold 95% intervals over seeds and test images together, compared image by image (C1, C2 and C7: over seeds; C12: over the rounds of one ' +
  'measurement); «little difference» is an equivalence test; ' +
  'the best s or method is chosen on other seeds and images than those that judge it. A claim at several bit widths has the verdict of the ' +
  'first width at which its precondition is met, beginning with the article’s own; a line unfolds to show the others. C12 is measured on this machine.</p>';

const runsText =
  '<p>A run is its configuration: the hash names it, and the same configuration gives the same result. «computed» ' +
  'runs were made for this report, «store» ones earlier on this machine, «shipped» ones came with the project.</p>';

function datasets(labs: ReportParts['labs']): string {
  const items = sidesOf(labs).map(({ train: { provenance } }) => {
    const { dataset, source, checksum } = provenance;
    return `<dt>${escapeHtml(dataset)}</dt><dd>${escapeHtml(source)}<br><code>${escapeHtml(checksum)}</code></dd>`;
  });
  return `<dl class="facts">\n${[...new Set(items)].join('\n')}\n</dl>`;
}

/**
 * Ordered by the numbers that their names begin with; without numbers, figures, then tables, each by number,
 * then the rest by name.
 */
export function paperOrder<N extends { readonly name: string }>(notebooks: readonly N[]): N[] {
  const kind = (name: string): number => (/^fig/.test(name) ? 0 : /^tab/.test(name) ? 1 : 2);
  return [...notebooks].sort(
    (a, b) => kind(a.name) - kind(b.name) || a.name.localeCompare(b.name, 'en', { numeric: true }),
  );
}

/**
 * A notebook as a section; its headings go one level down, and its links to other notebooks stay on the page.
 */
async function notebookSection(
  { name, notebook }: ReportNotebook,
  names: readonly string[],
): Promise<Section> {
  const markdown = await createMarkdownRenderer({
    prefix: `${name}-`,
    levelsDown: 1,
    linkTo: (other) => (names.includes(other) ? `#${other}` : undefined),
  });
  const cells = notebook.cells.map((cell) => cellHtml(cell, markdown, { folded: true }));
  const [first] = cells.flatMap(({ headings }) => headings);
  const heading: Heading = { level: 2, html: first ? plainHtml(first.html) : escapeHtml(name), id: name };
  // Two notebooks may show the same table; its script must find its own.
  const html = cells
    .map((cell) => cell.html.replace(/\boabn-(table|claims)-(?=\d)/g, `${name}-oabn-$1-`))
    .join('\n');
  return {
    heading,
    html: `<section id="${escapeHtml(name)}" aria-label="${escapeHtml(plainText(heading.html))}">
${first ? '' : `<h2>${escapeHtml(name)}</h2>\n`}${html}
<p class="source">From <code>notebooks/${escapeHtml(name)}.ipynb</code></p>
</section>`,
  };
}

const plainHtml = (html: string): string => escapeHtml(plainText(html));

/** A figure of an executed notebook. */
export interface ReportFigure {
  /**
   * A file's name without extension: the notebook's name without its number, and with a number from its
   * second figure on.
   */
  readonly name: string;
  readonly title: string;
  readonly figure: Figure;
}

/** The figures in the outputs of the notebooks, in the paper's order. */
export function reportFigures(notebooks: readonly ReportNotebook[]): ReportFigure[] {
  return paperOrder(notebooks).flatMap(({ name, notebook }) =>
    notebook.cells
      .flatMap((cell) => (cell.cell_type === 'code' ? cell.outputs : []))
      .flatMap((output) => ('data' in output && plotlyMime in output.data ? [output.data[plotlyMime]] : []))
      .map((figure, i) => ({
        name: `${name.replace(/^\d+-/, '')}${i === 0 ? '' : `-${i + 1}`}`,
        title: figureTitle(figure as Figure),
        figure: figure as Figure,
      })),
  );
}
