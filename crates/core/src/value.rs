//! [`Value`]: what a field of a record holds, and its form as bytes.
//!
//! A value is told once and read rarely, at the rate of a simulation that is recorded. So it is told straight into a run of bytes ([`Encoded`]), without a
//! `Value` in between, and read from there without copying ([`ValueRef`]):
//!
//! ```text
//!   Peer(7)  ──ToValue::encode──▶  [6, 7, 0, 0, 0]  ──ValueRef::take──▶  ValueRef::Peer(Peer(7))  ──to_value──▶  Value::Peer(Peer(7))
//! ```
//!
//! One byte says the type, what follows is little-endian; texts, bytes and lists begin with their length in four bytes. The form lives in memory only: files have
//! forms of their own.

use core::fmt;
use core::time::Duration;

use crate::{Key, Operation, Peer, Time};

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

/// The same, lent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ValueRef<'a> {
    /// Yes or no.
    Bool(bool),
    /// A count, a size, an id.
    Number(u64),
    /// A measure.
    Real(f64),
    /// A word of a fixed set, or free text.
    Text(&'a str),
    /// Opaque bytes.
    Bytes(&'a [u8]),
    /// A point of the key space.
    Key(Key),
    /// A peer.
    Peer(Peer),
    /// An instant.
    Time(Time),
    /// A length of time.
    Duration(Duration),
    /// Several.
    List(Values<'a>),
}

const BOOL: u8 = 0;
const NUMBER: u8 = 1;
const REAL: u8 = 2;
const TEXT: u8 = 3;
const BYTES: u8 = 4;
const KEY: u8 = 5;
const PEER: u8 = 6;
const TIME: u8 = 7;
const DURATION: u8 = 8;
const LIST: u8 = 9;
/// A list of nothing but peers: the commonest, and a fifth shorter.
const PEERS: u8 = 10;

/// Values as bytes, one after the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Encoded(Vec<u8>);

impl Encoded {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    /// Room for so many bytes more, to be asked for once instead of bit by bit.
    pub(crate) fn reserve(&mut self, bytes: usize) {
        self.0.reserve(bytes);
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn slice(&self, start: usize, end: usize) -> Option<ValueRef<'_>> {
        ValueRef::take(&mut self.0.get(start..end)?)
    }

    /// Something of a fixed length. Type and content go in at once: there is one question for room.
    #[inline]
    fn put<const N: usize>(&mut self, kind: u8, bytes: &[u8; N]) {
        let mut all = [[0; N]; 2];
        let all = all.as_flattened_mut();
        all[0] = kind;
        all[1..=N].copy_from_slice(bytes);
        self.0.extend_from_slice(&all[..=N]);
    }

    /// Something with its length in front. Nobody describes a thing of 4 GiB; if so, its end is cut off.
    fn put_long(&mut self, kind: u8, bytes: &[u8]) {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.put(kind, &length.to_le_bytes());
        self.0.extend_from_slice(&bytes[..length as usize]);
    }

    /// The same where the length is known only once `content` has been put. It counts in units of so many bytes.
    fn put_counted(&mut self, kind: u8, unit: usize, content: impl FnOnce(&mut Self)) {
        self.put(kind, &[0; 4]);
        let start = self.0.len();
        content(self);
        let length = u32::try_from((self.0.len() - start) / unit).unwrap_or(u32::MAX);
        self.0.truncate(start + length as usize * unit);
        self.0[start - 4..start].copy_from_slice(&length.to_le_bytes());
    }

    fn put_list<T: ToValue>(&mut self, values: impl Iterator<Item = T>) {
        self.put_counted(LIST, 1, |out| values.for_each(|value| value.encode(out)));
    }
}

/// What can stand in a field.
pub trait ToValue {
    /// Appends itself.
    fn encode(self, out: &mut Encoded);
}

macro_rules! to_value {
    ($($from:ty: |$v:ident, $out:ident| $encode:expr),* $(,)?) => {
        $(impl ToValue for $from {
            #[inline]
            fn encode(self, $out: &mut Encoded) {
                let $v = self;
                $encode;
            }
        })*
    };
}

to_value! {
    bool: |v, out| out.put(BOOL, &[u8::from(v)]),
    u8: |v, out| u64::from(v).encode(out),
    u32: |v, out| u64::from(v).encode(out),
    u64: |v, out| out.put(NUMBER, &v.to_le_bytes()),
    usize: |v, out| (v as u64).encode(out),
    f64: |v, out| out.put(REAL, &v.to_le_bytes()),
    &str: |v, out| out.put_long(TEXT, v.as_bytes()),
    String: |v, out| v.as_str().encode(out),
    &[u8]: |v, out| out.put_long(BYTES, v),
    Vec<u8>: |v, out| v.as_slice().encode(out),
    Key: |v, out| out.put(KEY, &v.to_bytes()),
    Peer: |v, out| out.put(PEER, &v.0.to_le_bytes()),
    Time: |v, out| out.put(TIME, &v.as_nanos().to_le_bytes()),
    Duration: |v, out| {
        out.put(DURATION, &v.as_secs().to_le_bytes());
        out.0.extend_from_slice(&v.subsec_nanos().to_le_bytes());
    },
    Operation: |v, out| v.to_string().encode(out),
    &[Peer]: |v, out| Peers(v.iter().copied()).encode(out),
    Vec<Value>: |v, out| out.put_list(v.iter()),
    Value: |v, out| (&v).encode(out),
}

impl ToValue for &Value {
    fn encode(self, out: &mut Encoded) {
        match self {
            Value::Bool(v) => v.encode(out),
            Value::Number(v) => v.encode(out),
            Value::Real(v) => v.encode(out),
            Value::Text(v) => v.as_str().encode(out),
            Value::Bytes(v) => v.as_slice().encode(out),
            Value::Key(v) => v.encode(out),
            Value::Peer(v) => v.encode(out),
            Value::Time(v) => v.encode(out),
            Value::Duration(v) => v.encode(out),
            Value::List(v) => out.put_list(v.iter()),
        }
    }
}

/// A list of peers, taken from an iterator.
#[derive(Clone, Copy, Debug)]
pub struct Peers<I>(pub I);

impl<I: Iterator<Item = Peer>> ToValue for Peers<I> {
    fn encode(self, out: &mut Encoded) {
        out.put_counted(PEERS, 4, |out| self.0.for_each(|peer| out.0.extend_from_slice(&peer.0.to_le_bytes())));
    }
}

/// A text, taken from an iterator of its parts.
#[derive(Clone, Copy, Debug)]
pub struct Joined<I>(pub I);

impl<I: Iterator<Item = &'static str>> ToValue for Joined<I> {
    fn encode(self, out: &mut Encoded) {
        out.put_counted(TEXT, 1, |out| self.0.for_each(|part| out.0.extend_from_slice(part.as_bytes())));
    }
}

impl<'a> ValueRef<'a> {
    /// Takes the first value off `bytes`; `None` when they are no values.
    pub fn take(bytes: &mut &'a [u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        *bytes = rest;
        Some(match *kind {
            BOOL => ValueRef::Bool(array::<1>(bytes)?[0] != 0),
            NUMBER => ValueRef::Number(u64::from_le_bytes(array(bytes)?)),
            REAL => ValueRef::Real(f64::from_le_bytes(array(bytes)?)),
            TEXT => ValueRef::Text(core::str::from_utf8(long(bytes, 1)?).ok()?),
            BYTES => ValueRef::Bytes(long(bytes, 1)?),
            KEY => ValueRef::Key(Key::from_bytes(array(bytes)?)),
            PEER => ValueRef::Peer(Peer(u32::from_le_bytes(array(bytes)?))),
            TIME => ValueRef::Time(Time::from_nanos(u64::from_le_bytes(array(bytes)?))),
            DURATION => {
                let seconds = u64::from_le_bytes(array(bytes)?);
                let nanos = u32::from_le_bytes(array(bytes)?);
                ValueRef::Duration(Duration::from_secs(seconds).checked_add(Duration::from_nanos(u64::from(nanos)))?)
            }
            LIST => ValueRef::List(Values { bytes: long(bytes, 1)?, peers: false }),
            PEERS => ValueRef::List(Values { bytes: long(bytes, 4)?, peers: true }),
            _ => return None,
        })
    }

    /// The value, owned.
    #[must_use]
    pub fn to_value(self) -> Value {
        match self {
            ValueRef::Bool(v) => Value::Bool(v),
            ValueRef::Number(v) => Value::Number(v),
            ValueRef::Real(v) => Value::Real(v),
            ValueRef::Text(v) => Value::Text(v.to_owned()),
            ValueRef::Bytes(v) => Value::Bytes(v.to_owned()),
            ValueRef::Key(v) => Value::Key(v),
            ValueRef::Peer(v) => Value::Peer(v),
            ValueRef::Time(v) => Value::Time(v),
            ValueRef::Duration(v) => Value::Duration(v),
            ValueRef::List(v) => Value::List(v.map(ValueRef::to_value).collect()),
        }
    }
}

fn array<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*head)
}

