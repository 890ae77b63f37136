import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RestNode, startRestNode } from '../../support/rest-node.ts';
import { waitFor } from '../../support/wait.ts';

const CHUNK = Buffer.alloc(65_536, 7);
/** 1 GiB: more than anybody should keep. */
const CHUNKS = 16_384;
/** What pipes and the kernel's buffers of both ends may hold. */
const HELD_BYTES_MAX = 32 * 1_048_576;

/** Longer than the reading takes to stand still, also on a busy machine. */
const STALL_MS = 5_000;

/** A file that notes how much of it was asked for, and that nobody wants more. */
class NotedFile {
  given = 0;
  left = false;

  async *read(): AsyncGenerator<Uint8Array> {
    try {
      for (; this.given < CHUNKS; this.given += 1) yield CHUNK;
    } finally {
      this.left = true;
    }
  }
}

describe('a file that REST gives', () => {
  let node: RestNode;
  let files: NotedFile[];
  const readers: Socket[] = [];

  /** Asks for the file, and takes nothing after the first bytes. */
  const beginToRead = async (): Promise<{ readonly reader: Socket; readonly file: NotedFile }> => {
    const before = files.length;
    const reader = connect(node.port, '127.0.0.1');
    readers.push(reader);
    reader.on('error', () => {
      // It is cut off while it still sends.
    });
    reader.once('data', () => reader.pause());
    reader.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\ncommand: get file\r\nUser-Agent: AnyLog/1.23\r\n\r\n');
    await waitFor(() => (files[before]?.given ?? 0) > 0);
    return { reader, file: files[before]! };
  };
  const isServed = async (): Promise<void> => {
    const reply = await fetch(node.url, { headers: { command: 'get status', 'User-Agent': 'AnyLog/1.23' } });
    expect(await reply.text()).toBe('answer to get status');
  };

  beforeAll(async () => {
    files = [];
    node = await startRestNode({
      stallMs: STALL_MS,
      file: () => {
        const file = new NotedFile();
        files.push(file);
        return file.read();
      },
    });
  });
  afterAll(async () => {
    for (const reader of readers) reader.destroy();
    await node.close();
  });

  test(
    'is read no further than a reader takes it who stalls; others are served, and in the end it is cut off',
    { timeout: 60_000 },
    async () => {
      const stalled = await Promise.all([beginToRead(), beginToRead(), beginToRead()]);
      let last = -1;
      // It stands still.
      await waitFor(
        () => {
          const sum = stalled.reduce((total, { file }) => total + file.given, 0);
          const isSame = sum === last;
          last = sum;
          return isSame;
        },
        { everyMs: 250 },
      );
      await isServed();
      for (const { file } of stalled) expect(file.given * CHUNK.length).toBeLessThan(HELD_BYTES_MAX);
      await waitFor(() => stalled.every(({ file }) => file.left), { timeoutMs: 45_000 });
      await isServed();
      for (const { file } of stalled) expect(file.given * CHUNK.length).toBeLessThan(HELD_BYTES_MAX);
    },
  );

  test('is left at once when its reader goes away', async () => {
    const { reader, file } = await beginToRead();
    reader.destroy();
    await waitFor(() => file.left);
    expect(file.given).toBeLessThan(CHUNKS);
    await isServed();
  });

  test('is left when the node stops', async () => {
    const own = new NotedFile();
    const stopping = await startRestNode({ file: () => own.read() });
    const reader = connect(stopping.port, '127.0.0.1');
    readers.push(reader);
    reader.on('error', () => {
      // The node hangs up.
    });
    reader.once('data', () => reader.pause());
    reader.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\ncommand: get file\r\nUser-Agent: AnyLog/1.23\r\n\r\n');
    await waitFor(() => own.given > 0);
    await stopping.close();
    await waitFor(() => own.left);
  });
});
