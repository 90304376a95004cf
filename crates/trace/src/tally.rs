//! [`Tallies`]: how many records, messages and bytes there were by kind, type, peer, pair or interval, from records alone.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;
use std::collections::BTreeMap;

use peerglass_core::Peer;
use thiserror::Error;

use crate::filter::Look;

/// What records are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The kind of record.
    Kind,
    /// The name of the message, command, event, timer, step or fault, with its protocol.
    Type,
    /// Whose record.
    Peer,
    /// Who sent a message to whom. Other records are left out.
    Pair,
    /// The interval of this length that the time is in.
    Time(Duration),
}

/// The text is nothing that records can be grouped by.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is nothing to count by: give kind, type, peer, pair, or the length of an interval such as 100ms or 1s")]
pub struct UnknownBy(String);

impl FromStr for By {
    type Err = UnknownBy;

    fn from_str(text: &str) -> Result<Self, UnknownBy> {
        match text {
            "kind" => Ok(By::Kind),
            "type" => Ok(By::Type),
            "peer" => Ok(By::Peer),
            "pair" => Ok(By::Pair),
            _ => interval(text).filter(|length| !length.is_zero()).map(By::Time).ok_or_else(|| UnknownBy(text.chars().take(40).collect())),
        }
    }
}

fn interval(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let number: u32 = number.parse().ok()?;
    let unit = match unit {
        "us" => Duration::from_micros(1),
        "ms" => Duration::from_millis(1),
        "s" => Duration::from_secs(1),
        "min" => Duration::from_secs(60),
        "h" => Duration::from_secs(3600),
        _ => return None,
    };
    unit.checked_mul(number)
}

/// A group of records.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Of one kind or type.
    Word(String),
    /// Of one peer.
    Peer(Peer),
    /// From one peer to another.
    Pair(Peer, Peer),
    /// From this time on, in nanoseconds.
    From(u64),
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Group::Word(word) => f.write_str(word),
            Group::Peer(peer) => write!(f, "{peer}"),
            Group::Pair(from, to) => write!(f, "{from} → {to}"),
            Group::From(ns) => write!(f, "{}.{:06} s", ns / 1_000_000_000, ns % 1_000_000_000 / 1000),
        }
    }
}

/// What a group holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records of all kinds.
    pub records: u64,
    /// Messages sent.
    pub sent: u64,
    /// Messages that arrived.
    pub received: u64,
    /// Messages that were lost.
    pub dropped: u64,
    /// Bytes of the messages sent.
    pub bytes: u64,
}

/// There are more groups than anybody reads.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there are more than {MAX_GROUPS} groups: count fewer records with --filter, or by something coarser")]
pub struct TooManyGroups;

/// Groups at most.
pub const MAX_GROUPS: usize = 1_000_000;

/// Counts records in groups.
#[derive(Clone, Debug)]
pub struct Tallies {
    by: By,
    groups: BTreeMap<Group, Tally>,
}

impl Tallies {
    /// Nothing counted yet.
    #[must_use]
    pub fn new(by: By) -> Self {
        Self { by, groups: BTreeMap::new() }
    }

    /// Counts a record.
    ///
    /// # Errors
    ///
    /// When it would be in a group beyond [`MAX_GROUPS`].
    pub fn add<L: Look + ?Sized>(&mut self, row: &L) -> Result<(), TooManyGroups> {
        let Some(group) = self.group(row) else { return Ok(()) };
        if self.groups.len() >= MAX_GROUPS && !self.groups.contains_key(&group) {
            return Err(TooManyGroups);
        }
        let tally = self.groups.entry(group).or_default();
        tally.records += 1;
        match row.kind() {
            "sent" => {
                tally.sent += 1;
                tally.bytes += row.bytes().unwrap_or_default();
            }
            "received" => tally.received += 1,
            "dropped" => tally.dropped += 1,
            _ => {}
        }
        Ok(())
    }

