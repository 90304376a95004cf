//! Random troubles: the plan of faults that a seed draws for a scenario.
//!
//! A drawn fault is one that a person could have written: exact peers, round times, magnitudes of the sort that happen. Every fault names its peers, by number or as a range, and
//! leaves nothing to the dice of the run, so that taking one out leaves all others as they are. Peers have random keys, so neighbours by number are no neighbours otherwise.

use std::time::Duration;

use peerglass_core::{Peer, Rng};

use crate::scenario::{Behaviour, DiskState, Fault, FaultSpec, Lie, LinkTrouble, PeerRange, PeerTrouble, Scenario, Scope};
use crate::units::{Rate, Share, Skew, Span};

/// Sets the dice of drawn faults apart from all others.
const DICE: u64 = 0x6875_6e74_6564_2121;
/// How often a fault that makes no sense, because it contradicts those before it, is drawn anew.
const TRIES: usize = 10;

/// What may be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawing {
    /// At most so many faults; none: the scenario's own alone.
    pub most: usize,
    /// Whether peers may turn Byzantine.
    pub byzantine: bool,
}

impl Drawing {
    /// The scenario with the seed and what it draws, after the scenario's own faults.
    #[must_use]
    pub fn draw(self, scenario: &Scenario, seed: u64) -> Scenario {
        let mut drawn = scenario.clone();
        drawn.seed = seed;
        if scenario.peers == 0 || self.most == 0 || scenario.duration.is_zero() {
            return drawn;
        }
        let mut rng = Rng::for_step(seed ^ DICE, Peer(0), 0);
        let own = drawn.fault.len();
        for _ in 0..=rng.index(self.most) {
            for _ in 0..TRIES {
                let fault = Dice { scenario: &drawn, own, rng: &mut rng }.fault(self.byzantine);
                drawn.fault.push(fault);
                if super::makes_sense(&drawn) {
                    break;
                }
                drawn.fault.pop();
            }
        }
        drawn
    }
}

/// The kinds of faults, as often as they are to be drawn.
#[derive(Clone, Copy)]
enum Draw {
    Crash,
    Restart,
    Freeze,
    Slow,
    Clock,
    Throttle,
    Disk,
    Partition,
    Loss,
    Delay,
    Duplicate,
    Byzantine,
}

const HONEST: [Draw; 12] = [
    Draw::Crash,
    Draw::Crash,
    Draw::Restart,
    Draw::Freeze,
    Draw::Slow,
    Draw::Clock,
    Draw::Throttle,
    Draw::Disk,
    Draw::Partition,
    Draw::Loss,
    Draw::Delay,
    Draw::Duplicate,
];

struct Dice<'a> {
    scenario: &'a Scenario,
    /// Faults from here on were drawn.
    own: usize,
    rng: &'a mut Rng,
}

