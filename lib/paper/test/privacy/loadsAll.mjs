/**
 * Loads the packages that its arguments name, «name from folder», with an ear at every door of Node's: what connects, listens,
 * looks up a name or starts a program while it is loaded, or within a second after that, is printed.
 */
import childProcess from 'node:child_process';
import dgram from 'node:dgram';
import dns from 'node:dns';
import { syncBuiltinESMExports, createRequire } from 'node:module';
import net from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

const heard = [];
let loading = '';
const listen = (object, where, names) => {
  for (const name of names) {
    const door = object[name];
    object[name] = function (...args) {
      heard.push(`${loading}: ${where}.${name}`);
      return door.apply(this, args);
    };
  }
};
listen(net.Socket.prototype, 'net.Socket', ['connect']);
listen(net.Server.prototype, 'net.Server', ['listen']);
listen(dns, 'dns', ['lookup', 'resolve', 'resolve4', 'resolve6']);
listen(dgram, 'dgram', ['createSocket']);
listen(childProcess, 'child_process', [
  'spawn',
  'spawnSync',
  'exec',
  'execSync',
  'execFile',
  'execFileSync',
  'fork',
]);
listen(globalThis, 'globalThis', ['fetch']);
syncBuiltinESMExports();

const failed = [];
for (const argument of process.argv.slice(2)) {
  const [name, folder] = argument.split(' from ');
  loading = name;
  try {
    await import(pathToFileURL(createRequire(join(folder, 'package.json')).resolve(name)).href);
  } catch (error) {
    failed.push(`${name}: ${error.message.split('\n')[0]}`);
  }
  await sleep(20);
}
loading = 'later';
await sleep(1000);
console.log(JSON.stringify({ heard, failed }));
process.exit();
