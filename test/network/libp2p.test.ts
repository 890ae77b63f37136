import { describeNetwork } from '../conformance/network.ts';
import { startTestNetwork } from '../support/libp2p-network.ts';

describeNetwork('libp2p over TCP', async () => () => startTestNetwork());
