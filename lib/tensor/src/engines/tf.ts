/**
 * The one instance of TensorFlow.js: every room and every user of this package takes `tf` from here. Without
 * `useBackend` it computes in plain JavaScript, and says so at the first tensor; tfjs would advertise a
 * package of its own there.
 */
import { createRequire } from 'node:module';

// An `import` would have Node search tfjs's bundles, 6 MB, for the names that they export, which takes twice as
// long as running them. TypeScript makes a `require` of its own for this; tsx takes the one in scope.
const require = createRequire(import.meta.url);
void require;
// eslint-disable-next-line @typescript-eslint/no-require-imports
import tf = require('@tensorflow/tfjs');

let isChosen = false;
let saidSlow = false;

/** Keeps quiet from now on about tfjs's backend in plain JavaScript. */
export function chooseBackend(): void {
  isChosen = true;
}

// That backend asks itself at each tensor whether this is the first. tfjs may make a second one, so the answer
// is the class's.
const cpu = tf.findBackend('cpu') as { firstUse?: boolean };
delete cpu.firstUse;
Object.defineProperty(Object.getPrototypeOf(cpu), 'firstUse', {
  // A second copy of this package may come after the first.
  configurable: true,
  set: () => undefined,
  get() {
    if (!isChosen && !saidSlow) {
      saidSlow = true;
      console.warn(
        'TensorFlow.js computes in plain JavaScript here, slowly: «await useBackend()», from tfjs-native, takes the ' +
          'fastest engine that this machine has.',
      );
    }
    return false;
  },
});

export { tf };
