/**
 * A lost device or a failed allocation, as an error where results are read. WebGPU reports both out of band:
 * the commands that follow do nothing, and reading gives zeros, which would end up in a table.
 */
import { UserError } from 'oabn-base';

interface ReadableBackend {
  read(dataId: object): Promise<unknown>;
}

const checks = new WeakMap<GPUDevice, () => void>();

/** @throws UserError once the device has been lost or has reported an error */
export function checkDevice(device: GPUDevice): void {
  checks.get(device)?.();
}

/** Makes `backend.read`, and so every `tensor.data()`, throw a `UserError` once the device has failed. */
export function guardDevice(device: GPUDevice, backend: ReadableBackend): void {
  let failure: string | undefined;
  device.lost.then(
    ({ reason, message }) => (failure ??= lostMessage(reason, message)),
    () => undefined,
  );
  device.addEventListener('uncapturederror', (event) => {
    // Once the first one is kept, the errors that follow from it would fill the terminal.
    event.preventDefault();
    failure ??= errorText(event.error);
  });
  const read = backend.read.bind(backend);
  const check = (): void => {
    if (failure !== undefined) throw new UserError(failure);
  };
  checks.set(device, check);
  backend.read = async (dataId) => {
    check();
    try {
      const values = await read(dataId);
      // Errors of the commands that made these values arrive with the next turn of the event loop.
      await new Promise(setImmediate);
      check();
      return values;
    } catch (error) {
      await new Promise(setImmediate);
      check();
      throw error;
    }
  };
}

const resume = 'A run resumes from its last checkpoint.';

function lostMessage(reason: string, message: string): string {
  const why = message.split('\n')[0] || reason || 'no reason given';
  return `The GPU device was lost (${why}). Look at the driver's log (dmesg, nvidia-smi), then start again. ${resume}`;
}

function errorText(error: GPUError): string {
  const [first] = error.message.split('\n');
  const outOfMemory =
    error.constructor.name === 'GPUOutOfMemoryError' || /OUT_OF_.*MEMORY/.test(error.message);
  return outOfMemory
    ? `Out of GPU memory (${first}). Use a smaller batch or model, or close what else uses the card. ${resume}`
    : `The GPU refused a command (${first}), so that results would be wrong. OABN_BACKEND=wasm does without it.`;
}
