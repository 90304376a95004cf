//! The protocols of Peerglass, so that a word that is none is answered when a filter is read.
//!
//! Records tell their protocol themselves. A test of the lab runs the real stack and asks of every message, timer and step that it tells one, and that it
//! stands here.

struct Protocol {
    name: &'static str,
    messages: &'static [&'static str],
}

const KNOWN: [Protocol; 2] = [
    Protocol {
        name: "kad",
        messages: &["FIND_NODE", "NODES", "GET_PROVIDERS", "PROVIDERS", "ADD_PROVIDER", "GET_VALUE", "VALUE", "PUT_VALUE", "STORED", "REJECTED"],
    },
    Protocol { name: "transfer", messages: &["WANT_BLOCK", "WANT_HAVE", "BLOCK", "HAVE", "DONT_HAVE", "CANCEL", "WANTLIST"] },
];

/// The names of the protocols that Peerglass has.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().map(|protocol| protocol.name)
}

/// Whether Peerglass has the protocol called `name`.
pub(super) fn is_known(name: &str) -> bool {
    names().any(|known| known == name)
}

/// The names of all messages.
pub(super) fn messages() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().flat_map(|protocol| protocol.messages.iter().copied())
}
