//! [`Columns`]: a record's columns as the text formats write them, whether a driver lends a [`Record`](crate::Record) or a reader gave a [`Row`].

use std::borrow::Cow;

use peerglass_core::{Fields, Peer, Time, Value, ValueRef};

use crate::{Row, View};

/// A record as columns with borrowed texts.
#[derive(Debug)]
pub(crate) struct Columns<'a> {
    pub(crate) seq: u64,
    pub(crate) time: Time,
    pub(crate) peer: Peer,
    pub(crate) cause: Option<u64>,
    pub(crate) kind: &'a str,
    pub(crate) other: Option<Peer>,
    pub(crate) protocol: Option<&'a str>,
    pub(crate) name: Option<&'a str>,
    pub(crate) bytes: Option<u64>,
    pub(crate) why: Option<&'a str>,
    pub(crate) operation: Option<Cow<'a, str>>,
    pub(crate) contents: Contents<'a>,
    pub(crate) wire: Option<&'a [u8]>,
}

/// What a record holds, in one of its two forms.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Contents<'a> {
    Lent(Option<&'a Fields>),
    Owned(&'a [(String, Value)]),
}

impl Contents<'_> {
    pub(crate) fn is_empty(self) -> bool {
        match self {
            Contents::Lent(fields) => fields.is_none_or(Fields::is_empty),
            Contents::Owned(fields) => fields.is_empty(),
        }
    }

    /// Shows every field, in order.
    pub(crate) fn each(self, mut see: impl FnMut(&str, ValueRef<'_>)) {
        match self {
            Contents::Lent(fields) => fields.into_iter().flat_map(Fields::iter).for_each(|field| see(field.name, field.value)),
            Contents::Owned(fields) => {
                let mut scratch = Fields::new();
                for (name, value) in fields {
                    scratch.clear();
                    scratch.add("", value);
                    scratch.iter().for_each(|field| see(name, field.value));
                }
            }
        }
    }
}

impl Columns<'_> {
    /// The protocol, where the operation does not tell it.
    pub(crate) fn own_protocol(&self) -> Option<&str> {
        let told = self.operation.as_deref().and_then(|operation| operation.split_once('#')).map(|(protocol, _)| protocol);
        self.protocol.filter(|protocol| told != Some(protocol))
    }
}

impl<'a> From<&View<'a>> for Columns<'a> {
    fn from(view: &View<'a>) -> Self {
        Columns {
            seq: view.seq,
            time: view.time,
            peer: view.peer,
            cause: view.cause,
            kind: view.kind,
            other: view.other,
            protocol: view.protocol,
            name: view.name,
            bytes: view.bytes,
            why: view.why,
            operation: view.operation.map(|operation| operation.to_string().into()),
            contents: Contents::Lent(view.fields),
            wire: view.wire,
        }
    }
}

impl<'a> From<&'a Row> for Columns<'a> {
    fn from(row: &'a Row) -> Self {
        Columns {
            seq: row.seq,
            time: row.time,
            peer: row.peer,
            cause: row.cause,
            kind: &row.kind,
            other: row.other,
            protocol: row.protocol.as_deref(),
            name: row.name.as_deref(),
            bytes: row.bytes,
            why: row.why.as_deref(),
            operation: row.operation.as_deref().map(Cow::Borrowed),
            contents: Contents::Owned(&row.fields),
            wire: row.wire.as_deref(),
        }
    }
}
