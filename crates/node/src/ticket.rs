//! [`Ticket`]: everything needed to fetch something from somebody, as one word to paste.
//!
//! A CID alone needs the DHT to find who has the content; a ticket also says whom to ask and where. No standard text form holds all three, so this
//! one is our own:
//!
//! ```text
//!   pg1 ‖ base32( body ‖ first 4 bytes of SHA2-256(body) )        lower case, no padding
//!   body = protobuf { 1: CID, 2: peer id, 3: multiaddr, repeated }, all in their binary forms
//! ```
//!
//! Parsing is strict: one text for one ticket. The checksum catches a word that lost a letter in a chat window.

use std::fmt;
use std::str::FromStr;

use libp2p::{Multiaddr, PeerId};
use peerglass_core::Key;
use peerglass_core::wire::{FieldReader, put_bytes_field};
use peerglass_store::{Cid, cid_from_bytes};
use thiserror::Error;

/// What every ticket begins with.
pub const PREFIX: &str = "pg1";
const CHECKSUM: usize = 4;
/// Addresses in a ticket at most.
pub const MAX_ADDRESSES: usize = 16;
/// The longest text taken for a ticket.
const LONGEST: usize = 8192;
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Content, and a peer that has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The root of the content.
    pub cid: Cid,
    /// Who has it.
    pub peer: PeerId,
    /// Where that peer can be reached, best first, without `/p2p` suffixes.
    pub addresses: Vec<Multiaddr>,
}

/// Why a text is not a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TicketError {
    /// It does not begin as tickets do.
    #[error("a ticket begins with `pg1`: paste the whole word that `share` printed")]
    Prefix,
    /// It is longer than any ticket.
    #[error("the ticket is longer than any ticket can be: paste only the word that `share` printed")]
    TooLong,
    /// A character that tickets do not have.
    #[error("the ticket has a character that no ticket has, at position {0}: copy it again")]
    Character(usize),
    /// The checksum is wrong.
    #[error("the ticket is damaged or cut short: copy it again")]
    Checksum,
    /// It was made by other software, or on purpose.
    #[error("the ticket is intact but its content is not understood ({0}): it may come from a newer version")]
    Content(&'static str),
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::new();
        put_bytes_field(&mut bytes, 1, &self.cid.to_bytes());
        put_bytes_field(&mut bytes, 2, &self.peer.to_bytes());
        for address in self.addresses.iter().take(MAX_ADDRESSES) {
            put_bytes_field(&mut bytes, 3, &address.to_vec());
        }
        let sum = checksum(&bytes);
        bytes.extend(sum);
        f.write_str(PREFIX)?;
        f.write_str(&base32(&bytes))
    }
}

impl FromStr for Ticket {
    type Err = TicketError;

    fn from_str(text: &str) -> Result<Self, TicketError> {
        let body = text.strip_prefix(PREFIX).ok_or(TicketError::Prefix)?;
        if text.len() > LONGEST {
            return Err(TicketError::TooLong);
        }
        let bytes = from_base32(body)?;
        let (body, sum) = bytes.split_last_chunk::<CHECKSUM>().ok_or(TicketError::Checksum)?;
        if checksum(body) != *sum {
            return Err(TicketError::Checksum);
        }
        let ticket = decode(body)?;
        // One text for one ticket: fields in another order or numbers in a longer form are somebody's tampering.
        if ticket.to_string() == text { Ok(ticket) } else { Err(TicketError::Content("another form than tickets are written in")) }
    }
}

fn decode(body: &[u8]) -> Result<Ticket, TicketError> {
    let mut reader = FieldReader::new(body);
    let (mut cid, mut peer, mut addresses) = (None, None, Vec::new());
    while let Some((number, value)) = reader.next().map_err(|_| TicketError::Content("malformed fields"))? {
        let bytes = value.bytes().map_err(|_| TicketError::Content("a field of another type"))?;
        match number {
            1 if cid.is_none() => cid = Some(cid_from_bytes(bytes).map_err(|_| TicketError::Content("an invalid CID"))?),
            2 if peer.is_none() => peer = Some(PeerId::from_bytes(bytes).map_err(|_| TicketError::Content("an invalid peer id"))?),
            3 if addresses.len() < MAX_ADDRESSES => {
                addresses.push(Multiaddr::try_from(bytes.to_vec()).map_err(|_| TicketError::Content("an invalid address"))?);
            }
            _ => return Err(TicketError::Content("an unknown or repeated field")),
        }
    }
    let cid = cid.ok_or(TicketError::Content("no CID"))?;
    let peer = peer.ok_or(TicketError::Content("no peer"))?;
    Ok(Ticket { cid, peer, addresses })
}

