//! [`Record`]: one thing that happened to one peer.
//!
//! Records are numbered from 0 in the order in which a driver made them; their times never go back. A record names its *cause*, the earlier record
//! that led to it:
//!
//! | record | its cause |
//! |---|---|
//! | sent, event, step | the input that the peer was handling |
//! | timer | the input during which the timer was set |
//! | received, dropped | the sent record of the same message, at the sender |
//! | unreachable | the dropped record |
//! | command | the event that the application answered, none when it came from outside |
//! | up, fault | none |
//! | down | the input that crashed the peer, none when the crash came from outside |
//!
//! So each sent record has exactly one fate: a received record, a dropped record, or none yet, while the message is under way. Where the simulated network
//! doubles a message, its copy has a fate of its own with the same cause.

use std::borrow::Cow;

use peerglass_core::describe::Step;
use peerglass_core::{Describe, Fields, Operation, Peer, Time};

/// One thing that happened to one peer.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its number in the run, from 0.
    pub seq: u64,
    /// When, in nanoseconds since the run's epoch (see [`RunHeader`](crate::RunHeader)).
    pub time: Time,
    /// Whose record it is. A dropped message's record is its sender's.
    pub peer: Peer,
    /// The number of the record that led to this one.
    pub cause: Option<u64>,
    /// What happened.
    pub what: What,
}

/// A message, command, event or timer as its [`Describe`] told it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Described {
    /// The protocol it belongs to: `kad`. Empty where there is only one.
    pub protocol: &'static str,
    /// Its name in the field's words.
    pub name: &'static str,
    /// What it holds. Empty unless [`Capture::Full`](crate::Capture::Full) was wanted.
    pub fields: Fields,
    /// A message's bytes on the wire, as far as they are kept: its frame, or all of it before the data of blocks. Empty unless
    /// [`Capture::Wire`](crate::Capture::Wire) was wanted.
    pub wire: Vec<u8>,
}

impl Described {
    /// The name alone.
    #[must_use]
    pub fn name_of(thing: &impl Describe) -> Self {
        Self { protocol: thing.protocol(), name: thing.name(), ..Self::default() }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// The peer came up.
    Up,
    /// The peer went down.
    Down {
        /// Why: `crash`, `leave`, or the message of a panic.
        why: Cow<'static, str>,
    },
    /// The local application asked for something.
    Command(Described),
    /// The local application was told something.
    Event(Described),
    /// A timer fired.
    Timer(Described),
    /// A message left the protocol.
    Sent {
        /// For whom.
        to: Peer,
        /// What.
        message: Described,
        /// Its size on the wire.
        bytes: u64,
    },
    /// A message reached the protocol.
    Received {
        /// From whom.
        from: Peer,
        /// What. Its fields may be empty: they stand in the sent record, its cause.
        message: Described,
        /// Its size on the wire.
        bytes: u64,
    },
    /// A message was lost on its way.
    Dropped {
        /// For whom it was.
        to: Peer,
        /// Which, without contents: they stand in the sent record, its cause.
        message: Described,
        /// Its size on the wire.
        bytes: u64,
        /// Why.
        why: DropCause,
    },
    /// The driver told the protocol that a peer cannot be reached.
    Unreachable {
        /// Which.
        peer: Peer,
    },
    /// A connection came up.
    LinkUp {
        /// To whom.
        peer: Peer,
        /// Over what: transport, address, direction.
        detail: Cow<'static, str>,
    },
    /// A connection went away.
    LinkDown {
        /// To whom.
        peer: Peer,
        /// Why.
        detail: Cow<'static, str>,
    },
    /// An algorithm took a step.
    Step {
        /// Of which operation.
        operation: Operation,
        /// What it did.
        step: Step,
    },
    /// A fault took effect.
    Fault {
        /// Which kind.
        name: &'static str,
        /// Its parameters.
        detail: Cow<'static, str>,
    },
}

impl What {
    /// How many kinds of records there are.
    pub const KINDS: usize = 13;

    /// The names of the kinds, in the order of [`What::index`].
    pub const NAMES: [&'static str; Self::KINDS] =
        ["up", "down", "command", "event", "timer", "sent", "received", "dropped", "unreachable", "link_up", "link_down", "step", "fault"];

    /// The kind as a number below [`What::KINDS`].
    #[must_use]
    pub const fn index(&self) -> usize {
        match self {
            What::Up => 0,
            What::Down { .. } => 1,
            What::Command(_) => 2,
            What::Event(_) => 3,
            What::Timer(_) => 4,
            What::Sent { .. } => 5,
            What::Received { .. } => 6,
            What::Dropped { .. } => 7,
            What::Unreachable { .. } => 8,
            What::LinkUp { .. } => 9,
            What::LinkDown { .. } => 10,
            What::Step { .. } => 11,
            What::Fault { .. } => 12,
        }
    }

    /// The thing that it tells of, if there is one.
    pub(crate) fn described_mut(&mut self) -> Option<&mut Described> {
        match self {
            What::Command(thing)
            | What::Event(thing)
            | What::Timer(thing)
            | What::Sent { message: thing, .. }
            | What::Received { message: thing, .. }
            | What::Dropped { message: thing, .. } => Some(thing),
            _ => None,
        }
    }

    /// The contents, for a driver that fills the same memory again.
    #[must_use]
    pub fn into_fields(self) -> Option<Fields> {
        match self {
            What::Command(thing)
            | What::Event(thing)
            | What::Timer(thing)
            | What::Sent { message: thing, .. }
            | What::Received { message: thing, .. }
            | What::Dropped { message: thing, .. } => Some(thing.fields),
            What::Step { step, .. } => Some(step.fields),
            _ => None,
        }
    }

    /// The kind's name: `sent`, `received`, `link_up`, …
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        Self::NAMES[self.index()]
    }
}

/// Why a message did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DropCause {
    /// The network lost it.
    Loss,
    /// The buffer of the sender's access link was full.
    UplinkFull,
    /// The buffer of the receiver's access link was full.
    DownlinkFull,
    /// The receiver was down when it arrived.
    PeerDown,
    /// No such peer ever existed.
    NoSuchPeer,
    /// It was longer than the transport takes.
    TooLong,
    /// A fault (a partition, a Byzantine peer) kept it back.
    Fault,
    /// Bits had flipped on the way, and the codec rejected it.
    Corrupt,
    /// The receiver's NAT let nothing in from its sender.
    Filtered,
    /// No connection to the receiver could be made.
    NotConnected,
    /// The connection closed before the message was written.
    Closed,
    /// The queue of messages for this receiver was full.
    QueueFull,
}

