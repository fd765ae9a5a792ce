/**
 * The exported page's style sheet: readable text, light and dark, from a phone's width to a wide screen's.
 */
export const pageStyle = `
:root { color-scheme: light; --paper: #ffffff; --ink: #1b1b1b; --soft: #5a6270; --line: #dfe3e8; --panel: #f6f7f9;
  --accent: #0065a3; --bad: #b3261e; --bad-paper: #fdecea; --comment: #5f6872; --string: #0a6640; --number: #8a3ffc; --keyword: #b0307a;
  --warn: #855800; --cyan: #0a6d75; --warn-paper: #fff4d6; }
@media (prefers-color-scheme: dark) { :root:not([data-theme=light]) { color-scheme: dark; --paper: #14171b; --ink: #e4e7eb; --soft: #a3acb8; --line: #2e343c;
  --panel: #1c2127; --accent: #6cb8ee; --bad: #ff8a80; --bad-paper: #2b1a1a; --comment: #8b949e; --string: #7ee2a8; --number: #c4a7ff; --keyword: #ff9ccf; --warn: #e8b04a; --cyan: #62cfd6; --warn-paper: #2e2713; } }
:root[data-theme=dark] { color-scheme: dark; --paper: #14171b; --ink: #e4e7eb; --soft: #a3acb8; --line: #2e343c;
  --panel: #1c2127; --accent: #6cb8ee; --bad: #ff8a80; --bad-paper: #2b1a1a; --comment: #8b949e; --string: #7ee2a8; --number: #c4a7ff; --keyword: #ff9ccf; --warn: #e8b04a; --cyan: #62cfd6; --warn-paper: #2e2713; }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
.skip { position: absolute; left: -100vw; top: 0; z-index: 1; background: var(--paper); padding: .5rem 1rem; } .skip:focus { left: 0; }
main:focus { outline: none; }
html { scroll-padding-top: 1rem; -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.6 system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; }
a { color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.layout { display: grid; grid-template-columns: 15rem minmax(0, 56rem); gap: 2.5rem; justify-content: center; padding: 0 1.25rem 4rem; }
nav { position: sticky; top: 0; max-height: 100vh; overflow-y: auto; align-self: start; padding: 1.5rem 0; font-size: .9rem; }
nav ol { list-style: none; margin: .5rem 0 0; padding: 0; }
nav li { margin: .15rem 0; line-height: 1.35; }
nav .level-2 { padding-left: .8rem; } nav .level-3 { padding-left: 1.6rem; }
nav a { color: var(--soft); text-decoration: none; display: block; padding: .15rem 0; } nav a:hover { color: var(--accent); text-decoration: underline; }
nav summary { cursor: pointer; font-weight: 600; }
.tools { display: flex; gap: .5rem; flex-wrap: wrap; margin-bottom: 1rem; }
.tools button { font: inherit; font-size: .85rem; color: var(--ink); background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: .25rem .6rem; cursor: pointer; }
main { min-width: 0; padding-top: 1rem; overflow-wrap: break-word; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 1rem 0 .8rem; } h2 { font-size: 1.35rem; line-height: 1.3; margin: 2.2rem 0 .6rem; } h3 { font-size: 1.1rem; margin: 1.6rem 0 .4rem; }
.text > :first-child { margin-top: .6rem; }
pre { margin: 0; overflow-x: auto; font: 13px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
:not(pre) > code { font: .88em ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; background: var(--panel); border-radius: 4px; padding: .1em .3em; }
.text pre, .html pre { background: var(--panel); padding: .8rem 1rem; border-radius: 8px; }
blockquote { margin: 1rem 0; padding: .1rem 1rem; border-left: 4px solid var(--line); color: var(--soft); }
.cell { margin: 1rem 0; }
.code { background: var(--panel); border: 1px solid var(--line); border-radius: 8px; }
.code summary { cursor: pointer; color: var(--soft); font-size: .8rem; padding: .25rem .8rem; user-select: none; }
.code pre { padding: .2rem 1rem .8rem; tab-size: 2; }
.failed .code { border-color: var(--bad); }
.outputs { padding: .6rem 0 0; }
.outputs > * + * { margin-top: .7rem; }
.stream, .raw { padding: .2rem 1rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.stderr { border-left: 3px solid #d98a00; }
.error { background: var(--bad-paper); border-left: 4px solid var(--bad); border-radius: 4px; padding: .7rem 1rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.html, .wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; margin: .5rem 0; }
th, td { text-align: left; padding: .35rem .8rem; border-bottom: 1px solid var(--line); vertical-align: top; }
td[style*=right], thead th { white-space: nowrap; }
thead th { border-bottom: 2px solid var(--soft); }
tbody tr:hover { background: var(--panel); }
img { max-width: 100%; height: auto; }
math { font-size: 1.08em; } math[display=block] { overflow-x: auto; overflow-y: hidden; margin: 1rem 0; }
.plot { margin: 1rem 0; border: 1px solid var(--line); border-radius: 8px; padding: .9rem 1rem .4rem; background: var(--paper); }
.plot figcaption { line-height: 1.35; } .plot figcaption strong { display: block; font-size: 1.05rem; } .plot figcaption span { color: var(--soft); font-size: .88rem; }
.still img { display: block; margin: 0 auto; }
.warning { background: var(--warn-paper); border-left: 4px solid var(--warn); border-radius: 4px; padding: .7rem 1rem; }
.facts { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .2rem 1rem; font-size: .92rem; margin: .8rem 0 1.2rem; } .facts dt { color: var(--soft); } .facts dd { margin: 0; overflow-wrap: anywhere; }
.source { color: var(--soft); font-size: .88rem; }
main > section + section { border-top: 1px solid var(--line); margin-top: 2.5rem; padding-top: 1rem; } main > section > :is(h2, .text):first-child, main > section > .text:first-child > :first-child { margin-top: .6rem; }
.oabn-find { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: baseline; } .oabn-find input { font: inherit; color: inherit; background: var(--panel); border: 1px solid var(--soft); border-radius: 6px; padding: .2rem .6rem; max-width: 100%; }
.oabn-runs .wide { max-height: 34rem; overflow: auto; border: 1px solid var(--line); border-radius: 8px; } .oabn-runs thead th { position: sticky; top: 0; background: var(--paper); }
.oabn-runs td { white-space: nowrap; } .oabn-runs table { margin: 0; font-size: .85rem; } .oabn-runs details pre { white-space: pre-wrap; width: 26rem; }
.hljs-comment { color: var(--comment); font-style: italic; } .hljs-string, .hljs-regexp { color: var(--string); } .hljs-number { color: var(--number); } .hljs-keyword, .hljs-literal { color: var(--keyword); } .hljs-subst { color: var(--ink); }
.ansi-red-fg, .ansi-bright-red-fg { color: var(--bad); } .ansi-green-fg, .ansi-bright-green-fg { color: var(--string); } .ansi-yellow-fg, .ansi-bright-yellow-fg { color: var(--warn); }
.ansi-blue-fg, .ansi-bright-blue-fg { color: var(--accent); } .ansi-magenta-fg, .ansi-bright-magenta-fg { color: var(--keyword); } .ansi-cyan-fg, .ansi-bright-cyan-fg { color: var(--cyan); }
.ansi-white-fg, .ansi-bright-white-fg, .ansi-black-fg, .ansi-bright-black-fg { color: var(--soft); }
@media (max-width: 60rem) { .layout { grid-template-columns: minmax(0, 1fr); gap: 0; padding: 0 1rem 3rem; } nav { position: static; max-height: none; padding: 1rem 0 0; } }
@media (max-width: 40rem) { td:not([style*=right]) { min-width: 7.5rem; } body { font-size: 15px; } .facts { grid-template-columns: minmax(0, 1fr); gap: 0; } .facts dd { margin-bottom: .4rem; } h1 { font-size: 1.5rem; } pre { font-size: 12px; } .plot { padding: .7rem .4rem .2rem; } .plot figcaption { padding: 0 .4rem; } th, td { padding: .3rem .5rem; } }
@media print { nav, .tools, .code summary { display: none; } .layout { display: block; } }
`;
