//! A message's contents as one number, to tell whether two messages say the same without keeping either.
//!
//! FNV-1a over the type, the names and the shown values of the fields. It is not keyed: who builds two messages with the same number can make one look like a
//! repetition of the other in a report, and nothing else.

use core::fmt::{self, Write as _};

use peerglass_core::Value;

use crate::Row;

/// The number of a message that a protocol gives to tell its answers apart. The same question asked again has another.
const NUMBER: &str = "id";

/// What of a message counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peers {
    /// Peers have the same handles wherever the message is seen.
    Same,
    /// The message is seen at two nodes, which have handles of their own for the same peers.
    Apart,
    /// The same, and what one node knows as a peer the other may know as a key only.
    ApartOrKeys,
}

/// The type and the contents of `row` but for its number; `None` when contents were not recorded.
pub(crate) fn contents(row: &Row, peers: Peers) -> Option<u64> {
    (!row.fields.is_empty()).then(|| wording(row, peers))
}

/// The number that the protocol gave the message.
pub(crate) fn number(row: &Row) -> Option<u64> {
    if let Some(Value::Number(number)) = row.field(NUMBER) { Some(*number) } else { None }
}

/// The type of `row`.
pub(crate) fn type_of(row: &Row) -> u64 {
    let mut hash = Fnv::NEW;
    // Writing to a hash cannot fail.
    let _ = write!(hash, "{} {}", row.protocol.as_deref().unwrap_or_default(), row.name.as_deref().unwrap_or_default());
    hash.0
}

/// The type and the contents of `row` but for its number, as far as they were recorded.
pub(crate) fn wording(row: &Row, peers: Peers) -> u64 {
    let mut hash = Fnv(type_of(row));
    for (name, value) in row.fields.iter().filter(|(name, _)| name != NUMBER) {
        let _ = write!(hash, "\u{2}{name}");
        put(&mut hash, value, peers);
    }
    hash.0
}

fn put(hash: &mut Fnv, value: &Value, peers: Peers) {
    let _ = match (value, peers) {
        (Value::Key(_), Peers::ApartOrKeys) | (Value::Peer(_), Peers::Apart | Peers::ApartOrKeys) => hash.write_str("\u{1}peer"),
        // A node may have no handle for some of the peers that a message names, so lists of peers differ in length too.
        (Value::List(list), Peers::Apart | Peers::ApartOrKeys) if matches!(list.first(), None | Some(Value::Peer(_))) => hash.write_str("\u{1}peers"),
        (Value::List(list), _) => {
            let _ = hash.write_str("\u{1}[");
            list.iter().for_each(|element| put(hash, element, peers));
            hash.write_str("\u{1}]")
        }
        _ => write!(hash, "\u{1}{value}\u{2}"),
    };
}

struct Fnv(u64);

impl Fnv {
    const NEW: Fnv = Fnv(0xcbf2_9ce4_8422_2325);
}

impl fmt::Write for Fnv {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = text.bytes().fold(self.0, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::told::Told;
    use peerglass_core::{Key, Peer};

    fn of(fields: &[(&str, Value)], peers: Peers) -> Option<u64> {
        let mut told = Told::new();
        told.sent(0, None, (1, 2), "FIND_NODE");
        let mut row = told.rows.remove(0);
        row.fields = fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        contents(&row, peers)
    }

    #[test]
    fn the_same_question_with_another_number_is_the_same_question() {
        let (one, two) = (("id", Value::Number(1)), ("id", Value::Number(2)));
        let (a, b) = (("target", Value::Text("a".to_owned())), ("target", Value::Text("b".to_owned())));
        assert_eq!(of(&[one.clone(), a.clone()], Peers::Same), of(&[two, a.clone()], Peers::Same));
        assert_ne!(of(&[one.clone(), a], Peers::Same), of(&[one, b], Peers::Same));
        assert_eq!(of(&[], Peers::Same), None, "nothing was recorded");
    }

    #[test]
    fn handles_count_only_where_they_mean_the_same() {
        let peers = |handles: &[u32]| ("peers", Value::List(handles.iter().map(|handle| Value::Peer(Peer(*handle))).collect()));
        assert_eq!(of(&[peers(&[1, 2])], Peers::Apart), of(&[peers(&[7])], Peers::Apart));
        assert_ne!(of(&[peers(&[1, 2])], Peers::Same), of(&[peers(&[1, 3])], Peers::Same));
        let (peer, key) = (("target", Value::Peer(Peer(1))), ("target", Value::Key(Key::from_bytes([7; 32]))));
        assert_ne!(of(std::slice::from_ref(&peer), Peers::Apart), of(std::slice::from_ref(&key), Peers::Apart));
        assert_eq!(of(&[peer], Peers::ApartOrKeys), of(&[key], Peers::ApartOrKeys));
    }
}
