//! Reading JSON Lines back: [`Reader`] gives the header, then one [`Row`] after the other.
//!
//! A row is a [`Record`] with owned names, flat as the tables are. A file may come from a run that was killed: rows up to the cut are read, and
//! the cut is reported as [`ReadError::Truncated`]. A file may also come from somebody else: lines are bounded, and nothing in them panics.

use core::fmt;
use core::time::Duration;
use std::io::{self, BufRead, Read};

use peerglass_core::{Fields, Key, Peer, Time, Value};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use thiserror::Error;

use crate::{Record, RunHeader};

/// The longest line that is read.
pub const MAX_LINE: u64 = 16 << 20;

/// Why records could not be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The file could not be read.
    #[error("the records cannot be read: check the file and the disk")]
    Io(#[from] io::Error),
    /// The first line is no header.
    #[error("the first line is not the header of a record file: give a file that was written as JSON Lines by this program")]
    NoHeader,
    /// The file is of another schema.
    #[error("the records are of schema {found}, this version reads schema {}: read them with the version that wrote them", RunHeader::SCHEMA)]
    Schema {
        /// The schema of the file.
        found: u32,
    },
    /// A line is no record.
    #[error("line {line} is not a record ({why}): the file was changed or damaged after it was written")]
    Malformed {
        /// Which line, from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// The file ends in the middle of a line.
    #[error("the file ends in the middle of line {line}: the run was cut off there, all records before it are good")]
    Truncated {
        /// Which line, from 1.
        line: u64,
    },
    /// A line is longer than [`MAX_LINE`].
    #[error("line {line} is longer than {MAX_LINE} bytes: this is not a record file")]
    TooLong {
        /// Which line, from 1.
        line: u64,
    },
}

/// A record as read from a file.
#[derive(Clone, Debug, Default, PartialEq, serde::Deserialize)]
pub struct Row {
    /// Its number.
    pub seq: u64,
    /// When.
    #[serde(rename = "t_ns", deserialize_with = "time")]
    pub time: Time,
    /// Whose.
    #[serde(deserialize_with = "peer")]
    pub peer: Peer,
    /// The record that led to it.
    #[serde(default)]
    pub cause: Option<u64>,
    /// What kind: one of [`What::NAMES`](crate::What::NAMES).
    pub kind: String,
    /// The other peer.
    #[serde(default, deserialize_with = "some_peer")]
    pub other: Option<Peer>,
    /// The protocol of the message, command, event, timer or step.
    #[serde(default)]
    pub protocol: Option<String>,
    /// The name of the message, command, event, timer, step or fault.
    #[serde(default)]
    pub name: Option<String>,
    /// A message's size on the wire.
    #[serde(default)]
    pub bytes: Option<u64>,
    /// The reason or detail.
    #[serde(default)]
    pub why: Option<String>,
    /// The operation that a step belongs to, as `protocol#number`.
    #[serde(default)]
    pub operation: Option<String>,
    /// Contents, in order.
    #[serde(default, deserialize_with = "fields")]
    pub fields: Vec<(String, Value)>,
    /// A message's bytes on the wire, as far as they were kept.
    #[serde(default, deserialize_with = "some_hex")]
    pub wire: Option<Vec<u8>>,
}

impl Row {
    /// With the protocol that the operation tells.
    fn whole(mut self) -> Self {
        if self.protocol.is_none() {
            self.protocol = self.operation.as_ref().and_then(|operation| operation.split_once('#')).map(|(protocol, _)| protocol.to_owned());
        }
        self
    }

    /// The record on a line of JSON Lines.
    ///
    /// # Errors
    ///
    /// When the line is none; what is wrong with it.
    pub fn from_json(line: &str) -> Result<Self, String> {
        serde_json::from_str(line).map(Row::whole).map_err(|why| why.to_string())
    }

    /// The value of the field called `name`.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

impl From<&Record> for Row {
    fn from(record: &Record) -> Self {
        let view = record.view();
        Row {
            seq: view.seq,
            time: view.time,
            peer: view.peer,
            cause: view.cause,
            kind: view.kind.to_owned(),
            other: view.other,
            protocol: view.protocol.map(str::to_owned),
            name: view.name.map(str::to_owned),
            bytes: view.bytes,
            why: view.why.map(str::to_owned),
            operation: view.operation.map(|operation| operation.to_string()),
            fields: view.fields.into_iter().flat_map(Fields::iter).map(|field| (field.name.to_owned(), field.value.to_value())).collect(),
            wire: view.wire.map(<[u8]>::to_vec),
        }
    }
}

/// Reads a JSON Lines file of records.
#[derive(Debug)]
pub struct Reader<B: BufRead> {
    input: B,
    header: RunHeader,
    line: u64,
    text: String,
    over: bool,
}

impl<B: BufRead> Reader<B> {
    /// Reads the header.
    pub fn new(mut input: B) -> Result<Self, ReadError> {
        let mut text = String::new();
        match input.by_ref().take(MAX_LINE).read_line(&mut text) {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(ReadError::NoHeader),
            other => other?,
        };
        let header = RunHeader::from_json(&text).ok_or(ReadError::NoHeader)?;
        if header.schema != RunHeader::SCHEMA {
            return Err(ReadError::Schema { found: header.schema });
        }
        Ok(Self { input, header, line: 1, text, over: false })
    }

    /// What the run was.
    pub fn header(&self) -> &RunHeader {
        &self.header
    }

    fn read(&mut self) -> Result<Option<Row>, ReadError> {
        self.text.clear();
        self.line += 1;
        let line = self.line;
        let length = match self.input.by_ref().take(MAX_LINE).read_line(&mut self.text) {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(ReadError::Malformed { line, why: "it is not UTF-8".to_owned() }),
            other => other?,
        };
        match serde_json::from_str(&self.text) {
            _ if length == 0 => Ok(None),
            Ok(row) => Ok(Some(Row::whole(row))),
            Err(_) if length as u64 == MAX_LINE => Err(ReadError::TooLong { line }),
            Err(_) if !self.text.ends_with('\n') => Err(ReadError::Truncated { line }),
            Err(why) => Err(ReadError::Malformed { line, why: why.to_string() }),
        }
    }
}

impl<B: BufRead> Iterator for Reader<B> {
    type Item = Result<Row, ReadError>;

    /// The next record. Nothing follows an error.
    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let row = self.read().transpose();
        self.over = !matches!(row, Some(Ok(_)));
        row
    }
}

/// Contents from the JSON object that [`crate::json::put_fields`] writes; `None` when it is something else.
#[must_use]
pub fn fields_from_json(text: &str) -> Option<Vec<(String, Value)>> {
    fields(&mut serde_json::Deserializer::from_str(text)).ok()
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map(Time::from_nanos).map_err(D::Error::custom)
}

fn peer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Peer, D::Error> {
    u32::deserialize(deserializer).map(Peer)
}

fn some_peer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Peer>, D::Error> {
    peer(deserializer).map(Some)
}

fn some_hex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
    let text = String::deserialize(deserializer)?;
    unhex(&text).map(Some).ok_or_else(|| D::Error::custom("the bytes of the wire are not in hexadecimal digits"))
}

