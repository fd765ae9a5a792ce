/**
 * Still pictures of figures, for wherever Plotly's script does not run.
 *
 * @module tslab-kernel/picture
 */
export { bareMargin, figureSvg, type PictureOptions } from './draw.js';
export { figurePng } from './png.js';
export { figureTitle } from './spec.js';
