//! The bytes of messages between simulated peers, as they would stand on the real wire.
//!
//! The simulator moves messages, not bytes. Where bytes are asked for (to be looked at, or to have their bits flipped) a message is encoded with the true codec.
//! Peer ids and addresses, which simulated peers do not have, are made up ([`MadeUp`]); the data of blocks, which exists as sizes only, is left out.

mod directory;

use peerglass_core::Peer;
use peerglass_core::wire::put_frame;
use peerglass_kad as kad;
use peerglass_kad::wire::to_wire;
use peerglass_kad::{Request, Response, Target};
use peerglass_sim::Sight;
use peerglass_stack::{Message, Stack};
use peerglass_transfer as transfer;

pub(crate) use directory::MadeUp;

/// Whose made-up id this is.
#[must_use]
pub fn simulated_peer(id: &[u8]) -> Option<Peer> {
    MadeUp::whose(id)
}

/// Appends the frame of a message, up to the data of its first block if it has any: the engine's [`Encode`](peerglass_sim::Encode) for the stack.
pub(crate) fn encode(sight: &Sight<'_, Stack>, out: &mut Vec<u8>) {
    match sight.message {
        // A refusal is a stream reset: it has no bytes.
        Message::Kad(message) => out.extend(kad_frame(message, &directory_of(message, sight.from, sight.to)).unwrap_or_default()),
        Message::Transfer(message) => out.append(&mut transfer::wire::head(message)),
    }
}

/// The directory for a message of `from` to `to`.
pub(crate) fn directory_of(message: &kad::Message, from: Peer, to: Peer) -> MadeUp {
    MadeUp::new(from, to, named(message))
}

/// The frame of `message`; `None` for a stream reset.
pub(crate) fn kad_frame(message: &kad::Message, directory: &MadeUp) -> Option<Vec<u8>> {
    let (mut body, mut frame) = (Vec::new(), Vec::new());
    to_wire(message, directory)?.encode(&mut body);
    put_frame(&mut frame, &body);
    Some(frame)
}

/// The peers that a message names.
pub(crate) fn named(message: &kad::Message) -> Vec<Peer> {
    match message {
        kad::Message::Request { request: Request::FindNode { target: Target::Peer(peer) } | Request::AddProvider { provider: peer, .. }, .. } => {
            vec![*peer]
        }
        kad::Message::Request { .. } => Vec::new(),
        kad::Message::Response { response, .. } => {
            let providers = if let Response::Providers { providers, .. } = response { &providers[..] } else { &[] };
            [response.closer(), providers].concat()
        }
    }
}
