/**
 * What needs nothing but a request to be answered: questions about code, which go to the language thread, and what
 * the kernel is.
 */
import type { Message } from '../../protocol/message.js';
import { protocolVersion } from '../../protocol/message.js';
import type { Bundle } from '../threads.js';
import { toCodePoints, toUtf16 } from './codePoints.js';
import type { Language } from './languageClient.js';
import { readCell } from './magics.js';

/** What answers requests, by their type. */
export type Answers = Readonly<Record<string, (request: Message) => Bundle | Promise<Bundle>>>;

export const codeAnswers = (language: Language): Answers => ({
  async complete_request({ content }) {
    const code = String(content.code ?? '');
    const position = toUtf16(code, Number(content.cursor_pos ?? 0));
    const { start, end, entries } = await language.complete(code, position);
    const span = { start: toCodePoints(code, start), end: toCodePoints(code, end) };
    return {
      status: 'ok',
      matches: entries.map(({ name }) => name),
      cursor_start: span.start,
      cursor_end: span.end,
      metadata: {
        _jupyter_types_experimental: entries.map(({ name, kind }) => ({ text: name, type: kind, ...span })),
      },
    };
  },
  async inspect_request({ content }) {
    const code = String(content.code ?? '');
    const position = toUtf16(code, Number(content.cursor_pos ?? 0));
    const found = await language.inspect(code, position, Number(content.detail_level ?? 0));
    const data = found ? { 'text/plain': found.text, 'text/markdown': found.markdown } : {};
    return { status: 'ok', found: found !== undefined, data, metadata: {} };
  },
  async is_complete_request({ content }) {
    const { code, question } = readCell(String(content.code ?? ''));
    return question ? { status: 'complete' } : { ...(await language.completeness(code)) };
  },
});

/** What this kernel and its language are. */
export const kernelInfo = ({
  kernel,
  typescript,
}: {
  readonly kernel: string;
  readonly typescript: string;
}): Bundle => ({
  status: 'ok',
  protocol_version: protocolVersion,
  implementation: 'tslab-kernel',
  implementation_version: kernel,
  language_info: {
    name: 'typescript',
    version: typescript,
    mimetype: 'text/typescript',
    file_extension: '.ts',
    pygments_lexer: 'typescript',
    codemirror_mode: { name: 'javascript', mode: 'typescript', typescript: true },
  },
  banner: `TypeScript ${typescript} on Node.js ${process.version}`,
  debugger: true,
  supported_features: ['debugger', 'kernel subshells'],
  help_links: [
    { text: 'TypeScript', url: 'https://www.typescriptlang.org/docs/' },
    { text: 'Node.js', url: 'https://nodejs.org/api/' },
  ],
});

export const failure = (ename: string, evalue: string): Bundle => ({
  status: 'error',
  ename,
  evalue,
  traceback: [`${ename}: ${evalue}`],
});
