/**
 * What tslab's server lacks, put in from outside: a cell that prints a lot loses nothing, cells are announced with
 * their numbers, and the process ends when it is told to.
 */

/** The part of tslab's `jupyter.js` that is mended. */
export interface TslabServer {
  ZmqServer: { prototype: ServerMethods };
  JupyterHandlerImpl: { prototype: HandlerMethods };
}

interface ServerMethods {
  readonly connInfo: { readonly key: string };
  readonly iopub: object;
  close(): void;
  bindSocket(socket: object, port: number): Promise<void>;
  handleExecute(socket: object, message: RequestMessage): Promise<void>;
}

interface HandlerMethods {
  readonly execCount: number;
  handleExecuteImpl(request: ExecuteRequest, ...rest: unknown[]): Promise<unknown>;
}

interface ExecuteRequest {
  readonly code: string;
}

interface RequestMessage {
  readonly content: ExecuteRequest;
  createReply(): {
    header: { msg_type: string };
    content: unknown;
    signAndSend(key: string, socket: object): void;
  };
}

/** Mends `server` before it starts. */
export function mendServer(server: TslabServer): void {
  publishWithoutLimit(server);
  announceCells(server);
  exitAfterShutdown(server);
}

/**
 * tslab sends a message for every line printed and never waits. The ZeroMQ binding takes 512 of them in one go and
 * refuses the next («socket is busy»), which tslab prints, which is one more message, and so on for ever. Without
 * limit and without waiting, it takes all of them at once.
 */
function publishWithoutLimit({ ZmqServer: { prototype } }: TslabServer): void {
  const { bindSocket } = prototype;
  prototype.bindSocket = function (socket, port) {
    if (socket.constructor.name === 'Publisher')
      Object.assign(socket, { sendHighWaterMark: 0, sendTimeout: 0 });
    return bindSocket.call(this, socket, port);
  };
}

/** Announces each cell with its number as it begins, as the protocol wants it; nbclient takes the number from there. */
function announceCells({ ZmqServer, JupyterHandlerImpl }: TslabServer): void {
  const announcements = new WeakMap<ExecuteRequest, (count: number) => void>();
  const { handleExecute } = ZmqServer.prototype;
  ZmqServer.prototype.handleExecute = function (socket, message) {
    announcements.set(message.content, (count) => {
      const input = message.createReply();
      input.header.msg_type = 'execute_input';
      input.content = { code: message.content.code, execution_count: count };
      input.signAndSend(this.connInfo.key, this.iopub);
    });
    return handleExecute.call(this, socket, message);
  };
  const { handleExecuteImpl } = JupyterHandlerImpl.prototype;
  JupyterHandlerImpl.prototype.handleExecuteImpl = function (request, ...rest) {
    announcements.get(request)?.(this.execCount + 1);
    return handleExecuteImpl.call(this, request, ...rest);
  };
}

/** tslab closes its sockets when told to shut down, but an open timer or a native thread would keep the process alive. */
function exitAfterShutdown({ ZmqServer: { prototype } }: TslabServer): void {
  const close = prototype.close;
  prototype.close = function () {
    // The reply to the request is still on its way out.
    setTimeout(() => {
      close.call(this);
      process.exit(0);
    }, 100);
  };
}
