/**
 * A slider below a cell, for a number that a figure depends on:
 *
 *     const plot = await display(histogram(0.5));
 *     slider({ label: 's', min: 0.1, max: 2, value: 0.5 }, (s) => plot.update(histogram(s)))
 */
import { check } from 'oabn-base';
import { sliderScript } from './sliderPage.js';
import { widget, type Widget } from './widget.js';

/** The range of a slider, and its first value. */
export interface SliderOptions {
  /** What the number is; default none. */
  readonly label?: string;
  /** The least number. */
  readonly min: number;
  /** The largest number, > `min`. */
  readonly max: number;
  /** Default a hundredth of the range. */
  readonly step?: number;
  /** Default the middle. */
  readonly value?: number;
}

/** The state that a slider and its page share. */
export type SliderState = { readonly label: string; readonly min: number; readonly max: number; readonly step: number; readonly value: number }; // prettier-ignore

const esm = `${sliderScript}
export default {
  render({ model, el }) {
    el.append(slider(model));
  },
};`;

/**
 * A slider whose `onChange` gets each number that the reader chooses.
 * @throws UserError for an empty range or a value outside it, and outside a notebook
 */
export function slider(options: SliderOptions, onChange?: (value: number) => unknown): Widget<SliderState> {
  const made = widget<SliderState>({
    esm,
    state: sliderState(options),
    text: sliderText,
  });
  if (onChange) made.onChange = ({ value: now }) => onChange(now);
  return made;
}

/** The first state of a slider. @throws UserError for an empty range or a value outside it */
export function sliderState(options: SliderOptions): SliderState {
  const { label = '', min, max, step = (max - min) / 100, value = (min + max) / 2 } = options;
  check(min < max, `A slider needs min < max, got ${min} and ${max}`);
  check(value >= min && value <= max, `The slider's value must be in [${min}, ${max}], got ${value}`);
  return { label, min, max, step, value };
}

/** What a terminal shows for a slider. */
export const sliderText = ({ label, value }: SliderState): string =>
  `${label === '' ? 'slider' : label} = ${value} (to move it, Jupyter needs anywidget)`;