/// What follows a length in units of so many bytes.
fn long<'a>(bytes: &mut &'a [u8], unit: usize) -> Option<&'a [u8]> {
    let length = u32::from_le_bytes(array(bytes)?) as usize;
    let (head, rest) = bytes.split_at_checked(length.checked_mul(unit)?)?;
    *bytes = rest;
    Some(head)
}

/// The values of a list, one after the other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Values<'a> {
    bytes: &'a [u8],
    /// Whether they are peers without their types.
    peers: bool,
}

impl Values<'_> {
    /// Whether they are peers, all of them, and at least one.
    #[must_use]
    pub fn are_peers(self) -> bool {
        let some = !self.bytes.is_empty();
        some && (self.peers || self.into_iter().all(|value| matches!(value, ValueRef::Peer(_))))
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = ValueRef<'a>;

    fn next(&mut self) -> Option<ValueRef<'a>> {
        if self.peers {
            return array(&mut self.bytes).map(|peer| ValueRef::Peer(Peer(u32::from_le_bytes(peer))));
        }
        ValueRef::take(&mut self.bytes)
    }

    /// Exact for a list that was told as one of peers; otherwise, at most as many as its bytes hold peers.
    fn size_hint(&self) -> (usize, Option<usize>) {
        if self.peers { (self.bytes.len() / 4, Some(self.bytes.len() / 4)) } else { (0, Some(self.bytes.len())) }
    }
}

