//! [`Totals`]: counts of messages, bytes, losses and events, kept by every driver even when nobody records.
//!
//! A simulator counts several million messages a second, so a count must not hash a string. Names are `&'static str`s of a small fixed set per
//! protocol: a driver asks once per message for the name's [`MessageKind`], found by comparing addresses in a table of a dozen rows, and counts
//! by that number from then on. Equal names at different addresses (the compiler may keep two copies of a literal) are found by their text.
//!
//! One law holds at all times and is checked by drivers: *sent = delivered + dropped + in flight*.

use core::fmt;

use crate::{DropCause, What};

/// The number of a message's name within one [`Totals`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageKind(u16);

/// What became of the messages of one name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageTotal {
    /// How many left a protocol.
    pub sent: u64,
    /// How many reached one.
    pub delivered: u64,
    /// How many were lost on the way.
    pub dropped: u64,
    /// Bytes on the wire of those sent.
    pub bytes_sent: u64,
    /// Bytes on the wire of those delivered.
    pub bytes_delivered: u64,
}

impl MessageTotal {
    fn add(&mut self, other: &MessageTotal) {
        self.sent += other.sent;
        self.delivered += other.delivered;
        self.dropped += other.dropped;
        self.bytes_sent += other.bytes_sent;
        self.bytes_delivered += other.bytes_delivered;
    }
}

/// Counts of a run.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    names: Vec<&'static str>,
    messages: Vec<MessageTotal>,
    drops: [u64; DropCause::ALL.len()],
    events: Vec<(&'static str, u64)>,
}

/// Names beyond this are counted together: a protocol whose names are not a small fixed set must not eat the memory.
const MAX_NAMES: usize = 1024;
/// What the names beyond the limit are counted as.
const OTHER: &str = "(other)";

impl Totals {
    /// Nothing counted yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The kind of the messages called `name`.
    #[inline]
    pub fn kind(&mut self, name: &'static str) -> MessageKind {
        match self.names.iter().position(|known| core::ptr::eq(*known, name)) {
            Some(at) => MessageKind(at as u16),
            None => self.kind_by_text(name),
        }
    }

    #[cold]
    fn kind_by_text(&mut self, name: &'static str) -> MessageKind {
        let name = if self.names.len() < MAX_NAMES { name } else { OTHER };
        let at = self.names.iter().position(|known| *known == name).unwrap_or_else(|| {
            self.names.push(name);
            self.messages.push(MessageTotal::default());
            self.names.len() - 1
        });
        MessageKind(at as u16)
    }

    /// The name of `kind`.
    #[must_use]
    pub fn name(&self, kind: MessageKind) -> &'static str {
        self.names.get(usize::from(kind.0)).copied().unwrap_or(OTHER)
    }

    /// Counts a message that left a protocol.
    #[inline]
    pub fn sent(&mut self, kind: MessageKind, bytes: u64) {
        if let Some(total) = self.messages.get_mut(usize::from(kind.0)) {
            total.sent += 1;
            total.bytes_sent += bytes;
        }
    }

    /// Counts a message that reached a protocol.
    #[inline]
    pub fn delivered(&mut self, kind: MessageKind, bytes: u64) {
        if let Some(total) = self.messages.get_mut(usize::from(kind.0)) {
            total.delivered += 1;
            total.bytes_delivered += bytes;
        }
    }

    /// Counts a message that was lost.
    #[inline]
    pub fn dropped(&mut self, kind: MessageKind, why: DropCause) {
        if let Some(total) = self.messages.get_mut(usize::from(kind.0)) {
            total.dropped += 1;
        }
        self.drops[why as usize] += 1;
    }

    /// Counts an event of the local application.
    #[inline]
    pub fn event(&mut self, name: &'static str) {
        match self.events.iter_mut().find(|(known, _)| core::ptr::eq(*known, name)) {
            Some((_, count)) => *count += 1,
            None => self.event_by_text(name),
        }
    }

    #[cold]
    fn event_by_text(&mut self, name: &'static str) {
        let name = if self.events.len() < MAX_NAMES { name } else { OTHER };
        match self.events.iter_mut().find(|(known, _)| *known == name) {
            Some((_, count)) => *count += 1,
            None => self.events.push((name, 1)),
        }
    }

    /// Counts what a record tells, so that totals can be had from records alone.
    pub fn observe(&mut self, what: &What) {
        match what {
            What::Sent { message, bytes, .. } => {
                let kind = self.kind(message.name);
                self.sent(kind, *bytes);
            }
            What::Received { message, bytes, .. } => {
                let kind = self.kind(message.name);
                self.delivered(kind, *bytes);
            }
            What::Dropped { message, why, .. } => {
                let kind = self.kind(message.name);
                self.dropped(kind, *why);
            }
            What::Event(event) => self.event(event.name),
            _ => {}
        }
    }

    /// Adds another run's counts to these.
    pub fn add(&mut self, other: &Totals) {
        for (name, total) in other.names.iter().zip(&other.messages) {
            let kind = self.kind(name);
            if let Some(mine) = self.messages.get_mut(usize::from(kind.0)) {
                mine.add(total);
            }
        }
        for (mine, theirs) in self.drops.iter_mut().zip(other.drops) {
            *mine += theirs;
        }
        for (name, count) in &other.events {
            self.event(name);
            if let Some((_, mine)) = self.events.iter_mut().find(|(known, _)| known == name) {
                *mine += count - 1;
            }
        }
    }

    /// The counts of every message name, sorted by name.
    #[must_use]
    pub fn messages(&self) -> Vec<(&'static str, MessageTotal)> {
        let mut rows: Vec<_> = self.names.iter().copied().zip(self.messages.iter().copied()).collect();
        rows.sort_unstable_by_key(|(name, _)| *name);
        rows
    }

    /// The counts of the messages called `name`.
    #[must_use]
    pub fn message(&self, name: &str) -> MessageTotal {
        self.names.iter().position(|known| *known == name).map_or_else(MessageTotal::default, |at| self.messages[at])
    }

    /// The counts over all messages.
    #[must_use]
    pub fn all(&self) -> MessageTotal {
        let mut sum = MessageTotal::default();
        self.messages.iter().for_each(|total| sum.add(total));
        sum
    }

    /// How many messages were lost for this reason.
    #[must_use]
    pub fn drops(&self, why: DropCause) -> u64 {
        self.drops[why as usize]
    }

    /// The reasons for which any message was lost, with their counts.
    pub fn drop_causes(&self) -> impl Iterator<Item = (DropCause, u64)> + '_ {
        DropCause::ALL.into_iter().map(|why| (why, self.drops(why))).filter(|(_, count)| *count > 0)
    }

    /// The counts of every event name, sorted by name.
    #[must_use]
    pub fn events(&self) -> Vec<(&'static str, u64)> {
        let mut rows = self.events.clone();
        rows.sort_unstable();
        rows
    }

    /// How many events of this name there were.
    #[must_use]
    pub fn events_of(&self, name: &str) -> u64 {
        self.events.iter().find(|(known, _)| *known == name).map_or(0, |(_, count)| *count)
    }
}

