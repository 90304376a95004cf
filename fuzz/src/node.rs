//! Tickets.

use std::fmt::Write;

use peerglass_node::ticket::Ticket;
use sha2::{Digest, Sha256};

/// A ticket: the input as the text itself, and as the body under a checksum that is right, which no mutation would ever guess.
pub(crate) fn ticket(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        parsed(text);
    }
    let sum = Sha256::digest(bytes);
    parsed(&format!("pg1{}", base32(&[bytes, &sum[..4]].concat())));
}

/// One ticket has one text.
fn parsed(text: &str) {
    if let Ok(ticket) = text.parse::<Ticket>() {
        assert_eq!(ticket.to_string(), text);
    }
}

/// RFC 4648, lower case, without padding.
fn base32(bytes: &[u8]) -> String {
    let mut bits = String::new();
    bytes.iter().for_each(|byte| write!(bits, "{byte:08b}").unwrap_or_default());
    let letters =
        bits.as_bytes().chunks(5).map(|chunk| chunk.iter().chain(b"0000").take(5).fold(0, |index, bit| index << 1 | usize::from(bit - b'0')));
    letters.map(|index| char::from(b"abcdefghijklmnopqrstuvwxyz234567"[index])).collect()
}