macro_rules! value_from {
    ($($from:ty => $make:expr),* $(,)?) => {
        $(impl From<$from> for Value { fn from(v: $from) -> Self { #[allow(clippy::redundant_closure_call)] ($make)(v) } })*
    };
}

value_from! {
    bool => Value::Bool,
    u32 => |v| Value::Number(u64::from(v)),
    u64 => Value::Number,
    f64 => Value::Real,
    &str => |v: &str| Value::Text(v.to_owned()),
    Key => Value::Key,
    Peer => Value::Peer,
    Time => Value::Time,
    Duration => Value::Duration,
}

impl fmt::Display for ValueRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ValueRef::Bool(v) => write!(f, "{v}"),
            ValueRef::Number(v) => write!(f, "{v}"),
            ValueRef::Real(v) => write!(f, "{v}"),
            ValueRef::Text(v) => f.write_str(v),
            ValueRef::Bytes(v) => v.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
            ValueRef::Key(v) => write!(f, "{v}"),
            ValueRef::Peer(v) => write!(f, "{v}"),
            ValueRef::Time(v) => write!(f, "{v}"),
            ValueRef::Duration(v) => write!(f, "{v:?}"),
            ValueRef::List(v) => {
                f.write_str("[")?;
                for (i, value) in v.enumerate() {
                    write!(f, "{}{value}", if i > 0 { " " } else { "" })?;
                }
                f.write_str("]")
            }
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut encoded = Encoded::default();
        self.encode(&mut encoded);
        ValueRef::take(&mut encoded.bytes()).map_or(Ok(()), |value| value.fmt(f))
    }
}
