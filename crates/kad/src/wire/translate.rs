//! Between [`WireMessage`]s, which hold ids and addresses, and [`Message`]s, which hold handles.

use peerglass_core::Peer;
use peerglass_core::wire::{Directory, WireError, bytes_field_len, varint_len};
use thiserror::Error;

use super::body::{Kind, WireMessage, WirePeer, WireRecord};
use crate::message::{Message, Record, Request, Response};
use crate::{Name, Target};

/// Why a message that was decoded means nothing. The stream it came on is to be reset.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TranslateError {
    /// The bytes were malformed.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The key is empty or too long.
    #[error("the key has {0} bytes; 1 to 1024 are allowed")]
    Key(usize),
    /// A PUT_VALUE without a record under the message's key.
    #[error("PUT_VALUE must carry a record whose key is the message's")]
    Record,
    /// An ADD_PROVIDER that does not name its sender with an address.
    #[error("ADD_PROVIDER must name its sender, with at least one address")]
    Provider,
    /// A deprecated PING.
    #[error("PING is not part of this protocol any more; libp2p has /ipfs/ping/1.0.0")]
    Ping,
    /// An answer of another type than the request.
    #[error("the answer is of another type than the request")]
    Mismatch,
}

/// `message` with ids and addresses. `None` for [`Response::Rejected`], which is no message: the stream is reset.
///
/// Peers that the directory has no addresses for are left out, as in Go: nobody could reach them.
#[must_use]
pub fn to_wire(message: &Message, directory: &dyn Directory) -> Option<WireMessage> {
    let mut wire = match message {
        Message::Request { request, .. } => request_to_wire(request, directory),
        Message::Response { response, .. } => response_to_wire(response, directory)?,
    };
    wire.trim();
    Some(wire)
}

fn request_to_wire(request: &Request, directory: &dyn Directory) -> WireMessage {
    let bare = |kind, key: &[u8]| WireMessage { kind, key: key.to_vec(), ..WireMessage::default() };
    match request {
        Request::FindNode { target: Target::Peer(peer) } => bare(Kind::FindNode, directory.id(*peer)),
        Request::FindNode { target: Target::Name(name) } => bare(Kind::FindNode, name.bytes()),
        Request::GetValue { key } => bare(Kind::GetValue, key.bytes()),
        Request::PutValue { record } => stored(record),
        Request::GetProviders { key } => bare(Kind::GetProviders, key.bytes()),
        Request::AddProvider { key, provider } => {
            let provider = WirePeer { id: directory.id(*provider).to_vec(), addresses: directory.addresses(*provider) };
            WireMessage { providers: vec![provider], ..bare(Kind::AddProvider, key.bytes()) }
        }
    }
}

/// PUT_VALUE, and its echo.
fn stored(record: &Record) -> WireMessage {
    WireMessage { kind: Kind::PutValue, key: record.key.bytes().to_vec(), record: Some(record_to_wire(record)), ..WireMessage::default() }
}

fn record_to_wire(record: &Record) -> WireRecord {
    WireRecord { key: record.key.bytes().to_vec(), value: record.value.to_vec() }
}

fn response_to_wire(response: &Response, directory: &dyn Directory) -> Option<WireMessage> {
    let closer = || peers_to_wire(response.closer(), directory);
    Some(match response {
        Response::Nodes { .. } => WireMessage { kind: Kind::FindNode, closer: closer(), ..WireMessage::default() },
        Response::Value { record, .. } => WireMessage {
            kind: Kind::GetValue,
            key: record.as_ref().map_or(Vec::new(), |record| record.key.bytes().to_vec()),
            record: record.as_deref().map(record_to_wire),
            closer: closer(),
            providers: Vec::new(),
        },
        Response::Stored { record } => stored(record),
        Response::Providers { providers, .. } => {
            WireMessage { kind: Kind::GetProviders, closer: closer(), providers: peers_to_wire(providers, directory), ..WireMessage::default() }
        }
        Response::Rejected => return None,
    })
}

fn peers_to_wire(peers: &[Peer], directory: &dyn Directory) -> Vec<WirePeer> {
    let peers = peers.iter().map(|peer| WirePeer { id: directory.id(*peer).to_vec(), addresses: directory.addresses(*peer) });
    peers.filter(|peer| !peer.id.is_empty() && !peer.addresses.is_empty()).collect()
}

/// The request in `wire`, put by `from` (whom the transport has authenticated) and numbered `id` by the driver.
///
/// # Errors
/// When the message makes no sense as a request.
pub fn request_from_wire(wire: WireMessage, from: Peer, id: u64, directory: &mut dyn Directory) -> Result<Message, TranslateError> {
    let key = Name::new(&wire.key).ok_or(TranslateError::Key(wire.key.len()))?;
    let request = match wire.kind {
        // Not interned even when it is a peer id: strangers' searches must not fill the address book.
        Kind::FindNode => Request::FindNode { target: Target::Name(key) },
        Kind::GetValue => Request::GetValue { key },
        Kind::GetProviders => Request::GetProviders { key },
        Kind::PutValue => Request::PutValue { record: Box::new(record_from_wire(wire.record, &key).ok_or(TranslateError::Record)?) },
        Kind::AddProvider => Request::AddProvider { key, provider: sender_among(&wire.providers, from, directory)? },
        Kind::Ping => return Err(TranslateError::Ping),
    };
    Ok(Message::Request { id, request })
}

