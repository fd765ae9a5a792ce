/** The kernel's names: of its folder among the kernelspecs, and for people. */
export const kernelName = 'oabn';
/** The kernel's name in Jupyter's menus. */
export const kernelDisplayName = 'TypeScript (oabn)';
/** The language of its cells, as notebooks store it. */
export const kernelLanguage = 'typescript';
