export const GOSSIP_BYTES_MAX = 131_072;
/** About 60 gossip topics a peer. */
export const GOSSIP_TOPIC_BYTES_PER_PEER = 65_536;
/**
 * Messages of the gossip protocol from one peer: at once, and in the long run. An author may append thousands of
 * entries a second.
 */
export const GOSSIP_BURST_MAX = 20_000;
export const GOSSIP_PER_SECOND_MAX = 10_000;
/** Those of them that offer or ask for messages, or change the mesh, and topics that it joins or leaves. */
export const GOSSIP_CONTROLS_BURST_MAX = 512;
export const GOSSIP_CONTROLS_PER_SECOND_MAX = 64;
export const GOSSIP_TOPICS_BURST_MAX = 256;
export const GOSSIP_TOPICS_PER_SECOND_MAX = 8;