impl Dice<'_> {
    fn fault(&mut self, byzantine: bool) -> FaultSpec {
        // With Byzantine peers every third fault is one.
        let kind = if byzantine && self.rng.below(3) == 0 { Draw::Byzantine } else { self.pick(&HONEST) };
        let what = match kind {
            Draw::Crash => PeerTrouble::Crash { keep_state: self.coin() },
            Draw::Restart => return self.restart(),
            Draw::Freeze => PeerTrouble::Freeze,
            Draw::Slow => PeerTrouble::Slow { each: self.millis(&[5, 20, 100, 500]) },
            Draw::Clock => {
                let skew = self.pick(&[0i64, 200, 5_000, 60_000]) * if self.coin() { 1_000_000 } else { -1_000_000 };
                PeerTrouble::Clock { skew: Skew(skew), drift_ppm: self.pick(&[0.0, -500.0, 500.0, 100_000.0]) }
            }
            Draw::Throttle => {
                let rate = Rate(self.pick(&[1_250.0, 12_500.0, 125_000.0]));
                let (up, down) = self.pick(&[(true, false), (false, true), (true, true)]);
                PeerTrouble::Throttle { up: up.then_some(rate), down: down.then_some(rate) }
            }
            Draw::Disk => PeerTrouble::Disk { state: self.pick(&[DiskState::Full, DiskState::Broken, DiskState::Corrupt]) },
            Draw::Byzantine => PeerTrouble::Byzantine { behaviour: self.behaviour() },
            Draw::Partition => return self.partition(),
            Draw::Loss => return self.links(|dice| LinkTrouble::Loss(dice.share())),
            Draw::Delay => return self.links(|dice| LinkTrouble::Delay(dice.millis(&[100, 500, 2_000, 15_000]))),
            Draw::Duplicate => return self.links(|dice| LinkTrouble::Duplicate(dice.share())),
        };
        let within = if self.rng.below(4) == 0 { self.part(0, 20) } else { Span::default() };
        let who = self.who();
        self.sometime(within, Fault::Peers { who, what })
    }

    /// Those whom a drawn crash took down for good come up again; without one, somebody crashes.
    fn restart(&mut self) -> FaultSpec {
        let gone = |fault: &&FaultSpec| matches!(fault.what, Fault::Peers { what: PeerTrouble::Crash { .. }, .. }) && fault.lasting.is_none();
        let crashes: Vec<&FaultSpec> = self.scenario.fault[self.own..].iter().filter(gone).collect();
        let keep_state = self.coin();
        match self.rng.pick(&crashes) {
            Some(FaultSpec { at, within, what: Fault::Peers { who, .. }, .. }) => {
                let after = Span(at.0 + within.0 + self.part(1, 40).0);
                let what = Fault::Peers { who: who.clone(), what: PeerTrouble::Restart { keep_state } };
                FaultSpec { at: after, within: Span::default(), lasting: None, every: None, times: None, what }
            }
            _ => {
                let who = self.who();
                self.sometime(Span::default(), Fault::Peers { who, what: PeerTrouble::Crash { keep_state } })
            }
        }
    }

    fn partition(&mut self) -> FaultSpec {
        let peers = self.scenario.peers;
        let sides = if peers >= 4 && self.coin() {
            let cut = 1 + self.rng.below(u64::from(peers) - 1) as u32;
            vec![range(0, cut), range(cut, peers)]
        } else {
            vec![self.who()]
        };
        let one_way = self.rng.below(3) == 0;
        self.sometime(Span::default(), Fault::Partition { sides, one_way, bridge: None })
    }

    fn links(&mut self, what: impl FnOnce(&mut Self) -> LinkTrouble) -> FaultSpec {
        let what = what(self);
        let (from, to) = match self.rng.below(3) {
            0 => (self.who(), Scope::all()),
            1 => (Scope::all(), self.who()),
            _ => (Scope::all(), Scope::all()),
        };
        self.sometime(Span::default(), Fault::Links { from, to, what })
    }

    fn behaviour(&mut self) -> Behaviour {
        let share = self.share();
        let extra = self.millis(&[100, 1_000, 8_000]);
        self.pick(&[
            Behaviour::Silent,
            Behaviour::Delay(extra),
            Behaviour::Replay,
            Behaviour::Corrupt(share),
            Behaviour::Equivocate,
            Behaviour::Lie(Lie::Contacts),
            Behaviour::Lie(Lie::Values),
            Behaviour::Lie(Lie::Providers),
            Behaviour::Drop(share),
        ])
    }

    /// At some time, for some time: mostly with an end, sometimes again and again.
    fn sometime(&mut self, within: Span, what: Fault) -> FaultSpec {
        let at = self.part(0, 90);
        let left = self.scenario.duration.0.saturating_sub(at.0 + within.0);
        let lasting = (self.rng.below(5) > 0).then(|| self.part(1, 40)).filter(|lasting| lasting.0 <= left);
        let mut fault = FaultSpec { at, within, lasting, every: None, times: None, what };
        if let Some(lasting) = lasting
            && self.rng.below(4) == 0
        {
            let every = Span(lasting.0 + within.0 + self.part(1, 10).0);
            let rounds = (left.saturating_sub(lasting.0).as_nanos() / every.0.as_nanos().max(1)).min(5) as u32;
            if rounds > 0 {
                (fault.every, fault.times) = (Some(every), Some(1 + rounds));
            }
        }
        fault
    }

    /// One peer, or some that follow one another.
    fn who(&mut self) -> Scope {
        let peers = self.scenario.peers;
        if peers < 3 || self.rng.below(3) == 0 {
            return Scope::Peers(vec![self.rng.below(u64::from(peers)) as u32]);
        }
        let count = 2 + self.rng.below(u64::from(peers / 2).max(1)) as u32;
        let from = self.rng.below(u64::from(peers.saturating_sub(count)) + 1) as u32;
        range(from, (from + count).min(peers))
    }

    /// A part of the scenario's duration, from and to so many hundredths of it, in round numbers.
    fn part(&mut self, from: u64, to: u64) -> Span {
        let whole = self.scenario.duration.nanos();
        let unit = [1_000_000_000, 100_000_000, 1_000_000, 1_000].into_iter().find(|unit| whole / 100 >= *unit).unwrap_or(1);
        let at = |hundredths: u64| (u128::from(whole) * u128::from(hundredths) / 100 / u128::from(unit)) as u64;
        let (from, to) = (at(from), at(to));
        Span(Duration::from_nanos((from + self.rng.below(to.saturating_sub(from) + 1)).max(u64::from(from > 0)) * unit))
    }

    fn share(&mut self) -> Share {
        Share(self.pick(&[0.1, 0.25, 0.5, 0.75, 1.0]))
    }

    fn millis(&mut self, of: &[u64]) -> Span {
        Span(Duration::from_millis(self.pick(of)))
    }

    fn coin(&mut self) -> bool {
        self.rng.below(2) == 0
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.rng.index(of.len())]
    }
}

fn range(from: u32, to: u32) -> Scope {
    if to - from == 1 { Scope::Peers(vec![from]) } else { Scope::Range(PeerRange { from, to }) }
}
