/**
 * Several machines on one: network namespaces on a bridge, each with an address of its own and a cable that
 * can be pulled. Needs root and `ip`.
 */
import { execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';

export interface Host {
  readonly namespace: string;
  readonly address: string;
  /** Pulls the cable: packets vanish without a word. */
  cut(): void;
  mend(): void;
}

export interface Network {
  /** Of this process, on the bridge. */
  readonly address: string;
  readonly hosts: readonly Host[];
  close(): void;
}

const ip = (...args: string[]): void => void execFileSync('ip', args, { stdio: 'pipe' });

/** Why namespaces cannot be made here; undefined if they can. */
export function noNetwork(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    return 'network namespaces need root on Linux';
  if (!['/usr/sbin/ip', '/sbin/ip', '/usr/bin/ip'].some((path) => existsSync(path)))
    return 'ip (iproute2) is not installed';
  try {
    const name = `probe${process.pid}`;
    ip('netns', 'add', name);
    ip('netns', 'delete', name);
    return undefined;
  } catch (error) {
    return `network namespaces cannot be made here: ${(error as Error).message.split('\n')[0]}`;
  }
}

/** Adds a bridge whose number no other process uses. */
function addBridge(): { id: number; bridge: string } {
  for (let left = 20; ; left--) {
    const id = randomInt(250);
    const bridge = `runs${id}`;
    try {
      ip('link', 'add', bridge, 'type', 'bridge');
      return { id, bridge };
    } catch (error) {
      if (left === 1) throw error;
    }
  }
}

export function openNetwork(count: number): Network {
  const { id, bridge } = addBridge();
  const subnet = `10.213.${id}`;
  const address = `${subnet}.1`;
  ip('addr', 'add', `${address}/24`, 'dev', bridge);
  ip('link', 'set', bridge, 'up');
  const hosts = Array.from({ length: count }, (_, i): Host => {
    const namespace = `runs${id}h${i}`;
    const [here, there] = [`runs${id}v${i}`, `runs${id}w${i}`];
    const own = `${subnet}.${10 + i}`;
    ip('netns', 'add', namespace);
    ip('link', 'add', here, 'type', 'veth', 'peer', 'name', there);
    ip('link', 'set', there, 'netns', namespace);
    ip('link', 'set', here, 'master', bridge);
    ip('link', 'set', here, 'up');
    ip('-n', namespace, 'addr', 'add', `${own}/24`, 'dev', there);
    ip('-n', namespace, 'link', 'set', there, 'up');
    ip('-n', namespace, 'link', 'set', 'lo', 'up');
    return {
      namespace,
      address: own,
      cut: () => ip('link', 'set', here, 'down'),
      mend: () => ip('link', 'set', here, 'up'),
    };
  });
  return {
    address,
    hosts,
    close() {
      for (const { namespace } of hosts) ip('netns', 'delete', namespace);
      ip('link', 'delete', bridge);
    },
  };
}
