/** The client's side of the sockets, with a kernel that says what it likes. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Publisher } from 'zeromq';
import { createConnection } from '../src/protocol/connection.js';
import { type Channels, openChannels } from '../src/protocol/channels.js';
import { createRequest, encodeMessage } from '../src/protocol/message.js';

describe('notebook/channels', () => {
  let publisher: Publisher;
  let channels: Channels;
  let key: string;
  beforeEach(async () => {
    const connection = await createConnection('test');
    ({ key } = connection);
    publisher = new Publisher({ linger: 0 });
    await publisher.bind(`tcp://127.0.0.1:${connection.iopub_port}`);
    channels = await openChannels(connection);
  });
  afterEach(() => {
    channels.close(new Error('the test has ended'));
    publisher.close();
  });

  const say = (type: string, withKey = key): Promise<void> =>
    publisher.send(encodeMessage(createRequest(type, {}, 'kernel'), withKey));
  /** Says it until it is heard: a subscription takes a moment. */
  const sayUntilHeard = async (type: string): Promise<void> => {
    let heard = false;
    channels.onOutput(({ header }) => (heard ||= header.msg_type === type));
    for (; !heard; await sleep(5)) await say(type);
  };

  it('pass over what is no message of the kernel', async () => {
    const heard = new Set<string>();
    channels.onOutput(({ header }) => heard.add(header.msg_type));
    await sayUntilHeard('first');
    await publisher.send(['no message']);
    await say('forged', 'another key');
    await sayUntilHeard('second');
    assert.deepEqual([...heard], ['first', 'second']);
  });

  it('go on when a listener throws, which is the process’s to know', async () => {
    channels.onOutput(({ header }) => {
      if (header.msg_type === 'bad') throw new Error('a fault of the listener');
    });
    await sayUntilHeard('first');
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    try {
      const thrown = once(process, 'uncaughtException');
      await say('bad');
      assert.match(String((await thrown)[0]), /a fault of the listener/);
    } finally {
      for (const other of others) process.on('uncaughtException', other);
    }
    await sayUntilHeard('last');
  });
});
