/** The questions that a cell asks its reader, one after the other, through the client that runs the cell. */
import { createHeader } from '../../protocol/message.js';
import type { Request, ServerSockets } from '../../protocol/serverSockets.js';

export interface Question {
  readonly question: number;
  readonly prompt: string;
  readonly password: boolean;
}

export interface Questions {
  /** Asks the client of `request`; a client that takes no input answers with nothing at once. */
  ask(request: Request | undefined, question: Question): void;
  /** The reader's answer to the current question. */
  reply(value: string): void;
  /** Answers all questions with an empty text. */
  cancel(): void;
}

export function createQuestions(
  sockets: ServerSockets,
  session: string,
  answer: (question: number, value: string | undefined) => void,
): Questions {
  const waiting: { request: Request; question: Question }[] = [];
  const send = (): void => {
    const [first] = waiting;
    if (!first) return;
    const { request, question } = first;
    const header = createHeader('input_request', session, 'kernel');
    const content = { prompt: question.prompt, password: question.password };
    void sockets.send('stdin', request.identities, { header, parent: request.header, metadata: {}, content });
  };
  return {
    ask(request, question) {
      if (!request || request.content.allow_stdin === false) return answer(question.question, undefined);
      waiting.push({ request, question });
      if (waiting.length === 1) send();
    },
    reply(value) {
      const first = waiting.shift();
      if (first) answer(first.question.question, value);
      send();
    },
    cancel() {
      for (const { question } of waiting.splice(0)) answer(question.question, undefined);
    },
  };
}
