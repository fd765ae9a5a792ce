/**
 * A page that classifies pictures in the browser with an exported network: the ONNX file inside it, run by
 * onnxruntime-web, which the page loads from a given address. A visitor chooses a picture; a script passes
 * pixels to `window.classify`.
 */
import { escapeHtml } from 'oabn-base';

/** What the page holds. */
export interface ClassifierPage {
  /** The page's title. */
  readonly title: string;
  /** The bytes of the ONNX file. */
  readonly onnx: Uint8Array;
  /** Side of the square images that the network was trained on, in pixels. */
  readonly side: number;
  /** Mean and standard deviation of the colours, each in [0, 1]: x = (colour − mean)/std. */
  readonly mean: readonly number[];
  /** Per channel, like `mean`. */
  readonly std: readonly number[];
  /** Names of the classes, in the order of the logits. */
  readonly classes: readonly string[];
  /**
   * The address of a folder with onnxruntime-web's `ort.wasm.min.js` and its `.wasm` files, with the final
   * slash.
   */
  readonly runtime: string;
}

/** The page's HTML. */
export function classifierPage({ title, onnx, side, mean, std, classes, runtime }: ClassifierPage): string {
  const settings = JSON.stringify({ side, mean, std, classes, runtime }).replaceAll('<', '\\u003c');
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)}</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:32rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}
canvas{width:12rem;height:12rem;image-rendering:pixelated;border:1px solid #8888}td:first-child{padding-right:1rem}</style>
<script src="${escapeHtml(runtime)}ort.wasm.min.js"></script></head><body>
<h1>${escapeHtml(title)}</h1>
<p>${onnx.length.toLocaleString('en')} bytes of network, computed by your browser; the picture stays on your machine.</p>
<p><input type="file" accept="image/*" id="file" aria-label="A picture to classify"></p>
<canvas id="seen" width="${side}" height="${side}" aria-label="What the network sees"></canvas><table id="answer"></table>
<script>
const settings = ${settings};
ort.env.wasm.wasmPaths = settings.runtime;
ort.env.wasm.numThreads = 1;
const bytes = Uint8Array.from(atob('${Buffer.from(onnx).toString('base64')}'), (c) => c.charCodeAt(0));
const session = ort.InferenceSession.create(bytes, { executionProviders: ['wasm'] });
// rgba: side × side pixels of four bytes. Returns the logits.
window.classify = async (rgba) => {
  const { side, mean, std } = settings, plane = side * side, x = new Float32Array(3 * plane);
  for (let i = 0; i < plane; i++)
    for (let c = 0; c < 3; c++) x[c * plane + i] = (rgba[4 * i + c] / 255 - mean[c]) / std[c];
  const { logits } = await (await session).run({ images: new ort.Tensor('float32', x, [1, 3, side, side]) });
  return [...logits.data];
};
document.getElementById('file').onchange = async ({ target }) => {
  const image = await createImageBitmap(target.files[0]);
  const [w, h] = [image.width, image.height], short = Math.min(w, h);
  const context = document.getElementById('seen').getContext('2d');
  context.drawImage(image, (w - short) / 2, (h - short) / 2, short, short, 0, 0, settings.side, settings.side);
  const logits = await window.classify(context.getImageData(0, 0, settings.side, settings.side).data);
  const most = Math.max(...logits), exp = logits.map((v) => Math.exp(v - most)), sum = exp.reduce((a, b) => a + b);
  const rows = exp.map((e, i) => [settings.classes[i] ?? i, e / sum]).sort((a, b) => b[1] - a[1]).slice(0, 5);
  const table = document.getElementById('answer');
  table.replaceChildren(...rows.map(([name, p]) => {
    const row = document.createElement('tr');
    for (const text of [name, (100 * p).toFixed(1) + '%']) row.insertCell().textContent = text;
    return row;
  }));
};
</script></body></html>
`;
}
