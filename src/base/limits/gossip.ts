/**
 * One gossip message: the largest entry fits. A longer one is not sent (`NETWORK_GOSSIP_OVERSIZE`); whoever sends it is
 * expelled.
 */
export const GOSSIP_BYTES_MAX = 131_072;
/** About 60 gossip topics a peer. */
export const GOSSIP_TOPIC_BYTES_PER_PEER = 65_536;
/**
 * Messages of the gossip protocol that one peer may send at once; one that sends more is expelled (`NETWORK_FLOOD`).
 */
export const GOSSIP_BURST_MAX = 20_000;
/** Those that it may send in a second in the long run: an author may append thousands of entries a second. */
export const GOSSIP_PER_SECOND_MAX = 10_000;
/** Those that offer or ask for messages, or change the mesh, of one peer at once; more are `NETWORK_FLOOD`. */
export const GOSSIP_CONTROLS_BURST_MAX = 512;
/** Those that offer or ask for messages, or change the mesh, of one peer in a second in the long run. */
export const GOSSIP_CONTROLS_PER_SECOND_MAX = 64;
/** Topics that one peer may join or leave at once; more are `NETWORK_FLOOD`. */
export const GOSSIP_TOPICS_BURST_MAX = 256;
/** Topics that one peer may join or leave in a second in the long run. */
export const GOSSIP_TOPICS_PER_SECOND_MAX = 8;
