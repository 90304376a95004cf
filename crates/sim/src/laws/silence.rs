//! Nothing comes from a peer that is down: no message, no timer, no step; nor from a life that is over.
//!
//! A peer that crashed has no future. Its messages that are under way still arrive and may still be lost, so records of losses are not of its doing; but it sends, hears,
//! decides and is asked nothing until it comes up again. And what then happens to it stems from its new life: a timer that was set, or a message that was held back,
//! before the crash must never be heard of again, even if the peer has long come back.
//!
//! ```text
//!   up ──▶ sent, received, timer, step, command, event, unreachable ──▶ down ──▶ (dropped, fault) ──▶ up ──▶ …
//!          └── causes not before this up ──┘                                    nothing else
//! ```

use peerglass_core::{Peer, Protocol};
use peerglass_trace::{Record, What};

use super::{Breach, Law, Verdict};

/// The law that nothing comes from a peer that is down.
#[derive(Clone, Debug, Default)]
pub struct Silence {
    lives: Vec<Life>,
}

/// What is known of a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Life {
    /// It has not come up yet.
    #[default]
    Unborn,
    /// It has been up since this record.
    Up(u64),
    /// It has been down since this record.
    Down(u64),
}

impl Silence {
    fn life(&mut self, peer: Peer) -> &mut Life {
        if self.lives.len() <= peer.index() {
            self.lives.resize(peer.index() + 1, Life::Unborn);
        }
        &mut self.lives[peer.index()]
    }

    /// A record of something that only a living peer does. `own`: its cause is a record of the same peer.
    fn living(&mut self, record: &Record, own: bool) -> Verdict {
        let (peer, kind) = (record.peer, record.what.kind());
        let since = match *self.life(peer) {
            Life::Up(since) => since,
            Life::Unborn => return Err(Breach::new("nothing before it has come up", format!("a {kind} record")).of(peer)),
            Life::Down(down) => return Err(Breach::new(format!("nothing since it went down by record {down}"), format!("a {kind} record")).of(peer)),
        };
        match record.cause.filter(|cause| own && *cause < since) {
            Some(cause) => {
                let expected = format!("nothing of the life before it came up by record {since}");
                Err(Breach::new(expected, format!("a {kind} record that stems from record {cause}")).of(peer))
            }
            None => Ok(()),
        }
    }
}

impl<P: Protocol, H> Law<P, H> for Silence {
    fn name(&self) -> &'static str {
        "silence"
    }

    fn says(&self) -> &'static str {
        "no message, timer or step comes from a peer that is down, or from a life that is over"
    }

    fn on_record(&mut self, record: &Record) -> Verdict {
        let peer = record.peer;
        match record.what {
            What::Up => match core::mem::replace(self.life(peer), Life::Up(record.seq)) {
                Life::Up(since) => Err(Breach::new("it comes up when it is not up", format!("it is up already, since record {since}")).of(peer)),
                Life::Unborn | Life::Down(_) => Ok(()),
            },
            What::Down { .. } => match core::mem::replace(self.life(peer), Life::Down(record.seq)) {
                Life::Up(_) => Ok(()),
                Life::Unborn | Life::Down(_) => Err(Breach::new("it goes down when it is up", "it is not up").of(peer)),
            },
            // Losses are told of the sender, which may be gone; faults befall whom they will; links are the drivers'.
            What::Dropped { .. } | What::Fault { .. } | What::LinkUp { .. } | What::LinkDown { .. } => Ok(()),
            // What comes from others, or tells of them, may be older than this life.
            What::Received { .. } | What::Unreachable { .. } => self.living(record, false),
            What::Sent { .. } | What::Timer(_) | What::Command(_) | What::Event(_) | What::Step { .. } => self.living(record, true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use peerglass_core::Time;
    use peerglass_trace::{Described, DropCause};

    fn broken(whats: Vec<(u32, Option<u64>, What)>) -> Option<(usize, Breach)> {
        let mut law = Silence::default();
        whats.into_iter().enumerate().find_map(|(seq, (peer, cause, what))| {
            let record = Record { seq: seq as u64, time: Time::ZERO, peer: Peer(peer), cause, what };
            Law::<crate::laws::tests::Mute, ()>::on_record(&mut law, &record).err().map(|breach| (seq, breach))
        })
    }

    fn down() -> What {
        What::Down { why: "crash".into() }
    }

    fn sent() -> What {
        What::Sent { to: Peer(9), message: Described::default(), bytes: 1 }
    }

    fn dropped() -> What {
        What::Dropped { to: Peer(9), message: Described { name: "M", ..Described::default() }, bytes: 1, why: DropCause::Loss }
    }

    fn timer() -> What {
        What::Timer(Described::default())
    }

    #[test]
    fn an_honest_life_breaks_nothing() {
        let whats =
            vec![(1, None, What::Up), (1, Some(0), sent()), (1, None, down()), (1, Some(1), dropped()), (1, None, What::Up), (1, Some(4), timer())];
        assert_eq!(broken(whats), None);
    }

    #[test]
    fn whatever_comes_from_the_dead_or_the_unborn_is_found_at_its_record() {
        for what in [sent(), timer(), What::Unreachable { peer: Peer(2) }, What::Command(Described::default()), What::Event(Described::default())] {
            let (at, breach) = broken(vec![(1, None, What::Up), (1, None, down()), (1, None, what.clone())]).unwrap();
            assert!(at == 2 && breach.peer == Some(Peer(1)) && breach.expected.contains("record 1"), "{breach:?}");
            assert_eq!(broken(vec![(1, None, What::Up), (2, None, what)]).unwrap().0, 1);
        }
        assert_eq!(broken(vec![(1, None, What::Up), (1, None, What::Up)]).unwrap().0, 1);
        assert_eq!(broken(vec![(1, None, down())]).unwrap().0, 0);
    }

    #[test]
    fn a_timer_of_a_former_life_is_found() {
        let (at, breach) = broken(vec![(1, None, What::Up), (1, None, down()), (1, None, What::Up), (1, Some(0), timer())]).unwrap();
        assert!(at == 3 && breach.found.contains("stems from record 0"), "{breach:?}");
    }
}