fn fields<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, Value)>, D::Error> {
    struct Ordered;
    impl<'de> Visitor<'de> for Ordered {
        type Value = Vec<(String, Value)>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object of fields")
        }
        fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
            let mut fields = Vec::new();
            while let Some((name, Typed(value))) = map.next_entry()? {
                fields.push((name, value));
            }
            Ok(fields)
        }
    }
    deserializer.deserialize_map(Ordered)
}

/// A value as [`crate::json`] writes it.
struct Typed(Value);

impl<'de> Deserialize<'de> for Typed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TypedVisitor).map(Typed)
    }
}

struct TypedVisitor;

impl<'de> Visitor<'de> for TypedVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of a record's field")
    }
    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }
    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(Value::Number(v))
    }
    fn visit_f64<E>(self, v: f64) -> Result<Value, E> {
        Ok(Value::Real(v))
    }
    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(Value::Text(v.to_owned()))
    }
    fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<Value, S::Error> {
        let mut list = Vec::new();
        while let Some(Typed(value)) = seq.next_element()? {
            list.push(value);
        }
        Ok(Value::List(list))
    }
    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Value, M::Error> {
        let Some((tag, Typed(content))) = map.next_entry::<String, Typed>()? else {
            return Err(M::Error::custom("a value without a type"));
        };
        tagged(&tag, &content).ok_or_else(|| M::Error::custom(format!("`{tag}` does not hold what its name says")))
    }
}

fn tagged(tag: &str, content: &Value) -> Option<Value> {
    match (tag, content) {
        ("peer", Value::Number(v)) => u32::try_from(*v).ok().map(|v| Value::Peer(Peer(v))),
        ("peers", Value::List(v)) => v.iter().map(peer_of).collect::<Option<_>>().map(Value::List),
        ("number", Value::Text(v)) => v.parse().ok().map(Value::Number),
        ("real", Value::Text(v)) => v.parse().ok().map(Value::Real),
        ("bytes", Value::Text(v)) => unhex(v).map(Value::Bytes),
        ("key", Value::Text(v)) => unhex(v)?.try_into().ok().map(|bytes| Value::Key(Key::from_bytes(bytes))),
        ("t_ns", Value::Text(v)) => v.parse().ok().map(|v| Value::Time(Time::from_nanos(v))),
        ("ns", Value::Text(v)) => v.parse().ok().and_then(duration).map(Value::Duration),
        _ => None,
    }
}

fn peer_of(number: &Value) -> Option<Value> {
    let Value::Number(number) = number else { return None };
    u32::try_from(*number).ok().map(|number| Value::Peer(Peer(number)))
}

fn duration(ns: u128) -> Option<Duration> {
    let seconds = u64::try_from(ns / 1_000_000_000).ok()?;
    Some(Duration::new(seconds, (ns % 1_000_000_000) as u32))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|d| d as u8);
    let bytes = text.as_bytes();
    bytes
        .len()
        .is_multiple_of(2)
        .then(|| bytes.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect::<Option<Vec<u8>>>())?
}