impl PartialEq for Totals {
    /// Equal counts, in whatever order the names were met.
    fn eq(&self, other: &Self) -> bool {
        self.messages() == other.messages() && self.drops == other.drops && self.events() == other.events()
    }
}

impl fmt::Display for Totals {
    /// A table for people, sorted by name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<24} {:>12} {:>12} {:>12} {:>16}", "message", "sent", "delivered", "dropped", "bytes sent")?;
        for (name, total) in self.messages() {
            writeln!(f, "{name:<24} {:>12} {:>12} {:>12} {:>16}", total.sent, total.delivered, total.dropped, total.bytes_sent)?;
        }
        for (why, count) in self.drop_causes() {
            writeln!(f, "dropped: {:<28} {count:>21}", why.name())?;
        }
        for (name, count) in self.events() {
            writeln!(f, "event: {name:<30} {count:>21}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Described;
    use peerglass_core::Peer;

    /// The same text at another address.
    fn copy_of(text: &str) -> &'static str {
        Box::leak(text.to_owned().into_boxed_str())
    }

    #[test]
    fn equal_names_at_different_addresses_are_one() {
        let mut totals = Totals::new();
        let (first, second) = (totals.kind("PING"), totals.kind(copy_of("PING")));
        assert_eq!(first, second);
        totals.event("done");
        totals.event(copy_of("done"));
        assert_eq!(totals.events(), [("done", 2)]);
    }

    #[test]
    fn one_literal_that_is_the_front_of_another_is_not_taken_for_it() {
        const LONG: &str = "PINGPONG";
        let mut totals = Totals::new();
        assert_ne!(totals.kind(LONG), totals.kind(&LONG[..4]));
    }

    #[test]
    fn records_give_the_same_totals_as_counting() {
        let mut counted = Totals::new();
        let kind = counted.kind("PING");
        counted.sent(kind, 10);
        counted.sent(kind, 20);
        counted.delivered(kind, 10);
        counted.dropped(kind, DropCause::Loss);
        let ping = Described { name: "PING", ..Described::default() };
        let mut observed = Totals::new();
        observed.observe(&What::Sent { to: Peer(1), message: ping.clone(), bytes: 10 });
        observed.observe(&What::Sent { to: Peer(1), message: ping.clone(), bytes: 20 });
        observed.observe(&What::Received { from: Peer(0), message: ping, bytes: 10 });
        observed.observe(&What::Dropped {
            to: Peer(1),
            message: Described { name: "PING", ..Described::default() },
            bytes: 20,
            why: DropCause::Loss,
        });
        assert_eq!(observed, counted);
        assert_eq!(counted.all(), MessageTotal { sent: 2, delivered: 1, dropped: 1, bytes_sent: 30, bytes_delivered: 10 });
    }

    #[test]
    fn the_order_in_which_names_are_met_does_not_show() {
        let count = |names: [&'static str; 3]| {
            let mut totals = Totals::new();
            for name in names {
                let kind = totals.kind(name);
                totals.sent(kind, 1);
                totals.event(name);
            }
            totals
        };
        let (one, two) = (count(["A", "B", "C"]), count(["C", "A", "B"]));
        assert_eq!(one, two);
        assert_eq!(one.to_string(), two.to_string());
    }

    #[test]
    fn adding_totals_adds_every_count() {
        let mut one = Totals::new();
        let kind = one.kind("A");
        one.sent(kind, 5);
        one.dropped(kind, DropCause::PeerDown);
        one.event("e");
        let mut sum = Totals::new();
        sum.event("e");
        sum.add(&one);
        sum.add(&one);
        assert_eq!((sum.message("A").sent, sum.message("A").bytes_sent), (2, 10));
        assert_eq!((sum.drops(DropCause::PeerDown), sum.events_of("e")), (2, 3));
    }

    #[test]
    fn names_without_end_are_counted_together() {
        let mut totals = Totals::new();
        for i in 0..5000 {
            let name = copy_of(&i.to_string());
            let kind = totals.kind(name);
            totals.sent(kind, 1);
            totals.event(name);
        }
        assert_eq!(totals.all().sent, 5000);
        assert!(totals.messages().len() <= MAX_NAMES + 1 && totals.events().len() <= MAX_NAMES + 1);
    }
}
