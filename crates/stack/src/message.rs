//! What crosses the network between two peers, and what comes back to one peer from its clock.

use peerglass_core::layout::Format;
use peerglass_core::{Describe, Fields};
use peerglass_kad as kad;
use peerglass_transfer as transfer;

/// A message of any of the stack's protocols.
#[derive(Clone, Debug)]
pub enum Message {
    /// Of Kademlia.
    Kad(kad::Message),
    /// Of block exchange. Boxed, as there are few of them and they are large: messages of Kademlia, of which there are many, stay small.
    Transfer(Box<transfer::Message>),
}

impl Describe for Message {
    fn name(&self) -> &'static str {
        match self {
            Message::Kad(message) => message.name(),
            Message::Transfer(message) => message.name(),
        }
    }

    fn fields(&self, fields: &mut Fields) {
        match self {
            Message::Kad(message) => message.fields(fields),
            Message::Transfer(message) => message.fields(fields),
        }
    }

    fn protocol(&self) -> &'static str {
        match self {
            Message::Kad(_) => kad::PROTOCOL,
            Message::Transfer(_) => transfer::PROTOCOL,
        }
    }
}

/// How many bytes `message` takes on the wire, with its frame and, for block exchange, the blocks themselves: what the simulator charges a link.
#[must_use]
pub fn wire_len(message: &Message) -> u64 {
    match message {
        Message::Kad(message) => kad::wire::wire_len(message) as u64,
        Message::Transfer(message) => transfer::wire::wire_len(message) as u64,
    }
}

/// The fields that messages of `protocol` have on the wire, if it is one of the stack's.
#[must_use]
pub fn wire_format(protocol: &str) -> Option<&'static Format> {
    match protocol {
        kad::PROTOCOL => Some(&kad::wire::FORMAT),
        transfer::PROTOCOL => Some(&transfer::wire::FORMAT),
        _ => None,
    }
}

/// A timer of any of the stack's protocols.
#[derive(Clone, Copy, Debug)]
pub enum Timer {
    /// Of Kademlia.
    Kad(kad::Timer),
    /// Of block exchange.
    Transfer(transfer::Timer),
}

impl Describe for Timer {
    fn name(&self) -> &'static str {
        match self {
            Timer::Kad(timer) => timer.name(),
            Timer::Transfer(timer) => timer.name(),
        }
    }

    fn fields(&self, fields: &mut Fields) {
        match self {
            Timer::Kad(timer) => timer.fields(fields),
            Timer::Transfer(timer) => timer.fields(fields),
        }
    }

    fn protocol(&self) -> &'static str {
        match self {
            Timer::Kad(_) => kad::PROTOCOL,
            Timer::Transfer(_) => transfer::PROTOCOL,
        }
    }
}
