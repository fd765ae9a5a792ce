/**
 * Plotly for a page without network: the package's own file, once. It is 10 MB of text, and Jupyter's server
 * drops what exceeds 3 MB in three seconds, so it travels compressed (gzip, then base64) and the browser
 * unpacks it. `window.oabnPlotly` is a promise of it; figures wait for it, and keep their still picture if it
 * never comes.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { gzipSync } from 'node:zlib';

/** The attribute of the script element that carries Plotly; nothing else in an output has it. */
export const plotlyMark = 'data-oabn-plotly';

let script: string | undefined;
let source: string | undefined;

/** The text of Plotly's own script, as the browser unpacks it. */
export function plotlySource(): string {
  source ??= readFileSync(createRequire(import.meta.url).resolve('plotly.js-dist'), 'utf8');
  return source;
}

/** The script element that brings Plotly to a page, about 2.5 MB. A second one on a page does nothing. */
export function plotlyScript(): string {
  script ??= scriptOf(gzipSync(plotlySource(), { level: 9 }));
  return script;
}

/**
 * Whether a notebook's output does nothing but bring Plotly: a saved file need not keep it, while a page
 * needs one.
 */
export function isPlotlyBundle(output: { readonly data?: unknown }): boolean {
  const html = (output.data as Record<string, unknown> | undefined)?.['text/html'];
  return String(Array.isArray(html) ? html[0] : html).startsWith(`<script ${plotlyMark}>`);
}

const scriptOf = (gzip: Uint8Array): string => `<script ${plotlyMark}>
window.oabnPlotly ??= (async () => {
  const bytes = Uint8Array.from(atob('${Buffer.from(gzip).toString('base64')}'), (c) => c.charCodeAt(0));
  const text = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  const script = document.createElement('script');
  script.textContent = await new Response(text).text();
  document.head.append(script);
  return window.Plotly;
})();
window.dispatchEvent(new Event('oabn-plotly'));
</script>`;
