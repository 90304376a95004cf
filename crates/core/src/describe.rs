//! How messages, commands, events and steps tell what they hold, so that every record can be read, filtered and exported without knowing the
//! protocol that made it.
//!
//! A thing has a name in the field's own words (`FIND_NODE`, `WANT`) and named, typed fields. Both are only asked for when somebody records.

use core::fmt;
use core::time::Duration;

use crate::{Key, Operation, Peer, Time};

/// Tells what a message, command, event or timer is and holds.
pub trait Describe {
    /// Its name in the field's words. A small fixed set per protocol: statistics are counted by it.
    fn name(&self) -> &'static str;

    /// Adds its fields, in a fixed order.
    fn fields(&self, _fields: &mut Fields) {}
}

impl Describe for () {
    fn name(&self) -> &'static str {
        "-"
    }
}

/// A named value.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Its name, in snake case.
    pub name: &'static str,
    /// What it holds.
    pub value: Value,
}

/// A list of named values, in a fixed order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields(Vec<Field>);

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

    /// Adds one.
    pub fn add(&mut self, name: &'static str, value: impl Into<Value>) {
        self.0.push(Field { name, value: value.into() });
    }

    /// The value of the field called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|field| field.name == name).map(|field| &field.value)
    }

    /// All of them, in order.
    pub fn iter(&self) -> core::slice::Iter<'_, Field> {
        self.0.iter()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> IntoIterator for &'a Fields {
    type Item = &'a Field;
    type IntoIter = core::slice::Iter<'a, Field>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
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

    /// The step with one more field.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.fields.add(name, value);
        self
    }
}

/// A typed value in a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Yes or no.
    Bool(bool),
    /// A count, a size, an id.
    Number(u64),
    /// A measure.
    Real(f64),
    /// A word of a fixed set, or free text.
    Text(String),
    /// Opaque bytes, shown in hexadecimal.
    Bytes(Vec<u8>),
    /// A point of the key space.
    Key(Key),
    /// A peer.
    Peer(Peer),
    /// An instant.
    Time(Time),
    /// A length of time.
    Duration(Duration),
    /// Several.
    List(Vec<Value>),
}

macro_rules! value_from {
    ($($from:ty => $make:expr),* $(,)?) => {
        $(impl From<$from> for Value { fn from(v: $from) -> Self { #[allow(clippy::redundant_closure_call)] ($make)(v) } })*
    };
}

value_from! {
    bool => Value::Bool,
    u8 => |v| Value::Number(u64::from(v)),
    u32 => |v| Value::Number(u64::from(v)),
    u64 => Value::Number,
    usize => |v| Value::Number(v as u64),
    f64 => Value::Real,
    &str => |v: &str| Value::Text(v.to_owned()),
    String => Value::Text,
    &[u8] => |v: &[u8]| Value::Bytes(v.to_vec()),
    Vec<u8> => Value::Bytes,
    Key => Value::Key,
    Peer => Value::Peer,
    Time => Value::Time,
    Duration => Value::Duration,
    Operation => |v: Operation| Value::Text(v.to_string()),
    &[Peer] => |v: &[Peer]| Value::List(v.iter().copied().map(Value::Peer).collect()),
    Vec<Value> => Value::List,
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Bool(v) => write!(f, "{v}"),
            Value::Number(v) => write!(f, "{v}"),
            Value::Real(v) => write!(f, "{v}"),
            Value::Text(v) => f.write_str(v),
            Value::Bytes(v) => v.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
            Value::Key(v) => write!(f, "{v}"),
            Value::Peer(v) => write!(f, "{v}"),
            Value::Time(v) => write!(f, "{v}"),
            Value::Duration(v) => write!(f, "{v:?}"),
            Value::List(v) => {
                f.write_str("[")?;
                for (i, value) in v.iter().enumerate() {
                    write!(f, "{}{value}", if i > 0 { " " } else { "" })?;
                }
                f.write_str("]")
            }
        }
    }
}
