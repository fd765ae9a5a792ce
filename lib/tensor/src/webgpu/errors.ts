/**
 * What WebGPU reports out of band, as errors of the work that caused them. A refused command and an
 * allocation that fails throw nothing: the commands after them do nothing, and results would be zeros.
 */
import { checkDevice } from '../engines/index.js';
import { UserError } from 'oabn-base';

const filters = ['out-of-memory', 'internal', 'validation'] as const;

/**
 * Does `work`, which hands commands to the device without waiting for them, and throws what WebGPU reports
 * about them. Its messages name the dispatch by its label.
 * @param what what is going on, as in «running a compiled step»
 * @throws UserError when the device is lost, out of memory, or refuses a command
 */
export async function withErrors<T>(device: GPUDevice, what: string, work: () => T): Promise<T> {
  filters.forEach((filter) => device.pushErrorScope(filter));
  const popped = (): Promise<(GPUError | null)[]> => Promise.all(filters.map(() => device.popErrorScope()));
  let result: T;
  try {
    result = work();
  } catch (error) {
    await popped().catch(() => undefined);
    throw error;
  }
  // Scopes end in the reverse order of their beginning.
  const [refused, failed, memory] = await popped();
  checkDevice(device);
  if (memory) {
    throw new UserError(
      `Out of GPU memory while ${what} (${firstLines(memory.message)}). Use a smaller batch or model, or close what else uses the card.`,
    );
  }
  const error = refused ?? failed;
  if (error) throw new UserError(`The GPU refused a command while ${what}: ${firstLines(error.message)}`);
  return result;
}

/** WebGPU's messages are long: the second line says which object the first is about. */
export const firstLines = (message: string): string => message.split('\n').slice(0, 2).join(' ');
