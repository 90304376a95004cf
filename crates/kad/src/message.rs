//! What Kademlia peers say to each other.
//!
//! Five requests, in two families. FIND_NODE is the search itself; GET_VALUE and GET_PROVIDERS are searches that may find what they look for on
//! the way, so every answer carries the closer peers too:
//!
//! | request | answer | libp2p |
//! |---|---|---|
//! | FIND_NODE | NODES: up to k closer peers | 4 |
//! | GET_VALUE | VALUE: the record if held, and closer peers | 1 |
//! | GET_PROVIDERS | PROVIDERS: who has the content, and closer peers | 3 |
//! | PUT_VALUE | STORED (an echo), or REJECTED | 0 |
//! | ADD_PROVIDER | none | 2 |
//!
//! A peer in client mode, which serves nothing, rejects every request. On a libp2p wire a rejection is not a message: the stream is reset.
//!
//! Messages hold handles, not ids and addresses; [`crate::wire`] translates. They are small (tested below: at most 48 bytes) because a simulation
//! holds millions of them in flight, and moves each of them a dozen times. So what only a few of them carry is boxed.

use std::sync::Arc;

use peerglass_core::{Describe, Fields, Peer};

use crate::{Name, Target};

/// A message of the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A question.
    Request {
        /// The requester's own number for it, carried back by the answer.
        id: u64,
        /// What is asked.
        request: Request,
    },
    /// The answer to a question.
    Response {
        /// The number of the question.
        id: u64,
        /// What is answered.
        response: Response,
    },
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Who is closest to `target`?
    FindNode {
        /// What is looked for.
        target: Target,
    },
    /// What is stored under `key`, and who is closer to it?
    GetValue {
        /// The record's key.
        key: Name,
    },
    /// Store this record.
    PutValue {
        /// The record.
        record: Box<Record>,
    },
    /// Who provides the content `key`, and who is closer to it?
    GetProviders {
        /// The content's multihash.
        key: Name,
    },
    /// I provide the content `key`. There is no answer.
    AddProvider {
        /// The content's multihash.
        key: Name,
        /// The provider, who must be the sender.
        provider: Peer,
    },
}

impl Request {
    /// Whether the other side answers. ADD_PROVIDER has no answer on any libp2p network that matters (reference section 4).
    #[must_use]
    pub const fn is_answered(&self) -> bool {
        !matches!(self, Request::AddProvider { .. })
    }

    /// What the closest peers are to be named to, if it is a step of a lookup by a peer or a name.
    pub(crate) const fn target(&self) -> Option<&Target> {
        match self {
            Request::FindNode { target } => Some(target),
            _ => None,
        }
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// To FIND_NODE.
    Nodes {
        /// Up to k servers that are closest to the target, in no promised order.
        closer: Vec<Peer>,
    },
    /// To GET_VALUE.
    Value {
        /// The record, if it is held.
        record: Option<Box<Record>>,
        /// As in [`Response::Nodes`].
        closer: Vec<Peer>,
    },
    /// To PUT_VALUE: the record stands.
    Stored {
        /// The record, echoed.
        record: Box<Record>,
    },
    /// To GET_PROVIDERS.
    Providers {
        /// Who provides the content.
        providers: Box<Vec<Peer>>,
        /// As in [`Response::Nodes`].
        closer: Vec<Peer>,
    },
    /// The request is refused: an invalid or outdated record, or a request to a client. On a libp2p wire, a stream reset.
    Rejected,
}

impl Response {
    /// The closer peers that the answer carries.
    #[must_use]
    pub fn closer(&self) -> &[Peer] {
        match self {
            Response::Nodes { closer } | Response::Value { closer, .. } | Response::Providers { closer, .. } => closer,
            Response::Stored { .. } | Response::Rejected => &[],
        }
    }
}

/// A value under a key. When it was received is known to the receiver alone, so that no sender can extend a record's life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The record's key: a namespace and a path, `/pk/…`.
    pub key: Name,
    /// What is stored.
    pub value: Arc<[u8]>,
}

impl Describe for Message {
    fn name(&self) -> &'static str {
        match self {
            Message::Request { request, .. } => match request {
                Request::FindNode { .. } => "FIND_NODE",
                Request::GetValue { .. } => "GET_VALUE",
                Request::PutValue { .. } => "PUT_VALUE",
                Request::GetProviders { .. } => "GET_PROVIDERS",
                Request::AddProvider { .. } => "ADD_PROVIDER",
            },
            Message::Response { response, .. } => match response {
                Response::Nodes { .. } => "NODES",
                Response::Value { .. } => "VALUE",
                Response::Stored { .. } => "STORED",
                Response::Providers { .. } => "PROVIDERS",
                Response::Rejected => "REJECTED",
            },
        }
    }

    fn fields(&self, fields: &mut Fields) {
        match self {
            Message::Request { id, request } => {
                fields.add("id", *id);
                request.fields(fields);
            }
            Message::Response { id, response } => {
                fields.add("id", *id);
                response.fields(fields);
            }
        }
    }
}

impl Request {
    fn fields(&self, fields: &mut Fields) {
        match self {
            Request::FindNode { target } => fields.add("target", target),
            Request::GetValue { key } | Request::GetProviders { key } => fields.add("key", key),
            Request::PutValue { record } => record.fields(fields),
            Request::AddProvider { key, provider } => {
                fields.add("key", key);
                fields.add("provider", *provider);
            }
        }
    }
}

impl Response {
    fn fields(&self, fields: &mut Fields) {
        match self {
            Response::Value { record: Some(record), .. } | Response::Stored { record } => record.fields(fields),
            Response::Providers { providers, .. } => fields.add("providers", &providers[..]),
            Response::Nodes { .. } | Response::Value { record: None, .. } | Response::Rejected => {}
        }
        if !matches!(self, Response::Stored { .. } | Response::Rejected) {
            fields.add("closer", self.closer());
        }
    }
}

impl Record {
    fn fields(&self, fields: &mut Fields) {
        fields.add("key", &self.key);
        fields.add("value_bytes", self.value.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_at_most_48_bytes() {
        assert!(size_of::<Message>() <= 48, "{} bytes", size_of::<Message>());
    }

    #[test]
    fn the_names_of_messages_are_the_fields_own() {
        let request = Message::Request { id: 3, request: Request::FindNode { target: Target::Peer(Peer(9)) } };
        assert_eq!(request.name(), "FIND_NODE");
        assert_eq!(Fields::of(&request).get("target"), Some(Peer(9).into()));
        let response = Message::Response { id: 3, response: Response::Nodes { closer: vec![Peer(1)] } };
        assert_eq!((response.name(), Fields::of(&response).get("id")), ("NODES", Some(3u64.into())));
    }
}
