/** Which comms are open, whoever opened them. */
import type { Bundle } from '../threads.js';

export interface OpenComms {
  /** Hears of a message of `kind`, if it opens or closes a comm. */
  hear(kind: string, content: Bundle): void;
  /** The open ones with this target, or all, as `comm_info_reply` has them. */
  info(target: unknown): Bundle;
}

export function createOpenComms(): OpenComms {
  const targets = new Map<string, string>();
  return {
    hear(kind, content) {
      if (kind === 'comm_open') targets.set(String(content.comm_id), String(content.target_name));
      if (kind === 'comm_close') targets.delete(String(content.comm_id));
    },
    info(target) {
      const found = [...targets].filter(([, each]) => target === undefined || each === target);
      return Object.fromEntries(found.map(([id, each]) => [id, { target_name: each }]));
    },
  };
}
