/** The kernel's names: of its folder among the kernelspecs, and for people. */
export const kernelName = 'oabn';
export const kernelDisplayName = 'TypeScript (oabn)';
export const kernelLanguage = 'typescript';
