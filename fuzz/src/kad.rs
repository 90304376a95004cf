//! Kademlia's messages, from bytes to handles.

use peerglass_core::Peer;
use peerglass_core::wire::Directory;
use peerglass_kad::message::{Message, Request};
use peerglass_kad::wire::{FORMAT, WireMessage, request_from_wire, response_from_wire, to_wire};
use peerglass_kad::{Name, Target};

/// The body of a frame: decoded, taken as a request and as the answer to each request, and written again.
pub(crate) fn message(bytes: &[u8]) {
    crate::core::laid_out(bytes, &FORMAT);
    let Ok(wire) = WireMessage::decode(bytes) else { return };
    let mut again = Vec::new();
    wire.encode(&mut again);
    assert_eq!(again.len(), wire.encoded_len());
    assert_eq!(WireMessage::decode(&again).as_ref(), Ok(&wire));

    let mut book = Book::default();
    let stranger = book.intern(b"the sender", &[b"somewhere"]).unwrap_or(Peer(0));
    if let Ok(request) = request_from_wire(wire.clone(), stranger, 7, &mut book) {
        answered(&wire, &request, stranger, &mut book);
        // What is sent on is a message again.
        let sent = to_wire(&request, &book).map(|wire| request_from_wire(wire, stranger, 7, &mut book));
        assert_eq!(sent, Some(Ok(request)));
    }
    let target = Target::Peer(stranger);
    let _ = response_from_wire(wire, &Request::FindNode { target }, stranger, 7, &mut book);
}

/// Takes `wire` as the answer to the request that it also is, and to one that looks for its key.
fn answered(wire: &WireMessage, request: &Message, from: Peer, book: &mut Book) {
    if let Message::Request { request, .. } = request {
        let _ = response_from_wire(wire.clone(), request, from, 7, book);
    }
    if let Some(key) = Name::new(&wire.key) {
        let _ = response_from_wire(wire.clone(), &Request::GetProviders { key }, from, 7, book);
    }
}

/// An address book that is soon full.
#[derive(Default)]
struct Book {
    rows: Vec<(Vec<u8>, Vec<Vec<u8>>)>,
}

impl Directory for Book {
    fn intern(&mut self, id: &[u8], addresses: &[&[u8]]) -> Option<Peer> {
        let known = self.rows.iter().position(|(known, _)| known == id);
        if known.is_none() && (id.is_empty() || self.rows.len() >= 16) {
            return None;
        }
        let row = known.unwrap_or_else(|| {
            self.rows.push((id.to_vec(), addresses.iter().map(|address| address.to_vec()).collect()));
            self.rows.len() - 1
        });
        u32::try_from(row).ok().map(Peer)
    }

    fn id(&self, peer: Peer) -> &[u8] {
        self.rows.get(peer.0 as usize).map_or(&[], |(id, _)| id)
    }

    fn addresses(&self, peer: Peer) -> Vec<Vec<u8>> {
        self.rows.get(peer.0 as usize).map_or_else(Vec::new, |(_, addresses)| addresses.clone())
    }
}
