/**
 * What of `node_modules` a bundle leaves out: whatever no program reads when it runs on this one platform.
 * Each rule says why; what no rule names stays. A new package is therefore whole until someone looks at it.
 */

/** A system and processor as Node names them. */
export interface Platform {
  readonly os: string;
  readonly cpu: string;
}

interface Rule {
  readonly reason: string;
  /** Whether the file with this path below node_modules, with `/`, is left out. */
  readonly drops: (path: string, platform: Platform) => boolean;
}

/** The packages of this repository, without what npm has put inside them. */
const ownPackages = /^(oabn(-base|-paper)?|tfjs-native|provable-runs|tslab-kernel)\/(?!node_modules\/)/;

/** Cells of notebooks are type-checked against these packages too, so their typings stay. */
const seenFromNotebooks =
  /^(@tensorflow\/tfjs(-core|-layers|-converter|-data)?|danfojs-node|@types\/node|undici-types|typescript\/lib\/lib\..*)(\/|$)/;

/** The folders in which packages keep binaries for each platform, and the name of ours in them. */
const binaries: readonly { readonly folder: RegExp; readonly ours: (platform: Platform) => string }[] = [
  { folder: /^onnxruntime-node\/bin\/napi-v\d+\/([^/]+\/[^/]+)\//, ours: ({ os, cpu }) => `${os}/${cpu}` },
  {
    folder: /^webgpu\/dist\/([^/]+)\//,
    ours: ({ os, cpu }) => (os === 'darwin' ? 'darwin-universal' : `${os}-${cpu}`),
  },
  { folder: /^zeromq\/build\/([^/]+\/[^/]+)\//, ours: ({ os, cpu }) => `${os}/${cpu}` },
];

const rules: readonly Rule[] = [
  {
    reason: 'binaries for other platforms',
    drops: (path, platform) =>
      binaries.some(({ folder, ours }) => {
        const found = folder.exec(path)?.[1];
        return found !== undefined && found !== ours(platform);
      }),
  },
  {
    reason: 'binaries for musl, which the Node that is packed does not run on',
    drops: (path) => /^zeromq\/build\/.*\/musl-/.test(path),
  },
  {
    reason: 'ONNX Runtime for CUDA, TensorRT and WebGPU, which steps do not use',
    drops: (path) => /^onnxruntime-node\/bin\/.*providers_(cuda|tensorrt)/.test(path),
  },
  {
    reason: "TensorFlow.js's bundles for browsers and its sources",
    drops: (path) =>
      /^@tensorflow\/[^/]+\//.test(path) &&
      !/\/package\.json$|\/LICENSE|\.node\.js$|\.d\.ts$|\/dist\/[^/]*\.wasm$/.test(path),
  },
  { reason: 'source maps', drops: (path) => /\.map$/.test(path) },
  { reason: "the compiler's notes for its next build", drops: (path) => /\.tsbuildinfo$/.test(path) },
  {
    reason: 'typings, but for what notebooks see',
    drops: (path) => /\.d\.[cm]?ts$/.test(path) && !ownPackages.test(path) && !seenFromNotebooks.test(path),
  },
  {
    reason: 'TypeScript, C and C++ sources',
    drops: (path) => /(?<!\.d)\.[cm]?ts$|\.(cc|cpp|hpp|h|c|gyp|gypi|flow)$/.test(path),
  },
  {
    reason: 'TypeScript as a compiler, a server and in other languages; the kernel uses it as a library',
    drops: (path) =>
      /^typescript\/(bin\/|lib\/(_?tsc|_?tsserver|_?typingsInstaller|watchGuard|tsserverlibrary)\.)/.test(
        path,
      ) || /^typescript\/lib\/[a-z]{2}(-[a-z]{2})?\//i.test(path),
  },
  {
    reason: 'builds of Plotly and SheetJS beside the one that is used',
    drops: (path) =>
      /^(plotly\.js-dist\/(src|lib)\/|xlsx\/dist\/(?!cpexcel\.js$)|core-js\/|plotly\.js-dist-min\/)/.test(
        path,
      ),
  },
  {
    reason: 'documentation, tests and examples',
    drops: (path) =>
      /\.(md|markdown|html)$|\/(docs?|tests?|__tests__|examples?|benchmarks?|\.github|coverage)\//i.test(
        path,
      ) && !ownPackages.test(path),
  },
];

/**
 * Why `path` (below node_modules, with `/`) is left out of a bundle for `platform`; undefined if it stays.
 */
export function droppedBecause(path: string, platform: Platform): string | undefined {
  return rules.find(({ drops }) => drops(path, platform))?.reason;
}
