/**
 * The exported page's own script. It draws a figure that comes into view with the bundle that is on the page,
 * in the colours of the theme, wide or narrow; switches the theme; and folds all code. It is written here as
 * a function, so that it is type-checked; its source text goes onto the page.
 */

import { bareMargin } from '../picture/index.js';
import { darkColors, sortAllTables } from '../display/index.js';

/** The part of a browser that the function below needs, because Node's types do not have it. */
interface PageElement {
  readonly dataset: Record<string, string | undefined>;
  readonly clientWidth: number;
  textContent: string | null;
  hidden: boolean;
  open?: boolean;
  querySelector(selector: string): PageElement | null;
  querySelectorAll(selector: string): Iterable<PageElement>;
  addEventListener(type: string, listener: () => void): void;
  setAttribute(name: string, value: string): void;
}

interface Plotly {
  react(element: PageElement, data: unknown, layout: unknown, config: unknown): Promise<unknown>;
}

interface Trace {
  readonly name?: string;
  readonly x?: readonly (number | string)[];
}

interface PlotLayout {
  height: number;
  xaxis?: { type?: string; tickvals?: string[]; ticktext?: string[]; tickangle?: number };
}

interface PageWindow {
  readonly document: { readonly documentElement: PageElement } & PageElement;
  readonly localStorage: { getItem(key: string): string | null; setItem(key: string, value: string): void };
  readonly IntersectionObserver: new (
    action: (entries: readonly { isIntersecting: boolean; target: PageElement }[]) => void,
    options: { rootMargin: string },
  ) => { observe(element: PageElement): void; unobserve(element: PageElement): void };
  /** Present on a page with figures: resolves when the bundle is unpacked. */
  readonly oabnPlotly?: Promise<Plotly>;
  matchMedia(query: string): { matches: boolean; addEventListener(type: string, listener: () => void): void };
  addEventListener(type: string, listener: () => void): void;
  setTimeout(action: () => void, milliseconds: number): number;
  clearTimeout(timer: number): void;
}

