/** The script of a histogram with a slider: it draws an SVG from counts in the page. */

/**
 * Defines `histogram(model)`: an element that shows the bars of `model.get('bars')` and is drawn again when
 * they change. A bar shows its count when the mouse is over it.
 */
export const histogramScript = `const histogram = (model) => {
  const [width, height, left, right, top, bottom] = [640, 320, 64, 16, 40, 52];
  const node = (name, attributes, text = '') => {
    const made = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.textContent = text;
    return made;
  };
  const short = (number) => String(Number(number.toPrecision(4)));
  /** Round numbers between low and high, about as many as wanted. */
  const ticks = (low, high, wanted) => {
    const power = 10 ** Math.floor(Math.log10((high - low) / wanted));
    const step = [1, 2, 5, 10].map((each) => each * power).find((each) => (high - low) / each <= wanted * 1.5);
    const first = Math.ceil(low / step);
    return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => (first + i) * step);
  };
  const place = document.createElement('div');
  const draw = () => {
    const { from, to, counts, lines } = model.get('bars');
    const isLog = model.get('logCounts');
    const most = Math.max(1, ...counts);
    const x = (value) => left + ((value - from) / (to - from)) * (width - left - right);
    // Half a value is the foot of a logarithmic axis, so that a bar of one is visible.
    const part = (count) => (isLog ? Math.log(Math.max(count, 0.5) / 0.5) / Math.log(most / 0.5) : count / most);
    const y = (count) => height - bottom - part(count) * (height - top - bottom);
    const svg = node('svg', { viewBox: '0 0 ' + width + ' ' + height, width, height, role: 'img', style: 'max-width: 100%; height: auto; background: #ffffff; font: 13px system-ui, sans-serif' });
    const decades = Array.from({ length: Math.floor(Math.log10(most)) + 1 }, (_, i) => 10 ** i);
    for (const count of isLog ? decades : ticks(0, most, 5)) {
      svg.append(node('line', { x1: left, x2: width - right, y1: y(count), y2: y(count), stroke: '#e6e6e6' }));
      svg.append(node('text', { x: left - 8, y: y(count) + 4, 'text-anchor': 'end', fill: '#1b1b1b' }, count.toLocaleString('en')));
    }
    const step = (to - from) / counts.length;
    counts.forEach((count, i) => {
      const [a, b] = [from + i * step, from + (i + 1) * step];
      const bar = node('rect', { class: 'bar', x: x(a), width: Math.max(0.5, x(b) - x(a) - 0.5), y: y(count), height: height - bottom - y(count), fill: '#0072B2' });
      const over = node('rect', { x: x(a), width: x(b) - x(a), y: top, height: height - top - bottom, fill: 'transparent' });
      over.append(node('title', {}, short(a) + ' to ' + short(b) + ': ' + count.toLocaleString('en')));
      svg.append(bar, over);
    });
    for (const value of lines.filter((each) => each >= from && each <= to))
      svg.append(node('line', { class: 'mark', x1: x(value), x2: x(value), y1: top, y2: height - bottom, stroke: '#D55E00', 'pointer-events': 'none' }));
    svg.append(node('line', { x1: left, x2: width - right, y1: height - bottom, y2: height - bottom, stroke: '#444444' }));
    for (const value of ticks(from, to, 7))
      svg.append(node('text', { x: x(value), y: height - bottom + 18, 'text-anchor': 'middle', fill: '#1b1b1b' }, short(value)));
    svg.append(
      node('text', { x: left, y: 22, fill: '#1b1b1b', 'font-weight': 'bold' }, model.get('title')),
      node('text', { x: (left + width - right) / 2, y: height - 12, 'text-anchor': 'middle', fill: '#1b1b1b' }, model.get('xTitle')),
      node('text', { transform: 'translate(14,' + (top + height - bottom) / 2 + ') rotate(-90)', 'text-anchor': 'middle', fill: '#1b1b1b' }, model.get('yTitle')),
    );
    place.replaceChildren(svg);
  };
  model.on('change:bars', draw);
  draw();
  return place;
};
`;
