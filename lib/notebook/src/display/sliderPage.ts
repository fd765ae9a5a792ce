/** The script of widgets with a slider. */

/** Defines `slider(model)`: a label with a range input, which sends the kernel each number that is chosen. */
export const sliderScript = `const slider = (model) => {
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
  return label;
};
`;
