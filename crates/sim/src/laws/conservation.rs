//! Conservation: what is sent is delivered, dropped or still under way, every single message; and the engine's counts are those of its records.
//!
//! Three things are held against each other:
//!
//! ```text
//!   each record       sent ──▶ received, or dropped with a cause, at the same size, between the same two peers; once, but for a copy that the network made
//!   all records       sent + doubled = received + dropped + under way
//!   the totals        the same counts, message kind by message kind and cause by cause
//! ```
//!
//! The first is checked at each record, the others at each look. A message is known by the number of its sent record, which is the cause of its fate. A copy has a fate of its
//! own with the same cause, so of a second fate all that can be said at once is that the message was indeed sent; that there are no more of them than the network has made
//! copies is said at the next look.
//!
//! A damaged message may be understood as one of another kind. [`Conservation::tolerant`] is for networks that damage messages.

use core::hash::{BuildHasherDefault, Hasher};
use std::collections::HashMap;

use peerglass_core::{Peer, Protocol};
use peerglass_trace::{DropCause, Record, Totals, What};

use super::{Breach, Law, Verdict, View};

/// The law that no message appears, disappears or changes.
#[derive(Clone, Debug, Default)]
pub struct Conservation {
    /// Messages that have met no fate yet, by the numbers of their records.
    under_way: HashMap<u64, Message, BuildHasherDefault<Spread>>,
    /// One bit for each record: whether it says that something was sent.
    sent: Vec<u64>,
    /// The totals that the records give.
    totals: Totals,
    /// Fates of messages that had met theirs already.
    again: u64,
    /// Whether messages may change their kind.
    tolerant: bool,
}

#[derive(Clone, Copy, Debug)]
struct Message {
    from: Peer,
    to: Peer,
    name: &'static str,
    bytes: u64,
}

/// Hashes the number of a record: they are handed out one by one, so spreading them over the bits is all that it takes, and twice a message counts.
#[derive(Clone, Copy, Debug, Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }
    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl Conservation {
    /// For networks that damage messages, which may then be taken for others.
    #[must_use]
    pub fn tolerant() -> Self {
        Self { tolerant: true, ..Self::default() }
    }

    fn sent(&mut self, seq: u64, message: Message) {
        self.under_way.insert(seq, message);
        let word = (seq / 64) as usize;
        if self.sent.len() <= word {
            self.sent.resize(word + 1, 0);
        }
        self.sent[word] |= 1 << (seq % 64);
    }

    fn was_sent(&self, seq: u64) -> bool {
        self.sent.get((seq / 64) as usize).is_some_and(|word| word >> (seq % 64) & 1 == 1)
    }

    /// A message has met its fate.
    fn fate(&mut self, record: &Record, met: Message) -> Verdict {
        let kind = record.what.kind();
        let breach = |expected: String, found: String| Err(Breach::new(expected, found).of(record.peer));
        let told = |m: Message| format!("{} of {} B from {} to {}", m.name, m.bytes, m.from, m.to);
        let Some(cause) = record.cause.filter(|cause| self.was_sent(*cause)) else {
            let cause = record.cause.map_or_else(|| "no record".to_owned(), |cause| format!("record {cause}, where nothing is sent"));
            return breach(format!("what is {kind} has been sent"), format!("{}, which stems from {cause}", told(met)));
        };
        let Some(sent) = self.under_way.remove(&cause) else {
            self.again += 1;
            return Ok(());
        };
        let same = (sent.from, sent.to, sent.bytes) == (met.from, met.to, met.bytes) && (self.tolerant || sent.name == met.name);
        if same { Ok(()) } else { breach(format!("{}, as sent by record {cause}", told(sent)), format!("{} is {kind}", told(met))) }
    }

    /// Whether the engine has counted what was recorded.
    fn compare(&self, counted: &Totals) -> Verdict {
        let breach = |what: String, recorded: u64, counted: u64| {
            Err(Breach::new(format!("{what}: {recorded}, by the records"), format!("{counted}, by the totals")))
        };
        let names = counted.messages().into_iter().chain(self.totals.messages()).map(|(name, _)| name);
        for name in names {
            let (ours, theirs) = (self.totals.message(name), counted.message(name));
            let pairs = [
                ("sent", ours.sent, theirs.sent),
                ("delivered", ours.delivered, theirs.delivered),
                ("dropped", ours.dropped, theirs.dropped),
                ("bytes sent", ours.bytes_sent, theirs.bytes_sent),
                ("bytes delivered", ours.bytes_delivered, theirs.bytes_delivered),
            ];
            for (what, ours, theirs) in pairs {
                if ours != theirs {
                    return breach(format!("{name}: {what}"), ours, theirs);
                }
            }
        }
        match DropCause::ALL.into_iter().find(|why| self.totals.drops(*why) != counted.drops(*why)) {
            Some(why) => breach(format!("dropped, {}", why.name()), self.totals.drops(why), counted.drops(why)),
            None => Ok(()),
        }
    }

    /// Whether as many have met a fate or are under way as were sent or doubled.
    fn balance(&self, duplicated: u64, in_flight: u64) -> Verdict {
        let all = self.totals.all();
        let (there, gone) = (all.sent + duplicated, all.delivered + all.dropped + in_flight);
        if there != gone {
            let expected = format!("{} sent + {duplicated} doubled = {there}", all.sent);
            return Err(Breach::new(expected, format!("{} delivered + {} dropped + {in_flight} under way = {gone}", all.delivered, all.dropped)));
        }
        if self.again > duplicated {
            return Err(Breach::new(format!("at most {duplicated} second fates: so many copies were made"), format!("{} of them", self.again)));
        }
        Ok(())
    }
}

