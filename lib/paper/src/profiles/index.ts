/** Profiles: the paper's experiments at several scales, and the labs that they are run in. */
export * from './lab.js';
export { onImagenet, type Profile, type ProfileName, profileNamed, profiles } from './profiles.js';
