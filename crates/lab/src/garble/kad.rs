//! Kademlia's messages with flipped bits: libp2p's protobuf, through the codec and the steps of the node's driver.

use peerglass_core::Peer;
use peerglass_core::wire::take_frame;
use peerglass_kad::wire::{MAX_FRAME, WireMessage, request_from_wire, response_from_wire};
use peerglass_kad::{Message, Name, Request, Response, Target};

use super::{Flips, Refusal};
use crate::wire::{MadeUp, directory_of, kad_frame};

/// What `to` understands of a message of `from`.
pub(super) fn understood(message: &Message, from: Peer, to: Peer, flips: &Flips) -> Result<Message, Refusal> {
    let mut directory = directory_of(message, from, to);
    let mut frame = kad_frame(message, &directory).ok_or("a stream reset carries no bits that could flip")?;
    flips.apply(&mut frame);
    // Of a frame that has become shorter, what is left over is the stream's next frame, which is the next message's trouble.
    let body = take_frame(&mut &frame[..], MAX_FRAME).map_err(|error| error.to_string())?;
    let wire = WireMessage::decode(body).map_err(|error| error.to_string())?;
    match message {
        Message::Request { id, .. } => {
            let request = request_from_wire(wire, from, *id, &mut directory).map_err(|error| error.to_string())?;
            Ok(with_peer_as_target(request))
        }
        Message::Response { id, response } => {
            let request = request_of(response, from).ok_or("it answers nothing")?;
            let answer = response_from_wire(wire, &request, from, *id, &mut directory);
            // An answer to something else is a refusal: so does the node's driver read it.
            Ok(answer.unwrap_or(Message::Response { id: *id, response: Response::Rejected }))
        }
    }
}

/// The place of a simulated peer does not follow from its id, so a target that is the id of a peer is that peer again. One that is not is a name like any
/// other, somewhere else.
fn with_peer_as_target(message: Message) -> Message {
    match message {
        Message::Request { id, request: Request::FindNode { target: Target::Name(name) } } => {
            let target = MadeUp::whose(name.bytes()).map_or(Target::Name(name), Target::Peer);
            Message::Request { id, request: Request::FindNode { target } }
        }
        other => other,
    }
}

/// The question that `response` answers, as far as the codec looks at it: the asking driver knows it, and the answer does not say it.
fn request_of(response: &Response, from: Peer) -> Option<Request> {
    Some(match response {
        Response::Nodes { .. } => Request::FindNode { target: Target::Peer(from) },
        Response::Value { record: Some(record), .. } => Request::GetValue { key: record.key.clone() },
        // Which key does not matter: no flip makes a record under it.
        Response::Value { record: None, .. } => Request::GetValue { key: Name::new(b"/")? },
        Response::Stored { record } => Request::PutValue { record: record.clone() },
        Response::Providers { .. } => Request::GetProviders { key: Name::new(b"/")? },
        Response::Rejected => return None,
    })
}
