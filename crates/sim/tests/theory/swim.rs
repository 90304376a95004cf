//! SWIM's failure detector: how long until the first peer notices a crash.
//!
//! In every period each of n peers pings one other, chosen uniformly, and takes it for dead when no answer comes in time (Das, Gupta, Motivala:
//! *SWIM: Scalable Weakly-consistent Infection-style Process Group Membership Protocol*, DSN 2002). A crashed peer is missed by all n − 1 others
//! in one period with probability (1 − 1/(n − 1))^(n − 1) → 1/e. So the period of the first detection is geometric, whenever within a period each
//! peer has its turn, and its mean is
//!
//! ```text
//!   1 / (1 − (1 − 1/(n − 1))^(n − 1))   →   e / (e − 1) = 1.582 periods
//! ```
//!
//! The left side is exact, so the simulation is compared with that: at n = 100 it is 0.3 % below the limit. Only the direct ping is played; SWIM's
//! indirect ones guard against loss, and nothing is lost here.

use core::time::Duration;

use peerglass_core::{Cx, Describe, Peer, Protocol, Time};
use peerglass_sim::statistics::{Comparison, Tolerance};
use peerglass_sim::{Detection, Network};

use crate::{EXACT, claim, replicate, world};

const PERIOD: Duration = Duration::from_secs(1);

/// How long an answer may take. Pings go out in the first half of a period, so all is known by its end.
const PATIENCE: Duration = Duration::from_millis(300);

/// A peer that pings.
#[derive(Default)]
struct Swim {
    /// Whose answer is awaited.
    awaited: Option<Peer>,
    /// Whom it took for dead.
    suspects: Vec<Peer>,
}

#[derive(Clone, Copy)]
enum Message {
    Ping,
    Ack,
}

#[derive(Clone, Copy)]
enum Timer {
    /// Its turn in this period has come.
    Turn,
    /// The answer should have come.
    Overdue,
}

impl Describe for Message {
    fn name(&self) -> &'static str {
        match self {
            Message::Ping => "PING",
            Message::Ack => "ACK",
        }
    }
}

impl Describe for Timer {
    fn name(&self) -> &'static str {
        match self {
            Timer::Turn => "turn",
            Timer::Overdue => "overdue",
        }
    }
}

impl Protocol for Swim {
    /// How many peers there are.
    type Config = u64;
    type Message = Message;
    type Timer = Timer;
    type Command = ();
    type Event = ();
    fn start(&mut self, cx: &mut Cx<'_, Self>) {
        let turn = cx.rng().duration(Duration::ZERO, PERIOD / 2);
        cx.wake_in(turn, Timer::Turn);
    }
    fn on_message(&mut self, from: Peer, message: Message, cx: &mut Cx<'_, Self>) {
        match message {
            Message::Ping => cx.send(from, Message::Ack),
            Message::Ack => self.awaited = None,
        }
    }
    fn on_timer(&mut self, timer: Timer, cx: &mut Cx<'_, Self>) {
        match timer {
            Timer::Turn => {
                let others = *cx.config() - 1;
                let other = cx.rng().below(others) as u32;
                let other = Peer(if other < cx.me().0 { other } else { other + 1 });
                self.awaited = Some(other);
                cx.send(other, Message::Ping);
                cx.wake_in(PATIENCE, Timer::Overdue);
                cx.wake_in(PERIOD, Timer::Turn);
            }
            Timer::Overdue => self.suspects.extend(self.awaited.take()),
        }
    }
    fn on_command(&mut self, (): (), _: &mut Cx<'_, Self>) {}
    fn on_unreachable(&mut self, _: Peer, _: &mut Cx<'_, Self>) {}
    fn peers(&self, _: &mut dyn FnMut(Peer)) {}
}

/// In which period after the crash of a peer the first other one noticed.
fn first_detection(seed: u64, peers: u64) -> f64 {
    // Nobody is told of a dead receiver: the detector is what finds out.
    let mut sim = world::<Swim, ()>(seed, peers, Network { detection: Detection::Never, ..Network::default() });
    for _ in 0..peers {
        sim.join_at(Time::ZERO, Swim::default(), ());
    }
    let dead = Peer((seed % peers) as u32);
    let crash = Time::ZERO + 2 * PERIOD;
    sim.crash_at(crash, dead).unwrap();
    let noticed = |period: &u32| {
        sim.run_until(crash + PERIOD * *period);
        let suspects: Vec<Peer> = sim.living().flat_map(|(_, peer)| peer.suspects.iter().copied()).collect();
        assert!(suspects.iter().all(|suspect| *suspect == dead), "a living peer was taken for dead");
        !suspects.is_empty()
    };
    (1..1_000u32).find(noticed).map(f64::from).expect("a crash is noticed")
}

#[test]
fn the_first_peer_notices_a_crash_after_as_many_periods_as_swim_says() {
    const PEERS: u64 = 100;
    let others = (PEERS - 1) as f64;
    let comparison = Comparison {
        quantity: format!("periods to the first detection of a crash, {PEERS} peers (limit 1.582)"),
        simulated: replicate(4_000, EXACT, |seed| first_detection(seed, PEERS)),
        theory: 1.0 / (1.0 - (1.0 - 1.0 / others).powf(others)),
        formula: "1/(1 − (1 − 1/(n−1))^(n−1)) → e/(e−1)",
        source: "Das, Gupta, Motivala 2002",
    };
    claim(&comparison, Tolerance::Inside { widest: 0.05 });
}
