/**
 * Properties are tried on the same cases each time, so that a build does not fail by chance. Others are tried
 * with `OABN_PROPERTY_SEED=7 npx mocha …`; a case that fails is worth a test of its own.
 */
import fc from 'fast-check';

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(process.env.OABN_PROPERTY_SEED ?? 2402) });
