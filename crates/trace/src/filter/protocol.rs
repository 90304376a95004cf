//! Which protocol a record is of.
//!
//! A step says it: its operation is `kad#7`. Messages and timers have names of which no two protocols of Peerglass share one, so a table tells. Commands and events
//! stand between the application and the whole stack; they are of a protocol only when they name an operation of it. Everything else (peers and links that
//! come and go, faults) is of none.
//!
//! A test of the lab runs the real stack and asks of every message, timer and step that it has its protocol here.

use std::borrow::Cow;

use peerglass_core::Value;

use super::Look;

struct Protocol {
    name: &'static str,
    messages: &'static [&'static str],
    timers: &'static [&'static str],
}

const KNOWN: [Protocol; 2] = [
    Protocol {
        name: "kad",
        messages: &["FIND_NODE", "NODES", "GET_PROVIDERS", "PROVIDERS", "ADD_PROVIDER", "GET_VALUE", "VALUE", "PUT_VALUE", "STORED", "REJECTED"],
        timers: &["alarm", "refresh", "expire", "republish"],
    },
    Protocol {
        name: "transfer",
        messages: &["WANT_BLOCK", "WANT_HAVE", "BLOCK", "HAVE", "DONT_HAVE", "CANCEL", "WANTLIST"],
        timers: &["answer_late", "fetch_check", "flush"],
    },
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

/// The protocol of a record, if it is of one.
pub(super) fn of<L: Look + ?Sized>(row: &L) -> Option<Cow<'_, str>> {
    if let Some(operation) = row.operation() {
        return before_number(operation);
    }
    let name = row.name()?;
    let known =
        |names: fn(&Protocol) -> &[&str]| KNOWN.iter().find(|protocol| names(protocol).contains(&name)).map(|protocol| Cow::Borrowed(protocol.name));
    match row.kind() {
        "sent" | "received" | "dropped" => known(|protocol| protocol.messages),
        "timer" => known(|protocol| protocol.timers),
        "command" | "event" => match row.field("operation")? {
            Cow::Borrowed(Value::Text(operation)) => before_number(Cow::Borrowed(operation)),
            Cow::Owned(Value::Text(operation)) => before_number(Cow::Owned(operation)),
            _ => None,
        },
        _ => None,
    }
}

/// `kad` of `kad#7`.
fn before_number(operation: Cow<'_, str>) -> Option<Cow<'_, str>> {
    match operation {
        Cow::Borrowed(text) => text.split_once('#').map(|(protocol, _)| Cow::Borrowed(protocol)),
        Cow::Owned(text) => text.split_once('#').map(|(protocol, _)| Cow::Owned(protocol.to_owned())),
    }
}