    fn group<L: Look + ?Sized>(&self, row: &L) -> Option<Group> {
        let kind = row.kind();
        match self.by {
            By::Kind => Some(Group::Word(kind.to_owned())),
            By::Type => {
                let name = row.name()?;
                let what = if matches!(kind, "sent" | "received" | "dropped") { "" } else { kind };
                let words = [row.protocol().unwrap_or_default(), what, name];
                Some(Group::Word(words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")))
            }
            By::Peer => Some(Group::Peer(row.peer())),
            By::Pair => match kind {
                "sent" | "dropped" => Some(Group::Pair(row.peer(), row.other()?)),
                "received" => Some(Group::Pair(row.other()?, row.peer())),
                _ => None,
            },
            By::Time(length) => {
                let (time, length) = (row.time().as_nanos(), u64::try_from(length.as_nanos()).unwrap_or(u64::MAX).max(1));
                Some(Group::From(time - time % length))
            }
        }
    }

    /// The groups, in order: words and peers by themselves, intervals by time.
    pub fn groups(&self) -> impl Iterator<Item = (&Group, &Tally)> {
        self.groups.iter()
    }
}

impl fmt::Display for Tallies {
    /// A table for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.groups.keys().map(|group| group.to_string().chars().count()).max().unwrap_or(0).max(8);
        write!(f, "{:<width$} {:>12} {:>12} {:>12} {:>12} {:>16}", "", "records", "sent", "received", "dropped", "bytes sent")?;
        for (group, tally) in &self.groups {
            let Tally { records, sent, received, dropped, bytes } = tally;
            write!(f, "\n{:<width$} {records:>12} {sent:>12} {received:>12} {dropped:>12} {bytes:>16}", group.to_string())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Row;
    use peerglass_core::Time;

    fn rows() -> Vec<Row> {
        let line = |seq: u64, kind: &str, (peer, other): (u32, u32)| Row {
            seq,
            time: Time::from_millis(seq * 400),
            peer: Peer(peer),
            kind: kind.to_owned(),
            other: Some(Peer(other)),
            protocol: Some("kad".to_owned()),
            name: Some("PING".to_owned()),
            bytes: Some(10),
            ..Row::default()
        };
        vec![
            line(0, "sent", (1, 2)),
            line(1, "received", (2, 1)),
            line(2, "sent", (1, 3)),
            line(3, "dropped", (1, 3)),
            Row { other: None, ..line(4, "timer", (2, 0)) },
        ]
    }

    fn counted(by: &str) -> Vec<(String, [u64; 5])> {
        let mut tallies = Tallies::new(by.parse().expect("it is known"));
        rows().iter().for_each(|row| tallies.add(row).expect("few groups"));
        let flat = |tally: &Tally| [tally.records, tally.sent, tally.received, tally.dropped, tally.bytes];
        tallies.groups().map(|(group, tally)| (group.to_string(), flat(tally))).collect()
    }

    fn group(name: &str, counts: [u64; 5]) -> (String, [u64; 5]) {
        (name.to_owned(), counts)
    }

    #[test]
    fn records_are_counted_by_what_is_asked() {
        assert_eq!(counted("peer"), [group("p1", [3, 2, 0, 1, 20]), group("p2", [2, 0, 1, 0, 0])]);
        assert_eq!(counted("pair"), [group("p1 → p2", [2, 1, 1, 0, 10]), group("p1 → p3", [2, 1, 0, 1, 10])]);
        assert_eq!(counted("type"), [group("kad PING", [4, 2, 1, 1, 20]), group("kad timer PING", [1, 0, 0, 0, 0])]);
        assert_eq!(counted("1s"), [group("0.000000 s", [3, 2, 1, 0, 20]), group("1.000000 s", [2, 0, 0, 1, 0])]);
        assert_eq!(counted("kind").len(), 4);
    }

    #[test]
    fn what_nothing_can_be_counted_by_is_told() {
        for text in ["", "colour", "0s", "s", "1", "99999999999999s", "5000000h5"] {
            assert!(text.parse::<By>().is_err(), "{text}");
        }
    }
}
