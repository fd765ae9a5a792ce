/** Names of a RepVGG as the official code has them → those of timm, of three branches and merged. */
const timmName = (name: string): string =>
  name
    .replace(/^stage0\./, 'stem.')
    .replace(/^stage(\d)\./, (_, stage) => `stages.${Number(stage) - 1}.`)
    .replace('rbr_dense', 'conv_kxk')
    .replace('rbr_1x1', 'conv_1x1')
    .replace('rbr_identity', 'identity')
    .replace('rbr_reparam', 'reparam_conv')
    .replace('linear', 'head.fc');

/** A state dict under timm's names. */
export const withTimmNames = <Tensor>(stateDict: Readonly<Record<string, Tensor>>): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(stateDict).map(([name, tensor]) => [timmName(name), tensor]));
