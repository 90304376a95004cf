//! [`Identities`]: who the peers of a real node's run are.
//!
//! A node writes handles, small numbers of its own, in which 0 is itself. Who they stand for is told in two kinds of records:
//!
//! ```text
//!   event    identity  id=12D3KooWA…                                     whose run it is
//!   link_up  p0 - p7   dialled /ip4/192.0.2.7/udp/4001/quic-v1 of 12D3KooWB…    who p7 is
//! ```
//!
//! What stands after the last ` of ` is the id: it has no spaces. Where there is none, an address that ends in `/p2p/` and an id tells it too.

use std::collections::BTreeMap;

use peerglass_core::{Peer, Value};

use crate::Row;

/// The longest id that is believed. A peer id has about fifty characters.
const LONGEST: usize = 128;

/// Who the handles of a run stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identities {
    ids: BTreeMap<Peer, String>,
}

impl Identities {
    /// The node itself.
    pub const ME: Peer = Peer(0);

    /// Looks at a record.
    pub fn add(&mut self, row: &Row) {
        match (&*row.kind, row.other) {
            ("event", _) if row.name.as_deref() == Some("identity") => {
                if let Some(Value::Text(id)) = row.field("id") {
                    self.tell(row.peer, id);
                }
            }
            ("link_up", Some(peer)) => {
                if let Some(id) = row.why.as_deref().and_then(id_in) {
                    self.tell(peer, id);
                }
            }
            _ => {}
        }
    }

    /// `peer` is the one with this id.
    pub fn tell(&mut self, peer: Peer, id: &str) {
        if id.len() <= LONGEST {
            self.ids.insert(peer, id.to_owned());
        }
    }

    /// The id of `peer`.
    #[must_use]
    pub fn id(&self, peer: Peer) -> Option<&str> {
        self.ids.get(&peer).map(String::as_str)
    }
}

/// The id in the detail of a `link_up` record.
fn id_in(detail: &str) -> Option<&str> {
    let after = |mark| detail.rsplit_once(mark).map(|(_, id)| id);
    after(" of ").or_else(|| after("/p2p/")).filter(|id| !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::told::Told;

    #[test]
    fn a_run_tells_whose_it_is_and_who_its_peers_are() {
        let (mut told, mut identities) = (Told::new(), Identities::default());
        told.note("event", 0, None, (0, None), Some("identity"));
        told.with("id", "12D3KooWA");
        for (peer, detail) in [
            (7, "dialled /ip4/192.0.2.7/tcp/1 of 12D3KooWB"),
            (8, "accepted /ip4/192.0.2.8/tcp/1"),
            (9, "dialled /ip4/192.0.2.9/tcp/1/p2p/12D3KooWC"),
        ] {
            told.note("link_up", 1, None, (0, Some(peer)), None);
            told.rows.last_mut().expect("just told").why = Some(detail.to_owned());
        }
        told.rows.iter().for_each(|row| identities.add(row));
        let ids = [0, 7, 8, 9].map(|peer| identities.id(Peer(peer)));
        assert_eq!(ids, [Some("12D3KooWA"), Some("12D3KooWB"), None, Some("12D3KooWC")]);
    }

    #[test]
    fn what_is_no_id_is_not_believed() {
        for detail in ["", "dialled", "accepted /ip4/192.0.2.1/tcp/1/p2p/", "dialled x of a b", "/p2p/12D3/p2p-circuit"] {
            assert_eq!(id_in(detail), None, "{detail}");
        }
    }
}
