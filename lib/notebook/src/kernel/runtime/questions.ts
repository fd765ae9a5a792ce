/**
 * `input` and `prompt`: what a cell asks of its reader, waiting for the answer or with everything standing
 * still.
 */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { Output } from './output.js';

export interface Questions {
  input(prompt?: string, options?: { password?: boolean }): Promise<string>;
  prompt(message?: string): string;
}

interface Answer {
  readonly question: number;
  readonly value: string | undefined;
}

export function createQuestions(
  output: Output,
  answers: MessagePort,
  answered: Int32Array,
  currentId: () => string | undefined,
): Questions {
  let count = 0;
  const waiting = new Map<number, (value: string | undefined) => void>();
  const take = ({ question, value }: Answer): void => {
    waiting.get(question)?.(value);
    waiting.delete(question);
  };
  answers.on('message', take);
  const ask = (prompt: string, password: boolean): number => {
    const [question, parent] = [++count, currentId()];
    output.send({ type: 'ask', ...(parent !== undefined && { parent }), question, prompt, password });
    return question;
  };
  const checked = (value: string | undefined): string => {
    if (value === undefined)
      throw new Error('There was no answer: this client takes no input, or the cell was interrupted');
    return value;
  };
  return {
    async input(prompt = '', { password = false } = {}) {
      const question = ask(prompt, password);
      return checked(await new Promise<string | undefined>((resolve) => waiting.set(question, resolve)));
    },
    prompt(message = '') {
      let answer: Answer | undefined;
      const question = ask(message, false);
      waiting.set(question, (value) => (answer = { question, value }));
      while (!answer) {
        Atomics.wait(answered, 0, 0, 200);
        Atomics.store(answered, 0, 0);
        for (let received; (received = receiveMessageOnPort(answers));) take(received.message as Answer);
      }
      return checked(answer.value);
    },
  };
}
