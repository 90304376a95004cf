//! [`Look`]: what a filter asks of a record, whoever holds it.

use std::borrow::Cow;

use peerglass_core::{Fields, Peer, Time, Value};

use crate::{Row, View};

/// A record that a filter can look at, without its being copied for that. A column is `None` where it has no meaning.
///
/// A filter asks for what it needs and no more: `operation`, `field` and `fields` may be as slow as they have to be.
pub trait Look {
    /// Its number.
    fn seq(&self) -> u64;
    /// When.
    fn time(&self) -> Time;
    /// Whose.
    fn peer(&self) -> Peer;
    /// The record that led to it.
    fn cause(&self) -> Option<u64>;
    /// What kind: one of [`What::NAMES`](crate::What::NAMES).
    fn kind(&self) -> &str;
    /// The other peer.
    fn other(&self) -> Option<Peer>;
    /// The protocol of the message, timer or step.
    fn protocol(&self) -> Option<&str>;
    /// The name of the message, command, event, timer, step or fault.
    fn name(&self) -> Option<&str>;
    /// A message's size on the wire.
    fn bytes(&self) -> Option<u64>;
    /// The reason or detail.
    fn why(&self) -> Option<&str>;
    /// The operation that a step belongs to, as `protocol#number`.
    fn operation(&self) -> Option<Cow<'_, str>>;
    /// The value of the field called `name`; of several, the first.
    fn field(&self, name: &str) -> Option<Cow<'_, Value>>;
    /// Shows all fields to `see`, one after the other, until it says that it has seen enough; whether it said so.
    fn fields(&self, see: &mut dyn FnMut(&str, &Value) -> bool) -> bool;
}

impl Look for View<'_> {
    fn seq(&self) -> u64 {
        self.seq
    }
    fn time(&self) -> Time {
        self.time
    }
    fn peer(&self) -> Peer {
        self.peer
    }
    fn cause(&self) -> Option<u64> {
        self.cause
    }
    fn kind(&self) -> &str {
        self.kind
    }
    fn other(&self) -> Option<Peer> {
        self.other
    }
    fn protocol(&self) -> Option<&str> {
        self.protocol
    }
    fn name(&self) -> Option<&str> {
        self.name
    }
    fn bytes(&self) -> Option<u64> {
        self.bytes
    }
    fn why(&self) -> Option<&str> {
        self.why
    }
    fn operation(&self) -> Option<Cow<'_, str>> {
        self.operation.map(|operation| operation.to_string().into())
    }
    fn field(&self, name: &str) -> Option<Cow<'_, Value>> {
        self.fields?.get(name).map(Cow::Owned)
    }
    fn fields(&self, see: &mut dyn FnMut(&str, &Value) -> bool) -> bool {
        self.fields.into_iter().flat_map(Fields::iter).any(|field| see(field.name, &field.value.to_value()))
    }
}

impl Look for Row {
    fn seq(&self) -> u64 {
        self.seq
    }
    fn time(&self) -> Time {
        self.time
    }
    fn peer(&self) -> Peer {
        self.peer
    }
    fn cause(&self) -> Option<u64> {
        self.cause
    }
    fn kind(&self) -> &str {
        &self.kind
    }
    fn other(&self) -> Option<Peer> {
        self.other
    }
    fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }
    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
    fn bytes(&self) -> Option<u64> {
        self.bytes
    }
    fn why(&self) -> Option<&str> {
        self.why.as_deref()
    }
    fn operation(&self) -> Option<Cow<'_, str>> {
        self.operation.as_deref().map(Cow::Borrowed)
    }
    fn field(&self, name: &str) -> Option<Cow<'_, Value>> {
        Row::field(self, name).map(Cow::Borrowed)
    }
    fn fields(&self, see: &mut dyn FnMut(&str, &Value) -> bool) -> bool {
        self.fields.iter().any(|(name, value)| see(name, value))
    }
}
