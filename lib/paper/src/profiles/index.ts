/** Profiles: the paper's experiments at several scales, and the labs that they are run in. */
export * from './lab.js';
export * from './notebook.js';
export { onImagenet, type Profile } from './profile.js';
export { type ProfileName, profileNamed, profileNames, profiles } from './profiles.js';
