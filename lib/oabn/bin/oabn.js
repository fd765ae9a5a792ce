#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';

// Images are decoded on the threads of libuv's pool, which has 4 unless this says otherwise before its first use.
process.env.UV_THREADPOOL_SIZE ??= String(Math.max(4, availableParallelism()));

const built = new URL('../dist/cli/main.js', import.meta.url);
if (existsSync(built)) {
  const { main } = await import(built.href);
  process.exitCode = await main(process.argv.slice(2));
} else {
  console.error('oabn: the library is not built yet; run «npm run build» in the project folder first.');
  process.exitCode = 2;
}
