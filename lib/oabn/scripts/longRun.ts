/**
 * Does a training of many steps hold more and more? Prints the backend, then what the process holds, a line
 * of JSON each.
 *
 *     node --expose-gc --conditions=oabn-source --import tsx lib/oabn/scripts/longRun.ts [backend] [steps 50000] [every 10000]
 *
 * Backend `wasm` is the compiled path of the CPU. SwiftShader emulates a GPU for `webgpu` with
 * `OABN_WEBGPU_SOFTWARE=1 VK_DRIVER_FILES=/usr/lib/chromium/vk_swiftshader_icd.json` in the environment.
 */
import { type BackendChoice, useBackend } from 'tfjs-native';
import { longRun } from '../test/longRun/longRun.js';

const [backend, steps = '50000', every = '10000'] = process.argv.slice(2);
const { name, device } = await useBackend(backend as BackendChoice | undefined);
console.log(JSON.stringify({ backend: name, device }));
await longRun(Number(steps), Number(every), (held) => console.log(JSON.stringify(held)));
process.exit();