impl<P: Protocol, H> Law<P, H> for Conservation {
    fn name(&self) -> &'static str {
        "conservation"
    }

    fn says(&self) -> &'static str {
        "sent = delivered + dropped, by kind and cause, but for what is under way"
    }

    fn on_record(&mut self, record: &Record) -> Verdict {
        self.totals.observe(&record.what);
        let peer = record.peer;
        match &record.what {
            What::Sent { to, message, bytes } => {
                self.sent(record.seq, Message { from: peer, to: *to, name: message.name, bytes: *bytes });
                Ok(())
            }
            What::Received { from, message, bytes } => self.fate(record, Message { from: *from, to: peer, name: message.name, bytes: *bytes }),
            What::Dropped { to, message, bytes, .. } => self.fate(record, Message { from: peer, to: *to, name: message.name, bytes: *bytes }),
            _ => Ok(()),
        }
    }

    fn on_look(&mut self, view: &View<'_, P, H>) -> Verdict {
        self.compare(&view.totals())?;
        self.balance(view.duplicated(), view.in_flight())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::tests::Mute;
    use peerglass_core::Time;
    use peerglass_trace::Described;

    fn ping() -> Described {
        Described { name: "PING", ..Described::default() }
    }

    fn sent(bytes: u64) -> (u32, Option<u64>, What) {
        (1, None, What::Sent { to: Peer(2), message: ping(), bytes })
    }

    fn received(cause: u64, from: u32, name: &'static str, bytes: u64) -> (u32, Option<u64>, What) {
        (2, Some(cause), What::Received { from: Peer(from), message: Described { name, ..Described::default() }, bytes })
    }

    fn dropped(cause: Option<u64>) -> (u32, Option<u64>, What) {
        (1, cause, What::Dropped { to: Peer(2), message: Described { name: "PING", ..Described::default() }, bytes: 8, why: DropCause::Loss })
    }

    fn feed(law: &mut Conservation, whats: Vec<(u32, Option<u64>, What)>) -> Option<(usize, Breach)> {
        whats.into_iter().enumerate().find_map(|(seq, (peer, cause, what))| {
            let record = Record { seq: seq as u64, time: Time::ZERO, peer: Peer(peer), cause, what };
            Law::<Mute, ()>::on_record(law, &record).err().map(|breach| (seq, breach))
        })
    }

    fn broken(whats: Vec<(u32, Option<u64>, What)>) -> Option<(usize, Breach)> {
        feed(&mut Conservation::default(), whats)
    }

    #[test]
    fn a_message_meets_one_fate_and_what_does_not_add_up_is_found_at_its_record() {
        assert_eq!(broken(vec![sent(8), sent(8), received(0, 1, "PING", 8), dropped(Some(1))]), None);
        let cases = [
            (vec![sent(8), received(0, 3, "PING", 8)], "PING of 8 B from p3 to p2 is received"),
            (vec![sent(8), received(0, 1, "PONG", 8)], "PONG of 8 B from p1 to p2 is received"),
            (vec![sent(9), dropped(Some(0))], "PING of 8 B from p1 to p2 is dropped"),
            (vec![sent(8), dropped(None)], "stems from no record"),
            (vec![sent(8), dropped(Some(7))], "stems from record 7, where nothing is sent"),
        ];
        for (whats, found) in cases {
            let (at, breach) = broken(whats).unwrap();
            assert!(at == 1 && breach.found.contains(found), "{breach:?}\nnot {found}");
        }
        let damaged = vec![sent(8), received(0, 1, "PONG", 8)];
        assert_eq!(feed(&mut Conservation::tolerant(), damaged), None);
    }

    #[test]
    fn a_second_fate_needs_a_copy() {
        let mut law = Conservation::default();
        assert_eq!(feed(&mut law, vec![sent(8), received(0, 1, "PING", 8), received(0, 1, "PING", 8)]), None);
        assert_eq!(law.balance(1, 0), Ok(()));
        assert!(law.balance(0, 0).unwrap_err().found.contains("= 2"));
        // What adds up over all, because another was lost without a trace, is found all the same.
        let mut law = Conservation::default();
        feed(&mut law, vec![sent(8), sent(8), received(0, 1, "PING", 8), received(0, 1, "PING", 8)]);
        assert!(law.balance(0, 0).unwrap_err().expected.contains("second fates"));
    }

    #[test]
    fn totals_that_are_not_those_of_the_records_are_named() {
        let mut law = Conservation::default();
        feed(&mut law, vec![sent(8), dropped(Some(0))]);
        let mut counted = law.totals.clone();
        assert_eq!(law.compare(&counted), Ok(()));
        let kind = counted.kind("PING");
        counted.dropped(kind, DropCause::Fault);
        assert_eq!(law.compare(&counted).unwrap_err(), Breach::new("PING: dropped: 1, by the records", "2, by the totals"));
        law.totals.dropped(kind, DropCause::Loss);
        assert_eq!(law.compare(&counted).unwrap_err(), Breach::new("dropped, loss: 2, by the records", "1, by the totals"));
        assert!(law.compare(&Totals::new()).unwrap_err().expected.starts_with("PING: sent: 1"));
    }
}
