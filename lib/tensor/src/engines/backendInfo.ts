/** What there is to say about backends: which there are, which one runs, and why the others do not. */
export const backendNames = ['tensorflow', 'webgpu', 'wasm'] as const;

/** From the fastest to the one that always works; `auto` takes the first that does. */
export type BackendName = (typeof backendNames)[number];

/** A backend that could not be used, and why not. */
export interface Rejection {
  /** The backend that was not taken. */
  readonly name: BackendName;
  /** The reason, in a sentence for users. */
  readonly reason: string;
}

/** What a backend says about itself once it runs. */
export interface StartedBackend {
  /** The device in words, such as «NVIDIA H200 (vulkan)» or «AMD EPYC, 1 thread, SIMD». */
  readonly device: string;
  /** Versions of what runs below tfjs, by package or library. */
  readonly versions: Readonly<Record<string, string>>;
  /** True for a GPU that is emulated on the CPU. */
  readonly software: boolean;
}

/** The backend that runs, and why this one. */
export interface BackendInfo extends StartedBackend {
  /** The backend in use. */
  readonly name: BackendName;
  /** Why this one, in a sentence. */
  readonly reason: string;
  /** What `auto` preferred and did not get. */
  readonly tried: readonly Rejection[];
}

/** How to get a backend that is missing. */
export const howToGet: Record<BackendName, string> = {
  tensorflow:
    'install @tensorflow/tfjs-node-gpu, or on Linux run npm run setup:tensorflow in a clone of this repository, which takes ' +
    'TensorFlow with its CUDA libraries from PyPI and builds the binding; the machine needs the driver of an NVIDIA GPU; ' +
    'see environment.md there',
  webgpu:
    'install the driver of the GPU and, on Linux, the Vulkan loader (apt-get install libvulkan1); a container must be ' +
    'given the GPU with its graphics capability (NVIDIA_DRIVER_CAPABILITIES=all); see environment.md of the repository',
  wasm: 'use Node 20.19 or newer on a processor with SIMD, and install the npm dependencies again (npm ci)',
};
