/**
 * Widgets: a state that the kernel and the page share, and a few lines of JavaScript that draw it there. It
 * is the protocol of anywidget (MIT; anywidget.dev), whose extension JupyterLab, VS Code and others have,
 * over Jupyter's comms: the page sends what the reader changed, the kernel what a cell changed.
 */
import { UserError } from 'oabn-base';
import { type Bundle, kernelComms } from './kernel.js';

/** A widget on a page, and its state, which both sides can change. */
export interface Widget<State extends Bundle> {
  /** The state at present. */
  readonly state: Readonly<State>;
  /** Changes the state here and on the page. */
  set(change: Partial<State>): void;
  /**
   * Called after the reader changed the state; what it prints and throws is shown below the widget's cell.
   */
  onChange?: (state: Readonly<State>) => unknown;
  /** Removes the widget from the page. */
  close(): void;
}

/** What a widget is: its script for the page, and its first state. */
export interface WidgetOptions<State extends Bundle> {
  /** An ES module that exports `{ render({ model, el }) }` as anywidget has it. */
  readonly esm: string;
  /** A style sheet for the page; default none. */
  readonly css?: string;
  /** The first state; JSON. */
  readonly state: State;
  /** What a terminal shows. */
  readonly text: (state: Readonly<State>) => string;
  /** A picture of the state, for pages and viewers without anywidget. */
  readonly picture?: (state: Readonly<State>) => Promise<Bundle>;
}

/** The MIME type under which a page asks the kernel for a widget. */
export const widgetMime = 'application/vnd.jupyter.widget-view+json';

/** The version of ipywidgets' protocol. */
const protocol = { version: '2.1.0' } as const;

/** Makes a widget; a cell that ends with it shows it. @throws UserError outside a notebook */
export function widget<State extends Bundle>(options: WidgetOptions<State>): Widget<State> {
  const { esm, css = '', text, picture } = options;
  const comms = kernelComms();
  if (!comms) throw new UserError('A widget needs a notebook: here no kernel is running');
  let state = { ...options.state };
  const model = {
    _model_module: 'anywidget',
    _model_name: 'AnyModel',
    _model_module_version: '*',
    _view_module: 'anywidget',
    _view_name: 'AnyView',
    _view_module_version: '*',
    _view_count: null,
    _dom_classes: [],
    _anywidget_id: 'tslab-kernel',
    _esm: esm,
    _css: css,
    layout: null,
    tabbable: null,
    tooltip: null,
  };
  const comm = comms.open(
    'jupyter.widget',
    { state: { ...model, ...state }, buffer_paths: [] },
    { metadata: protocol },
  );
  const send = (change: Bundle): void => comm.send({ method: 'update', state: change, buffer_paths: [] });
  comm.onMessage = async ({ data }) => {
    if (data.method === 'request_state') send({ ...model, ...state });
    if (data.method !== 'update') return;
    const known = Object.entries(data.state as Bundle).filter(([name]) => name in state);
    if (known.length === 0) return;
    state = { ...state, ...Object.fromEntries(known) };
    await made.onChange?.(state);
  };
  const made: Widget<State> = {
    get state() {
      return state;
    },
    set(change) {
      state = { ...state, ...change };
      send(change);
    },
    close: () => comm.close(),
  };
  return Object.defineProperty(made, Symbol.for('Jupyter.display'), {
    value: async (): Promise<Bundle> => ({
      [widgetMime]: { version_major: 2, version_minor: 0, model_id: comm.id },
      ...(await picture?.(state)),
      'text/plain': text(state),
    }),
  });
}
