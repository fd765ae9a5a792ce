/** Tables on pages: rows of plain records, or a danfo DataFrame, as HTML. */
import { columnsOf, type DataFrameLike, escapeHtml, type Row, rowCount, sha256 } from 'oabn-base';

let tables = 0;

/** The table as HTML: legible on light and dark pages, and sorted by the column whose heading is clicked. */
export function tableHtml(rows: readonly Row[] | DataFrameLike): string {
  const columns = columnsOf(rows);
  const lines = Array.from({ length: rowCount(columns) }, (_, i) =>
    columns.map(({ cells }) => escapeHtml(cells[i]!)),
  );
  return sortableTable(
    columns.map(({ name, numeric }) => ({ name, kind: numeric ? 'number' : 'mixed' })),
    lines,
  );
}

/** The heading of a column. */
export interface TableHead {
  /** Its text. */
  readonly name: string;
  /** Numbers are aligned right; `text` sorts by its letters even where it begins with a digit. */
  readonly kind: 'number' | 'text' | 'mixed';
}

/**
 * A table whose cells are HTML already.
 * @param alone whether it brings its script, as an output must; a page's own script makes all its tables sort
 */
export function sortableTable(
  heads: readonly TableHead[],
  lines: readonly (readonly string[])[],
  alone = true,
): string {
  const align = (i: number, more = ''): string =>
    `style="text-align: ${heads[i]!.kind === 'number' ? 'right' : 'left'}; padding: 0.25em 0.8em${more}"`;
  const head = heads.map(
    ({ name, kind }, i) =>
      `<th scope="col" tabindex="0" title="Click to sort"${kind === 'text' ? ' data-kind="text"' : ''} ${align(i, headBorder)}>${escapeHtml(name)}</th>`,
  );
  const body = lines.map((cells) => {
    const row = cells.map((cell, i) => `<td ${align(i)}>${cell}</td>`);
    return `<tr>${row.join('')}</tr>`;
  });
  // The same for the same notebook, so that running it again changes nothing in the file.
  const id = `oabn-table-${++tables}-${sha256(body.join('')).slice(0, 8)}`;
  return `<table id="${id}" class="oabn-table" style="${tableStyle}"><thead><tr>${head.join('')}</tr></thead>
<tbody>
${body.join('\n')}
</tbody></table>${alone ? `\n<script>(${sortOnClick})(document.getElementById('${id}'))</script>` : ''}`;
}

/** A half-transparent grey shows on light and dark alike. */
const headBorder = '; border-bottom: 1px solid rgba(128, 128, 128, 0.6)';
const tableStyle = 'border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 0.5em 0';

/**
 * Runs in the page. Numbers sort by value, ∞ last, texts by the alphabet; a second click reverses the order.
 */
const sortOnClick = `(table) => {
  const heads = [...table.querySelectorAll('th')];
  const value = (row, column) => {
    const text = row.cells[column].textContent.replace('−', '-');
    if (heads[column].dataset?.kind === 'text') return text;
    const number = text.startsWith('∞') ? Infinity : text.startsWith('-∞') ? -Infinity : parseFloat(text);
    return Number.isNaN(number) ? text : number;
  };
  const compare = (a, b) =>
    typeof a === typeof b ? (typeof a === 'number' ? (a < b ? -1 : a > b ? 1 : 0) : a.localeCompare(b)) : typeof a === 'number' ? -1 : 1;
  heads.forEach((head, column) => {
    const sort = () => {
      const down = head.getAttribute('aria-sort') === 'ascending';
      heads.forEach((other) => other.removeAttribute('aria-sort'));
      head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
      const rows = [...table.tBodies[0].rows];
      rows.sort((a, b) => (down ? -1 : 1) * compare(value(a, column), value(b, column)));
      table.tBodies[0].append(...rows);
    };
    head.style.cursor = 'pointer';
    head.addEventListener('click', sort);
    head.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' && event.key !== ' ') return;
      event.preventDefault();
      sort();
    });
  });
}`;

/** For a page whose policy forbids scripts in outputs: makes all its tables sortable. */
export const sortAllTables = `for (const table of document.querySelectorAll('table.oabn-table')) (${sortOnClick})(table);`;