/// The answer in `wire` to `request`, which `from` was asked under the number `id`.
///
/// # Errors
/// When the message is no answer to that request.
pub fn response_from_wire(
    wire: WireMessage,
    request: &Request,
    _from: Peer,
    id: u64,
    directory: &mut dyn Directory,
) -> Result<Message, TranslateError> {
    let closer = peers_from_wire(&wire.closer, directory);
    let response = match (request, wire.kind) {
        (Request::FindNode { .. }, Kind::FindNode) => Response::Nodes { closer },
        (Request::GetValue { key }, Kind::GetValue) => Response::Value { record: record_from_wire(wire.record, key).map(Box::new), closer },
        (Request::GetProviders { .. }, Kind::GetProviders) => {
            Response::Providers { providers: Box::new(peers_from_wire(&wire.providers, directory)), closer }
        }
        // A refusal may be an answer without our key and record (Python).
        (Request::PutValue { record }, Kind::PutValue) => match record_from_wire(wire.record, &record.key) {
            Some(echo) if wire.key == record.key.bytes() => Response::Stored { record: Box::new(echo) },
            _ => Response::Rejected,
        },
        _ => return Err(TranslateError::Mismatch),
    };
    Ok(Message::Response { id, response })
}

/// The record, if it is under `key`.
fn record_from_wire(record: Option<WireRecord>, key: &Name) -> Option<Record> {
    let record = record.filter(|record| record.key == key.bytes())?;
    Some(Record { key: key.clone(), value: record.value.into() })
}

/// The sender, if it names itself with an address. Whom else it names does not count.
fn sender_among(providers: &[WirePeer], from: Peer, directory: &mut dyn Directory) -> Result<Peer, TranslateError> {
    let own = providers.iter().find(|peer| !peer.addresses.is_empty() && !peer.id.is_empty() && peer.id == directory.id(from));
    own.and_then(|peer| intern(peer, directory)).filter(|peer| *peer == from).ok_or(TranslateError::Provider)
}

fn peers_from_wire(peers: &[WirePeer], directory: &mut dyn Directory) -> Vec<Peer> {
    peers.iter().filter_map(|peer| intern(peer, directory)).collect()
}

fn intern(peer: &WirePeer, directory: &mut dyn Directory) -> Option<Peer> {
    let addresses: Vec<&[u8]> = peer.addresses.iter().map(Vec::as_slice).collect();
    directory.intern(&peer.id, &addresses)
}

/// A peer id of an Ed25519 key, and one address: IPv4 and TCP.
const ID_LEN: usize = 38;
const PEER_LEN: usize = bytes_field_len(1, ID_LEN) + bytes_field_len(2, 8);

/// How long the frame of `message` is, counting each peer as a 38-byte id with one 8-byte address: what a simulator charges. A rejection, which is a
/// reset of the stream, counts as eight bytes.
#[must_use]
pub fn wire_len(message: &Message) -> usize {
    let body = match message {
        Message::Request { request, .. } => request_len(request),
        Message::Response { response, .. } => match response {
            Response::Rejected => return 8,
            response => response_len(response),
        },
    };
    varint_len(body as u64) + body
}

const KIND_LEN: usize = 2;

fn request_len(request: &Request) -> usize {
    match request {
        Request::FindNode { target: Target::Peer(_) } => KIND_LEN + bytes_field_len(2, ID_LEN),
        Request::FindNode { target: Target::Name(name) } => KIND_LEN + bytes_field_len(2, name.bytes().len()),
        Request::GetValue { key } | Request::GetProviders { key } => KIND_LEN + bytes_field_len(2, key.bytes().len()),
        Request::PutValue { record } => bytes_field_len(2, record.key.bytes().len()) + record_len(record),
        Request::AddProvider { key, .. } => KIND_LEN + bytes_field_len(2, key.bytes().len()) + bytes_field_len(9, PEER_LEN),
    }
}

fn record_len(record: &Record) -> usize {
    let value = if record.value.is_empty() { 0 } else { bytes_field_len(2, record.value.len()) };
    bytes_field_len(3, bytes_field_len(1, record.key.bytes().len()) + value)
}

fn response_len(response: &Response) -> usize {
    let closer = response.closer().len() * bytes_field_len(8, PEER_LEN);
    match response {
        Response::Nodes { .. } => KIND_LEN + closer,
        Response::Value { record: None, .. } => KIND_LEN + closer,
        Response::Value { record: Some(record), .. } => KIND_LEN + bytes_field_len(2, record.key.bytes().len()) + record_len(record) + closer,
        Response::Providers { providers, .. } => KIND_LEN + providers.len() * bytes_field_len(9, PEER_LEN) + closer,
        Response::Stored { record } => bytes_field_len(2, record.key.bytes().len()) + record_len(record),
        Response::Rejected => 0,
    }
}
