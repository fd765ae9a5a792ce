/**
 * Node's inspector of the main thread, as promises. It answers while the main thread stands at a breakpoint.
 */
import { Session } from 'node:inspector';

export type Params = Readonly<Record<string, unknown>>;

export interface Inspector {
  /** @throws the inspector's error */
  post<T = Params>(method: string, params?: Params): Promise<T>;
  on(event: string, listener: (params: never) => void): void;
  disconnect(): void;
}

export function connectInspector(): Inspector {
  const session = new Session();
  session.connectToMainThread();
  return {
    post: <T>(method: string, params: Params = {}) =>
      new Promise<T>((resolve, reject) =>
        session.post(method, params, (error: Error | null, result?: object) =>
          error ? reject(new Error(error.message)) : resolve(result as T),
        ),
      ),
    on: (event, listener) =>
      void session.on(event, ({ params }: { params: unknown }) => listener(params as never)),
    disconnect: () => session.disconnect(),
  };
}
