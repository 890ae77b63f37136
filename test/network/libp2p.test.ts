import { describeNetwork } from '../conformance/network.ts';
import { describeNetworkGate } from '../conformance/network-gate.ts';
import { startTestNetwork } from '../support/libp2p-network.ts';

describeNetwork('libp2p over TCP', async () => () => startTestNetwork());
describeNetworkGate('libp2p over TCP', async () => () => startTestNetwork());
