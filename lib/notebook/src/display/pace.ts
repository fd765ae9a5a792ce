/**
 * Jupyter's server drops a kernel's output beyond 1 MB a second, measured over three seconds, and shows a
 * warning in its place. Plotly alone takes up most of that, so figures that follow immediately wait until
 * there is room.
 */
import { setTimeout as sleep } from 'node:timers/promises';

export interface PaceOptions {
  /**
   * Bytes that may be sent in `window` milliseconds: the server's limit, minus what streams and updates need.
   */
  readonly most?: number;
  readonly window?: number;
  readonly now?: () => number;
  readonly wait?: (milliseconds: number) => Promise<unknown>;
}

/** A function that resolves when `bytes` more may be sent, and then counts them as sent. */
export function pace(options: PaceOptions = {}): (bytes: number) => Promise<void> {
  const { most = 2_900_000, window = 3000, now = () => performance.now(), wait = sleep } = options;
  let sent: { at: number; bytes: number }[] = [];
  return async (bytes) => {
    for (;;) {
      sent = sent.filter(({ at }) => now() - at < window);
      const total = sent.reduce((sum, { bytes: some }) => sum + some, bytes);
      if (total <= most || sent.length === 0) break;
      await wait(Math.max(1, sent[0]!.at + window - now()));
    }
    sent.push({ at: now(), bytes });
  };
}