impl DropCause {
    /// All causes, in the order of their numbers.
    pub const ALL: [DropCause; 12] = [
        DropCause::Loss,
        DropCause::UplinkFull,
        DropCause::DownlinkFull,
        DropCause::PeerDown,
        DropCause::NoSuchPeer,
        DropCause::TooLong,
        DropCause::Fault,
        DropCause::Corrupt,
        DropCause::Filtered,
        DropCause::NotConnected,
        DropCause::Closed,
        DropCause::QueueFull,
    ];

    /// The cause's name in records and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            DropCause::Loss => "loss",
            DropCause::UplinkFull => "uplink_full",
            DropCause::DownlinkFull => "downlink_full",
            DropCause::PeerDown => "peer_down",
            DropCause::NoSuchPeer => "no_such_peer",
            DropCause::TooLong => "too_long",
            DropCause::Fault => "fault",
            DropCause::Corrupt => "corrupt",
            DropCause::Filtered => "filtered",
            DropCause::NotConnected => "not_connected",
            DropCause::Closed => "closed",
            DropCause::QueueFull => "queue_full",
        }
    }
}

/// A record as the columns that every table shares. A column is `None` where it has no meaning.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// Its number.
    pub seq: u64,
    /// When.
    pub time: Time,
    /// Whose.
    pub peer: Peer,
    /// The record that led to it.
    pub cause: Option<u64>,
    /// What kind: one of [`What::NAMES`].
    pub kind: &'static str,
    /// The other peer: receiver, sender, who is unreachable, or whom a step is about (its field `peer`).
    pub other: Option<Peer>,
    /// The protocol of the message, command, event, timer or step.
    pub protocol: Option<&'static str>,
    /// The name of the message, command, event, timer, step or fault.
    pub name: Option<&'static str>,
    /// A message's size on the wire.
    pub bytes: Option<u64>,
    /// The reason or detail, free text.
    pub why: Option<&'a str>,
    /// The operation that a step belongs to.
    pub operation: Option<Operation>,
    /// Contents.
    pub fields: Option<&'a Fields>,
    /// A message's bytes on the wire, as far as they are kept.
    pub wire: Option<&'a [u8]>,
}

impl Record {
    /// The record as columns.
    #[must_use]
    pub fn view(&self) -> View<'_> {
        let blank = View {
            seq: self.seq,
            time: self.time,
            peer: self.peer,
            cause: self.cause,
            kind: self.what.kind(),
            other: None,
            protocol: None,
            name: None,
            bytes: None,
            why: None,
            operation: None,
            fields: None,
            wire: None,
        };
        match &self.what {
            What::Up => blank,
            What::Down { why } => View { why: Some(why), ..blank },
            What::Command(thing) | What::Event(thing) | What::Timer(thing) => blank.describing(thing),
            What::Sent { to: other, message, bytes } | What::Received { from: other, message, bytes } => {
                View { other: Some(*other), bytes: Some(*bytes), ..blank }.describing(message)
            }
            What::Dropped { to, message, bytes, why } => {
                View { other: Some(*to), bytes: Some(*bytes), why: Some(why.name()), ..blank }.describing(message)
            }
            What::Unreachable { peer } => View { other: Some(*peer), ..blank },
            What::LinkUp { peer, detail } | What::LinkDown { peer, detail } => View { other: Some(*peer), why: Some(detail), ..blank },
            What::Step { operation, step } => View {
                other: step.fields.peer(),
                operation: Some(*operation),
                protocol: Some(operation.protocol),
                name: Some(step.name),
                fields: Some(&step.fields),
                ..blank
            },
            What::Fault { name, detail } => View { name: Some(name), why: Some(detail), ..blank },
        }
    }
}

impl<'a> View<'a> {
    fn describing(self, thing: &'a Described) -> Self {
        let protocol = Some(thing.protocol).filter(|name| !name.is_empty());
        let wire = Some(&thing.wire[..]).filter(|wire| !wire.is_empty());
        View { protocol, name: Some(thing.name), fields: Some(&thing.fields), wire, ..self }
    }
}
