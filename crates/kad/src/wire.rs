//! The bytes of libp2p's Kademlia, `/…/kad/1.0.0`.
//!
//! On the wire stands one protobuf message per request and answer, framed by a varint length (libp2p/specs, kad-dht r2; facts and differences between
//! implementations in `reference/libp2p-kad.md`, sections 3, 4 and 9):
//!
//! ```text
//!   Message: type=1 varint │ key=2 bytes │ record=3 Record │ closerPeers=8 Peer… │ providerPeers=9 Peer… │ clusterLevelRaw=10 varint
//!   Peer:    id=1 bytes │ addrs=2 bytes… │ connection=3 varint
//!   Record:  key=1 bytes │ value=2 bytes │ timeReceived=5 string
//! ```
//!
//! Decoding has two stages, so that stream tasks can check bytes without touching the address book:
//!
//! ```text
//!   bytes ──decode──▶ WireMessage (ids and addresses as bytes) ──…_from_wire(Directory)──▶ Message (handles)
//!   bytes ◀──encode── WireMessage                             ◀──to_wire(Directory)────── Message
//! ```
//!
//! What is tolerated: an absent type means PUT_VALUE, unknown fields are skipped, `clusterLevelRaw`, `connection` and `timeReceived` are ignored and
//! not sent. What is cut off: closer peers beyond 2k, addresses of a peer beyond 8 KiB. What is refused: bytes that are not protobuf, unknown types,
//! PING (libp2p has a protocol of its own for it), keys that are empty or longer than 1 KiB, records under another key than the message's.
//!
//! What goes out stays below 16 KiB, the frame limit of the strictest implementation, whenever leaving addresses out makes that possible.

mod body;
mod layout;
mod translate;

pub use body::{Kind, MAX_CLOSER, MAX_FRAME, MAX_PEER_BYTES, MAX_PROVIDERS, WireMessage, WirePeer, WireRecord};
pub use layout::FORMAT;
pub use translate::{TranslateError, request_from_wire, response_from_wire, to_wire, wire_len};