fn checksum(body: &[u8]) -> [u8; CHECKSUM] {
    let [a, b, c, d, ..] = Key::of(body).to_bytes();
    [a, b, c, d]
}

/// RFC 4648 base32 in lower case, without padding.
fn base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let (mut bits, mut held) = (0u32, 0);
    for byte in bytes {
        bits = bits << 8 | u32::from(*byte);
        held += 8;
        while held >= 5 {
            held -= 5;
            text.push(char::from(ALPHABET[(bits >> held & 31) as usize]));
        }
    }
    if held > 0 {
        text.push(char::from(ALPHABET[(bits << (5 - held) & 31) as usize]));
    }
    text
}

fn from_base32(text: &str) -> Result<Vec<u8>, TicketError> {
    let mut bytes = Vec::with_capacity(text.len() * 5 / 8);
    let (mut bits, mut held) = (0u32, 0);
    for (i, letter) in text.bytes().enumerate() {
        let value = match letter {
            b'a'..=b'z' => letter - b'a',
            b'2'..=b'7' => letter - b'2' + 26,
            _ => return Err(TicketError::Character(PREFIX.len() + i + 1)),
        };
        bits = bits << 5 | u32::from(value);
        held += 5;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    // What is left over must be fewer bits than a letter, all zero: otherwise two texts would mean one ticket.
    if held >= 5 || bits & ((1 << held) - 1) != 0 {
        return Err(TicketError::Checksum);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ticket(seed: [u8; 32], ports: &[u16]) -> Ticket {
        let key = libp2p::identity::Keypair::ed25519_from_bytes(seed).unwrap();
        let cid = "bafkr4ig4ljhnxasawambeqcsymycobuw7ftxdjr3iusquxax2maa5artku".parse().unwrap();
        let addresses = ports.iter().map(|port| format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap()).collect();
        Ticket { cid, peer: key.public().to_peer_id(), addresses }
    }

    #[test]
    fn the_text_form_does_not_change_between_versions() {
        let text = ticket([7; 32], &[4001]).to_string();
        assert_eq!(text, GOLDEN);
        assert_eq!(text.parse(), Ok(ticket([7; 32], &[4001])));
    }

    const GOLDEN: &str = "pg1bisacvi6edofutw3qjalagasibjmgmbha2lpsz3ruy5ukjiklql5gaaoqizvkergaasaqaisedveu3dd4kofecv66vihwezoyx4zkr3wv27l464siipou2iui3jcygqiar7qaaabayh2cmbyi6pq";

    #[test]
    fn mistakes_of_people_get_an_answer_that_fits() {
        let text = ticket([1; 32], &[1]).to_string();
        assert_eq!("bafkqaaa".parse::<Ticket>(), Err(TicketError::Prefix));
        assert_eq!(text[..text.len() - 1].parse::<Ticket>(), Err(TicketError::Checksum));
        assert_eq!("pg1".parse::<Ticket>(), Err(TicketError::Checksum));
        assert_eq!(text.to_uppercase().replacen("PG1", "pg1", 1).parse::<Ticket>(), Err(TicketError::Character(4)));
        assert_eq!(format!("pg1{}", "a".repeat(10_000)).parse::<Ticket>(), Err(TicketError::TooLong));
    }

    proptest! {
        #[test]
        fn tickets_round_trip(seed: [u8; 32], ports in proptest::collection::vec(1u16.., 0..MAX_ADDRESSES)) {
            let ticket = ticket(seed, &ports);
            prop_assert_eq!(ticket.to_string().parse(), Ok(ticket));
        }

        #[test]
        fn base32_is_one_to_one(bytes: Vec<u8>) {
            prop_assert_eq!(from_base32(&base32(&bytes)), Ok(bytes));
        }

        #[test]
        fn a_changed_letter_is_noticed(seed: [u8; 32], at in 3usize..100, letter in 0usize..32) {
            let text = ticket(seed, &[4001]).to_string();
            let mut changed = text.clone().into_bytes();
            changed[at] = ALPHABET[letter];
            let changed = String::from_utf8(changed).unwrap();
            prop_assert_eq!(changed.parse::<Ticket>().is_ok(), changed == text);
        }

        #[test]
        fn any_text_parses_or_fails_without_panic(text in "pg1[a-z2-7]{0,200}") {
            let _ = text.parse::<Ticket>();
        }
    }
}