function page(window: PageWindow, darkColors: Record<string, string>, bareMargin: number): void {
  const { document } = window;
  const root = document.documentElement;
  const prefersDark = window.matchMedia('(prefers-color-scheme: dark)');
  const isDark = (): boolean => (root.dataset.theme ? root.dataset.theme === 'dark' : prefersDark.matches);

  /** Names of categories wrapped where they fit, else turned and, if long, cut, with more height for them. */
  const fitNames = (data: readonly Trace[], layout: PlotLayout, width: number, narrow: boolean): void => {
    const axis = layout.xaxis;
    if (axis?.type !== 'category') return;
    const names = [...new Set(data.flatMap(({ x = [] }) => x.map(String)))];
    // The legend stands beside the axes, unless the page is narrow.
    const longest = data.length > 1 && !narrow ? Math.max(...data.map(({ name = '' }) => name.length)) : 0;
    const room = Math.min(0.8 * width, width - 120 - 8 * longest);
    const letters = Math.max(1, Math.floor(room / names.length / 8));
    const wrapped = names.map((name) =>
      name.split(' ').reduce<string[]>((lines, word) => {
        const longer = lines.length > 0 ? `${lines.at(-1)} ${word}` : word;
        return longer.length <= letters ? [...lines.slice(0, -1), longer] : [...lines, word];
      }, []),
    );
    const fits = wrapped.every((lines) => lines.length <= 3 && lines.every((line) => line.length <= letters));
    const cut = (name: string): string => (name.length > 34 ? `${name.slice(0, 33)}…` : name);
    axis.tickvals = names;
    axis.ticktext = fits ? wrapped.map((lines) => lines.join('<br>')) : names.map(cut);
    axis.tickangle = fits ? 0 : -40;
    if (!fits) layout.height += 4 * Math.max(...axis.ticktext.map((name) => name.length));
  };

  const draw = async (figure: PageElement): Promise<void> => {
    const Plotly = await window.oabnPlotly;
    if (!Plotly) return;
    const [still, area] = [figure.querySelector('.still')!, figure.querySelector('.plot-area')!];
    let json = figure.querySelector('script')!.textContent ?? '';
    if (isDark())
      json = json.replace(/"(#[0-9a-fA-F]{6}|rgba\(255,255,255,[^"]*\))"/g, (all, color: string) => {
        const dark = darkColors[color.toLowerCase()];
        return dark === undefined ? all : `"${dark}"`;
      });
    const { data, layout } = JSON.parse(json);
    area.hidden = false;
    still.hidden = true;
    const narrow = area.clientWidth < 560;
    const height = (layout.height ?? 460) - ((layout.margin?.t ?? 84) - bareMargin);
    delete layout.title;
    delete layout.width;
    layout.autosize = true;
    layout.height = Math.max(200, height);
    layout.margin = { ...layout.margin, t: bareMargin, ...(narrow && { l: 44, r: 8 }) };
    fitNames(data, layout, area.clientWidth, narrow);
    if (narrow) {
      // Square cells shrink with the width, and the height with them.
      if (layout.yaxis?.scaleanchor) layout.height = 200;
      // Above the axes, where no category name can reach; Plotly makes room for it.
      layout.legend = {
        ...layout.legend,
        orientation: 'h',
        x: 0,
        xanchor: 'left',
        y: 1.02,
        yanchor: 'bottom',
      };
      layout.font = { ...layout.font, size: 12 };
    } else {
      // Below Plotly's buttons, which appear at the top right under the mouse.
      layout.legend = { y: 0.94, ...layout.legend };
    }
    const config = { displaylogo: false, responsive: true, displayModeBar: narrow ? false : 'hover' };
    await Plotly.react(area, data, layout, config);
    drawn.add(figure);
  };
  const show = (figure: PageElement): Promise<void> =>
    draw(figure).catch(() => {
      // The still picture is as good a figure.
      figure.querySelector('.still')!.hidden = false;
      figure.querySelector('.plot-area')!.hidden = true;
    });
  const redraw = (): void => {
    for (const figure of drawn) void show(figure);
  };
  const drawn = new Set<PageElement>();
  const inView = new window.IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        inView.unobserve(target);
        void show(target);
      }
    },
    { rootMargin: '300px' },
  );

  const remember = (theme?: string): string | null => {
    try {
      if (theme !== undefined) window.localStorage.setItem('oabn-theme', theme);
      return window.localStorage.getItem('oabn-theme');
    } catch {
      return null; // a page opened as a file may have no storage
    }
  };
  const setTheme = (theme: string): void => {
    root.dataset.theme = theme;
    document.querySelector('#theme')!.textContent = theme === 'dark' ? 'Light' : 'Dark';
    redraw();
  };
  setTheme(remember() ?? (prefersDark.matches ? 'dark' : 'light'));
  document.querySelector('#theme')!.addEventListener('click', () => {
    const theme = isDark() ? 'light' : 'dark';
    remember(theme);
    setTheme(theme);
  });
  prefersDark.addEventListener('change', () => {
    if (remember() === null) setTheme(prefersDark.matches ? 'dark' : 'light');
  });

  const fold = document.querySelector('#fold')!;
  fold.addEventListener('click', () => {
    const open = fold.dataset.folded === 'true';
    fold.dataset.folded = String(!open);
    fold.textContent = open ? 'Hide code' : 'Show code';
    for (const code of document.querySelectorAll('details.code')) code.open = open;
  });

  let timer = 0;
  let narrow = root.clientWidth < 640;
  window.addEventListener('resize', () => {
    window.clearTimeout(timer);
    timer = window.setTimeout(() => {
      if (root.clientWidth < 640 !== narrow) redraw();
      narrow = root.clientWidth < 640;
    }, 200);
  });
  for (const figure of document.querySelectorAll('figure.plot')) inView.observe(figure);
  document.querySelector('.tools')!.hidden = false;
  if (narrow) for (const contents of document.querySelectorAll('nav details')) contents.open = false;
}

/**
 * The script's text. Where this library runs from its sources, tsx wraps functions in a helper of that name.
 */
export const pageScript = `{ const __name = (f) => f; (${page.toString()})(window, ${JSON.stringify(darkColors)}, ${bareMargin}); }
${sortAllTables}`;
