/**
 * A slider below a cell, for a number that a figure depends on:
 *
 *     const plot = await display(histogram(0.5));
 *     slider({ label: 's', min: 0.1, max: 2, value: 0.5 }, (s) => plot.update(histogram(s)))
 */
import { check } from 'oabn-base';
import { widget, type Widget } from './widget.js';

/** The range of a slider, and where it begins. */
export interface SliderOptions {
  readonly label?: string;
  readonly min: number;
  readonly max: number;
  /** Default a hundredth of the range. */
  readonly step?: number;
  /** Default the middle. */
  readonly value?: number;
}

/** What a slider and its page share. */
export type SliderState = { readonly label: string; readonly min: number; readonly max: number; readonly step: number; readonly value: number }; // prettier-ignore

/** Runs in the page. */
const esm = `export default {
  render({ model, el }) {
    const label = document.createElement('label');
    const input = document.createElement('input');
    const shown = document.createElement('output');
    label.style.cssText = 'display: inline-flex; gap: 0.6em; align-items: center; font-variant-numeric: tabular-nums';
    input.type = 'range';
    input.style.width = '16em';
    for (const name of ['min', 'max', 'step']) input[name] = model.get(name);
    const draw = () => {
      input.value = model.get('value');
      shown.textContent = String(model.get('value'));
    };
    input.addEventListener('input', () => {
      model.set('value', Number(input.value));
      model.save_changes();
      draw();
    });
    model.on('change:value', draw);
    draw();
    label.append(model.get('label'), input, shown);
    el.append(label);
  },
};`;

/**
 * A slider whose `onChange` gets each number that the reader chooses.
 * @throws UserError for an empty range or a value outside it, and outside a notebook
 */
export function slider(options: SliderOptions, onChange?: (value: number) => unknown): Widget<SliderState> {
  const { label = '', min, max, step = (max - min) / 100, value = (min + max) / 2 } = options;
  check(min < max, `A slider needs min < max, got ${min} and ${max}`);
  check(value >= min && value <= max, `The slider's value must be in [${min}, ${max}], got ${value}`);
  const made = widget<SliderState>({
    esm,
    state: { label, min, max, step, value },
    text: ({ value: now }) =>
      `${label === '' ? 'slider' : label} = ${now} (to move it, Jupyter needs anywidget)`,
  });
  if (onChange) made.onChange = ({ value: now }) => onChange(now);
  return made;
}
