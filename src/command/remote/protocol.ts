import { asFault, fault, type HoldfastError } from '../../base/errors.ts';
import { COMMAND_REPLY_BYTES_MAX, COMMAND_REPLY_CHUNK_BYTES, COMMAND_TIMEOUT_MS } from '../../base/limits.ts';
import { type Channel, checked, type PeerKey } from '../../network/network.ts';
import type { CommandContext } from '../context.ts';
import type { CommandOutput } from '../executor.ts';
import { textUpTo } from '../reply.ts';
import { CommandBudget } from './budget.ts';
import {
  COMMAND_PROTOCOL,
  encodeMessage,
  encodeRequest,
  parseRequest,
  TEXT_CHARS_MAX,
  type ReplyHead,
} from './messages.ts';
import { FIRST_REPLY_STATE, mayRun, takeFrame, type RemoteUse, type ReplyState } from './state.ts';

/** Asks other nodes to run a command. */
export interface RemoteCommands {
  /** One command on one connected node. Throws the node's own error, `NETWORK_…`, `COMMAND_REMOTE_…`. */
  ask(peer: PeerKey, text: string, format: 'text' | 'json' | undefined, options: AskOptions): Promise<CommandOutput>;
}

interface AskOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** What the protocol needs of the language. */
export interface CommandService {
  /** Throws where the text is no command. */
  useOf(text: string): RemoteUse;
  /** `key`: of the node that asks. */
  execute(text: string, format: 'text' | 'json' | undefined, signal: AbortSignal, key: PeerKey): Promise<CommandOutput>;
}

/** Whether the key stands in a node policy in force. */
export const isRegistered = (context: CommandContext, key: PeerKey): boolean =>
  context.topology().nodes.some(({ peer }) => peer === key) || context.topology().operatorByPeer(key) !== undefined;

const readRequest = async (channel: Channel): Promise<Uint8Array> => {
  for await (const frame of channel) return frame;
  throw fault('NETWORK_CHANNEL_CLOSED', 'a node opened a channel and asked nothing');
};

/** Serves commands of other nodes, each on its channel. */
const serve = (context: CommandContext, service: CommandService): void => {
  const { network, facts, clock } = context;
  const budget = new CommandBudget(clock, facts.name);

  const run = async (channel: Channel): Promise<Uint8Array> => {
    const request = await readRequest(channel);
    const { text, format } = checked(channel, () => parseRequest(request));
    // To understand it takes time as well, also where it is refused or no command.
    return budget.run(channel.peer, async () => {
      checkMayRun(channel.peer, text);
      return execute(channel.peer, text, format);
    });
  };

  const checkMayRun = (peer: PeerKey, text: string): void => {
    const asker = { registered: isRegistered(context, peer) };
    if (mayRun(service.useOf(text), asker, facts.remoteCommands)) return;
    throw fault('COMMAND_REMOTE_REFUSED', `${facts.name} does not run this command for other nodes`, {
      data: { registered: asker.registered },
      hint: 'run it on the node itself: holdfast exec --node HOST:PORT "…"',
    });
  };

  const execute = async (peer: PeerKey, text: string, format: 'text' | 'json' | null): Promise<Uint8Array> => {
    const stop = new AbortController();
    const cancel = clock.after(COMMAND_TIMEOUT_MS, () =>
      stop.abort(fault('COMMAND_TIMEOUT', 'the command took too long')),
    );
    try {
      return await encodeAnswer(await service.execute(text, format ?? undefined, stop.signal, peer));
    } finally {
      cancel();
    }
  };

  network.handle(COMMAND_PROTOCOL, async (channel) => {
    try {
      await sendAnswer(channel, await run(channel));
    } catch (caught) {
      await channel.send(encodeMessage(refusal(asFault(caught))));
    }
    await channel.finish();
  });
};

const refusal = ({ code, message, hint }: HoldfastError): ReplyHead => ({
  ok: false,
  code,
  text: message.slice(0, TEXT_CHARS_MAX),
  hint: hint?.slice(0, TEXT_CHARS_MAX) ?? null,
});

/** A text that is too long is not made to its end. */
const encodeAnswer = async (output: CommandOutput): Promise<Uint8Array> => {
  const text = await textUpTo(output, COMMAND_REPLY_BYTES_MAX);
  if (text.length <= COMMAND_REPLY_BYTES_MAX) {
    const answer = encodeMessage({ text, json: output.json ?? null, note: output.note });
    if (answer.byteLength <= COMMAND_REPLY_BYTES_MAX) return answer;
  }
  throw fault('COMMAND_REMOTE_OVERSIZE', `the answer has more than ${COMMAND_REPLY_BYTES_MAX} bytes`, {
    hint: 'ask for less (limit, dates), or ask the node by REST',
  });
};

const sendAnswer = async (channel: Channel, answer: Uint8Array): Promise<void> => {
  await channel.send(encodeMessage({ ok: true, bytes: answer.byteLength }));
  for (let at = 0; at < answer.byteLength; at += COMMAND_REPLY_CHUNK_BYTES)
    await channel.send(answer.subarray(at, at + COMMAND_REPLY_CHUNK_BYTES));
};

const readReply = async (channel: Channel): Promise<CommandOutput> => {
  let state: ReplyState = FIRST_REPLY_STATE;
  for await (const frame of channel) {
    state = checked(channel, () => takeFrame(state, frame));
    if (state.kind === 'done') return state.output;
    if (state.kind === 'refused') throw state.error;
  }
  throw fault('NETWORK_CHANNEL_CLOSED', 'a node closed the channel before its answer was complete');
};

/** Serves commands of other nodes from now on, and asks them: the binding of SPEC.md to the network port. */
export const createRemoteCommands = (context: CommandContext, service: CommandService): RemoteCommands => {
  serve(context, service);
  const { network, clock } = context;
  return {
    async ask(peer, text, format, { timeoutMs, signal }) {
      const channel = await network.open(peer, COMMAND_PROTOCOL, { timeoutMs, signal });
      const deadline = new AbortController();
      const cancel = clock.after(timeoutMs, () =>
        deadline.abort(
          fault('COMMAND_TIMEOUT', `no answer within ${timeoutMs} ms`, { hint: 'give it more time: timeout = 60' }),
        ),
      );
      const ended = signal === undefined ? deadline.signal : AbortSignal.any([deadline.signal, signal]);
      const onAbort = (): void => channel.abort(ended.reason);
      ended.addEventListener('abort', onAbort, { once: true });
      try {
        await channel.send(encodeRequest(text, format ?? null));
        await channel.finish();
        return await readReply(channel);
      } catch (caught) {
        ended.throwIfAborted();
        throw caught;
      } finally {
        cancel();
        ended.removeEventListener('abort', onAbort);
        channel.abort();
      }
    },
  };
};
