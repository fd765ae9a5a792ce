/** The part of jStat that is used here; it has no types of its own. */
declare module 'jstat' {
  const jStat: {
    readonly studentt: {
      inv(p: number, df: number): number;
      cdf(x: number, df: number): number;
    };
    readonly normal: {
      inv(p: number, mean: number, sd: number): number;
      cdf(x: number, mean: number, sd: number): number;
    };
  };
  /** A CommonJS module: Node sees its default export only. */
  export default jStat;
}
