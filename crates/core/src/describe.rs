//! How messages, commands, events and steps tell what they hold, so that every record can be read, filtered and exported without knowing the
//! protocol that made it.
//!
//! A thing has a name in the field's own words (`FIND_NODE`, `WANT`) and named, typed fields. Both are only asked for when somebody records.

use core::fmt;

use crate::Peer;
use crate::value::{Encoded, ToValue, Value, ValueRef};

/// Tells what a message, command, event or timer is and holds.
pub trait Describe {
    /// Its name in the field's words. A small fixed set per protocol: statistics are counted by it.
    fn name(&self) -> &'static str;

    /// Adds its fields, in a fixed order.
    fn fields(&self, _fields: &mut Fields) {}

    /// The protocol it belongs to, as in [`Operation`](crate::Operation): `kad`. Empty where there is only one.
    fn protocol(&self) -> &'static str {
        ""
    }
}

impl Describe for () {
    fn name(&self) -> &'static str {
        "-"
    }
}

/// A list of named values, in a fixed order.
///
/// The values stand one after the other in one run of bytes, so that a driver that records a million messages a second can fill the same `Fields` again and again
/// without asking for memory ([`Fields::clear`]), and a recorder can keep them with one copy.
#[derive(Clone, Default, PartialEq)]
pub struct Fields {
    /// Names, and where the value of each ends.
    names: Vec<(&'static str, u32)>,
    values: Encoded,
}

/// A named value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Field<'a> {
    /// Its name, in snake case.
    pub name: &'static str,
    /// What it holds.
    pub value: ValueRef<'a>,
}

impl Fields {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The fields of `thing`.
    #[must_use]
    pub fn of(thing: &impl Describe) -> Self {
        let mut fields = Self::new();
        thing.fields(&mut fields);
        fields
    }

    /// Adds one. Values whose fields together would be longer than 4 GiB are left out.
    pub fn add(&mut self, name: &'static str, value: impl ToValue) {
        if self.names.capacity() == 0 {
            // As much as most things tell.
            self.names.reserve(6);
            self.values.reserve(192);
        }
        let before = self.values.len();
        value.encode(&mut self.values);
        match u32::try_from(self.values.len()) {
            Ok(end) => self.names.push((name, end)),
            Err(_) => self.values.truncate(before),
        }
    }

    /// The value of the field called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Value> {
        self.iter().find(|field| field.name == name).map(|field| field.value.to_value())
    }

    /// The peer in the field called `peer`: whom it is about.
    #[must_use]
    pub fn peer(&self) -> Option<Peer> {
        let field = self.iter().find(|field| field.name == "peer")?;
        if let ValueRef::Peer(peer) = field.value { Some(peer) } else { None }
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = Field<'_>> {
        let starts = core::iter::once(0).chain(self.names.iter().map(|(_, end)| *end as usize));
        self.names.iter().zip(starts).filter_map(|((name, end), start)| Some(Field { name, value: self.values.slice(start, *end as usize)? }))
    }

    /// Names, each with where the bytes of its value end, for a recorder that keeps [`Fields::values`] as they are.
    #[must_use]
    pub fn names(&self) -> &[(&'static str, u32)] {
        &self.names
    }

    /// The values as bytes, to be read with [`ValueRef::take`].
    #[must_use]
    pub fn values(&self) -> &[u8] {
        self.values.bytes()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Takes all out and keeps the memory.
    pub fn clear(&mut self) {
        self.names.clear();
        self.values.truncate(0);
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|field| (field.name, field.value.to_value()))).finish()
    }
}

/// One step of an algorithm: what it just decided or learnt, in the field's words.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What happened: `query`, `answer`, `split`, `evict`, `done`.
    pub name: &'static str,
    /// The state and the reason behind it.
    pub fields: Fields,
}

impl Step {
    /// A step without fields yet.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self { name, fields: Fields::new() }
    }

    /// The step with this name.
    #[must_use]
    pub fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// The step with one more field.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl ToValue) -> Self {
        self.fields.add(name, value);
        self
    }
}
