/** What can be done while a cell runs: stopping it, answering it, working beside it, looking into it. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  afterError,
  ask,
  by,
  heardFrom,
  interrupted,
  run,
  shownBy,
  started,
  within,
  type Probe,
} from './tried.js';

/** The body of a debugger's reply. */
type Reply = Readonly<Record<string, unknown>>;

export const runningProbes: readonly Probe[] = [
  {
    feature: 'interrupt ends a loop, and the kernel lives',
    async has(kernel) {
      await interrupted(kernel, by(kernel, 'while (true);', 'while True: pass'));
      return (await run(kernel, '1 + 1')).status === 'ok';
    },
  },
  {
    feature: '… and a loop after an `await`',
    async has(kernel) {
      const code = by(
        kernel,
        'await new Promise((done) => setTimeout(done, 100)); while (true);',
        'import asyncio; await asyncio.sleep(0.1)\nwhile True: pass',
      );
      await interrupted(kernel, code);
      return (await run(kernel, '1 + 1')).status === 'ok';
    },
  },
  {
    feature: '… and variables that the cell had set are kept',
    async has(kernel) {
      await interrupted(
        kernel,
        by(kernel, 'let kept = 4141; while (true);', 'kept = 4141\nwhile True: pass'),
      );
      return shownBy(await run(kernel, 'kept + 1')).includes('4142');
    },
  },
  {
    feature: 'variables that a failing cell had set are kept',
    async has(kernel) {
      await run(
        kernel,
        by(kernel, 'let early = 4141; throw new Error("x");', 'early = 4141; raise ValueError("x")'),
      );
      await sleep(afterError);
      return shownBy(await run(kernel, 'early + 1')).includes('4142');
    },
  },
  {
    feature: 'asks the reader (`input`, passwords)',
    async has(kernel) {
      const secret = [] as boolean[];
      const code = by(
        kernel,
        "const g = globalThis as any;\ng.input ? await g.input('a') + await g.input('b', { password: true }) : g.prompt('a') + g.prompt('b')",
        "import getpass; input('a') + getpass.getpass('b')",
      );
      const execution = await within(
        kernel.session.execute(code, {
          onInput(_text, password) {
            secret.push(password);
            return 'said';
          },
        }),
      );
      return secret.length === 2 && secret[1] === true && shownBy(execution).includes('saidsaid');
    },
  },
  {
    feature: 'comms',
    async has(kernel) {
      const code = by(
        kernel,
        "typeof kernel === 'undefined' ? await Deno.jupyter.broadcast('comm_open', { comm_id: 'c', target_name: 't', data: {} }) : kernel.comms.open('t')",
        "from comm import create_comm; c = create_comm(target_name='t')",
      );
      await run(
        kernel,
        by(
          kernel,
          `const g = globalThis as any; const Deno = g.Deno; const kernel = g.kernel;\n${code}`,
          code,
        ),
      );
      return kernel.heard.some(({ header }) => header.msg_type === 'comm_open');
    },
  },
  {
    feature: '… and messages from the page are answered, as anywidget’s sliders need',
    async has(kernel) {
      const name = 'features-echo';
      const code = by(
        kernel,
        // Deno's kernel can open a comm, but offers nothing to hear from it.
        `const g = globalThis as any;
         if (g.kernel) { const c = g.kernel.comms.open('${name}'); c.onMessage = ({ data }) => c.send({ twice: 2 * data.s }); }
         else await g.Deno.jupyter.broadcast('comm_open', { comm_id: '${name}', target_name: '${name}', data: {} });`,
        `from comm import create_comm
c = create_comm(target_name='${name}')
c.on_msg(lambda message: c.send({'twice': 2 * message['content']['data']['s']}))`,
      );
      await run(kernel, code);
      const opened = await heardFrom(kernel, ({ header, content }) => header.msg_type === 'comm_open' && content.target_name === name); // prettier-ignore
      kernel.session.channels.tell('comm_msg', { comm_id: opened.content.comm_id, data: { s: 21 } });
      const answer = await heardFrom(kernel, ({ header, content }) => header.msg_type === 'comm_msg' && content.comm_id === opened.content.comm_id); // prettier-ignore
      return (answer.content.data as { twice?: number }).twice === 42;
    },
  },
  {
    feature: 'subshells (JEP 91)',
    async has(kernel) {
      const { supported_features: features } = await ask(kernel, 'kernel_info_request');
      if (!JSON.stringify(features ?? []).includes('kernel subshells')) return false;
      const { subshell_id: subshell } = await ask(kernel, 'create_subshell_request', {}, 'control');
      const slow = kernel.session.execute(
        by(kernel, 'await new Promise((done) => setTimeout(done, 3000));', 'import time; time.sleep(3)'),
      );
      await sleep(300);
      const began = performance.now();
      await within(kernel.session.execute('1 + 1', { subshell: String(subshell) }));
      const beside = performance.now() - began < 2000;
      await within(slow);
      return beside;
    },
  },
  {
    feature: 'debugger: stops at a breakpoint of a cell, shows frames and variables, goes on',
    leavesBusy: true,
    async has(kernel) {
      let seq = 0;
      const debug = async (command: string, args: object = {}): Promise<Reply> => {
        const content = { seq: ++seq, type: 'request', command, arguments: args };
        const { success, body } = await within(ask(kernel, 'debug_request', content, 'control'), 10_000);
        if (success !== true) throw new Error(`${command} failed`);
        return (body ?? {}) as Reply;
      };
      await debug('initialize', { clientID: 'features', adapterID: '' });
      await debug('attach');
      const code = by(
        kernel,
        'interface Unused {}\nfunction half(whole: number) {\n  const part = whole / 2;\n  return part;\n}\nhalf(84)',
        '\ndef half(whole):\n  part = whole // 2\n  return part\n\nhalf(84)',
      );
      const { sourcePath } = await debug('dumpCell', { code });
      await debug('setBreakpoints', { source: { path: sourcePath }, breakpoints: [{ line: 4 }] });
      await debug('configurationDone');
      const running = kernel.session.execute(code);
      const { content: stop } = await heardFrom(kernel, ({ header, content }) => header.msg_type === 'debug_event' && content.event === 'stopped'); // prettier-ignore
      const { threadId } = stop.body as { threadId: number };
      const { stackFrames } = await debug('stackTrace', { threadId });
      const [frame] = stackFrames as { name: string; line: number; id: number }[];
      const { scopes } = await debug('scopes', { frameId: frame!.id });
      const [locals] = scopes as { variablesReference: number }[];
      const { variables } = await debug('variables', {
        variablesReference: locals!.variablesReference,
      });
      await debug('continue', { threadId });
      const part = (variables as { name: string; value: string }[]).find(({ name }) => name === 'part');
      const ended = await within(running, 10_000);
      return frame!.name === 'half' && frame!.line === 4 && part?.value === '42' && ended.status === 'ok';
    },
  },
  {
    feature: 'ends when told to in the middle of a loop',
    leavesBusy: true,
    async has(kernel) {
      await started(kernel, by(kernel, 'while (true);', 'while True: pass'));
      void kernel.session.channels
        .request('shutdown_request', { restart: false }, 'control')
        .catch(() => undefined);
      for (const end = Date.now() + 8000; Date.now() < end; await sleep(100)) {
        try {
          process.kill(kernel.session.pid, 0);
        } catch {
          return true;
        }
      }
      return false;
    },
  },
];
