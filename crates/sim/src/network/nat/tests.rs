use super::*;
use peerglass_core::Rng;

const A: Peer = Peer(0);
const B: Peer = Peer(1);
const SERVER: Peer = Peer(9);

fn nat(kind: NatKind) -> Nat {
    Nat::new(kind, Nat::TIMEOUT)
}

fn ms(ms: u64) -> Time {
    Time::from_millis(ms)
}

/// Two peers and their boxes, 50 ms apart.
struct Two {
    a: Nat,
    b: Nat,
}

impl Two {
    fn new(a: NatKind, b: NatKind) -> Self {
        Self { a: nat(a), b: nat(b) }
    }

    /// Both send at the same time. Whether the packet came through to a, and to b.
    fn both_send(&mut self, at: u64) -> (bool, bool) {
        let (from_a, from_b) = (self.a.outbound(B, ms(at)), self.b.outbound(A, ms(at)));
        (self.a.inbound(B, from_b, ms(at + 50)), self.b.inbound(A, from_a, ms(at + 50)))
    }

    /// Only a sends.
    fn a_sends(&mut self, at: u64) -> bool {
        let source = self.a.outbound(B, ms(at));
        self.b.inbound(A, source, ms(at + 50))
    }

    fn b_sends(&mut self, at: u64) -> bool {
        let source = self.b.outbound(A, ms(at));
        self.a.inbound(B, source, ms(at + 50))
    }
}

/// Rows and columns from open to symmetric; `+` where both reach each other.
#[test]
fn hole_punching_succeeds_for_exactly_the_well_known_pairs() {
    let expected = ["+++++", "+++++", "+++++", "++++-", "+++--"];
    for (a, row) in NatKind::ALL.into_iter().zip(expected) {
        for (b, mark) in NatKind::ALL.into_iter().zip(row.chars()) {
            let mut two = Two::new(a, b);
            two.both_send(0);
            two.both_send(1_000);
            let (to_a, to_b) = two.both_send(2_000);
            assert_eq!((to_a, to_b), (mark == '+', mark == '+'), "{} and {}", a.name(), b.name());
        }
    }
}

#[test]
fn two_rounds_suffice_for_every_pair_that_can_meet() {
    for a in NatKind::ALL {
        for b in NatKind::ALL {
            let mut two = Two::new(a, b);
            two.both_send(0);
            let second = two.both_send(1_000);
            assert_eq!(second, two.both_send(2_000), "{} and {}", a.name(), b.name());
        }
    }
}

/// Without simultaneous sending: whom can a stranger reach, and who can answer?
#[test]
fn a_first_packet_reaches_open_peers_only_and_its_answer_reaches_everybody() {
    for client in NatKind::ALL {
        for server in NatKind::ALL {
            let mut two = Two::new(client, server);
            assert_eq!(two.a_sends(0), server == NatKind::Open, "{} to {}", client.name(), server.name());
        }
        let mut two = Two::new(client, NatKind::Open);
        assert!(two.a_sends(0) && two.b_sends(100) && two.a_sends(200) && two.b_sends(300), "{}", client.name());
    }
}

#[test]
fn an_open_peer_without_a_box_is_answered_like_one_with_a_box() {
    for kind in NatKind::ALL {
        let mut peer = nat(kind);
        assert_eq!(peer.inbound(SERVER, Source::PUBLIC, ms(0)), kind == NatKind::Open);
        peer.outbound(SERVER, ms(1));
        assert!(peer.inbound(SERVER, Source::PUBLIC, ms(2)), "{}", kind.name());
    }
}

/// Both register at a public server, which tells each of the other: the port that the server sees of a symmetric box is not the one for others.
#[test]
fn registering_at_a_rendezvous_opens_the_box_to_the_server_alone_except_for_full_cones() {
    for kind in NatKind::ALL {
        let (mut peer, mut server, mut stranger) = (nat(kind), nat(NatKind::Open), nat(NatKind::Open));
        let hello = peer.outbound(SERVER, ms(0));
        assert!(server.inbound(A, hello, ms(50)));
        let welcome = server.outbound(A, ms(50));
        assert!(peer.inbound(SERVER, welcome, ms(100)), "{}", kind.name());
        let call = stranger.outbound(A, ms(200));
        assert_eq!(peer.inbound(B, call, ms(250)), kind <= NatKind::FullCone, "{}", kind.name());
    }
}

/// An open peer has a rendezvous ask the other to call: connection reversal (RFC 5128, section 3.2).
#[test]
fn connection_reversal_reaches_a_peer_behind_any_box_from_an_open_one() {
    for kind in NatKind::ALL {
        let mut two = Two::new(NatKind::Open, kind);
        two.a_sends(0);
        assert!(two.b_sends(100) && two.a_sends(200), "{}", kind.name());
    }
}

#[test]
fn a_mapping_closes_when_its_time_is_over_and_incoming_packets_do_not_prolong_it() {
    for kind in NatKind::ALL.into_iter().skip(1) {
        let mut peer = nat(kind);
        peer.outbound(SERVER, Time::ZERO);
        let last = Time::ZERO + Nat::TIMEOUT - Duration::from_nanos(1);
        assert!(peer.inbound(SERVER, Source::PUBLIC, Time::from_secs(60)) && peer.inbound(SERVER, Source::PUBLIC, last), "{}", kind.name());
        assert!(!peer.inbound(SERVER, Source::PUBLIC, Time::ZERO + Nat::TIMEOUT), "{}", kind.name());
    }
}

#[test]
fn keep_alives_hold_a_hole_open_for_as_long_as_they_come() {
    for (a, b) in [(NatKind::PortRestrictedCone, NatKind::PortRestrictedCone), (NatKind::Symmetric, NatKind::RestrictedCone)] {
        let mut two = Two::new(a, b);
        (0..3).for_each(|round| _ = two.both_send(round * 1_000));
        for minute in 1..60 {
            assert_eq!(two.both_send(minute * 60_000), (true, true), "{} and {}, minute {minute}", a.name(), b.name());
        }
        // Nothing for longer than the timeout: the hole is closed, and must be punched again.
        assert!(!two.a_sends(70 * 60_000), "{} to {}", a.name(), b.name());
    }
}

#[test]
fn a_symmetric_box_takes_a_new_port_when_its_mapping_has_expired() {
    let (mut symmetric, mut open) = (nat(NatKind::Symmetric), nat(NatKind::Open));
    let first = symmetric.outbound(SERVER, ms(0));
    assert_eq!(symmetric.outbound(SERVER, ms(100_000)), first, "prolonged");
    assert!(open.inbound(A, first, ms(100_050)));
    // The mapping expires, and a new one is opened by a packet that gets lost.
    let second = symmetric.outbound(SERVER, ms(300_000));
    assert_ne!(second, first);
    let stale = open.outbound(A, ms(300_010));
    assert!(!symmetric.inbound(SERVER, stale, ms(300_060)), "it goes to the port that was");
    assert!(open.inbound(A, second, ms(300_100)));
    let right = open.outbound(A, ms(300_110));
    assert!(symmetric.inbound(SERVER, right, ms(300_160)));
}

#[test]
fn a_symmetric_box_has_a_port_for_each_destination() {
    let mut symmetric = nat(NatKind::Symmetric);
    let sources: Vec<Source> = (1..4).map(|peer| symmetric.outbound(Peer(peer), ms(0))).collect();
    assert!(sources[0].from != sources[1].from && sources[1].from != sources[2].from && sources[0].from != sources[2].from);
    let mut cone = nat(NatKind::FullCone);
    assert_eq!(cone.outbound(Peer(1), ms(0)).from, cone.outbound(Peer(2), ms(0)).from);
}

#[test]
fn ports_come_round_without_the_two_that_mean_something() {
    let mut symmetric = nat(NatKind::Symmetric);
    for round in 0..140_000 {
        let source = symmetric.outbound(Peer(round), ms(0));
        assert!(source.from > WELL_KNOWN, "round {round}");
    }
}

#[test]
fn a_box_stays_within_its_bound_and_keeps_the_newest() {
    for kind in NatKind::ALL {
        let mut peer = nat(kind);
        for i in 0..20_000u32 {
            let now = Time::from_nanos(u64::from(i));
            peer.outbound(Peer(i), now);
            peer.inbound(Peer(i), Source { from: 7, to: ANY }, now);
            assert!(peer.mappings.len() <= Nat::MOST && peer.heard.len() <= Nat::MOST);
        }
        let newest = 20_000 - Nat::MOST as u32 / 2;
        if kind > NatKind::FullCone {
            assert!((newest..20_000).all(|i| peer.live(Peer(i), ms(1)).is_some()), "{}", kind.name());
        }
    }
}

#[test]
fn memory_follows_what_is_live() {
    let mut peer = nat(NatKind::Symmetric);
    // One new destination a second: 120 are live at any time.
    for second in 0..10_000u32 {
        peer.outbound(Peer(second), Time::from_secs(u64::from(second)));
        assert!(peer.entries() <= 2 * 120 + 1, "{} entries", peer.entries());
    }
}

/// Any history, and the rule of each kind said once more, from a full log of what was sent.
#[test]
fn cones_admit_what_the_log_of_sent_packets_says() {
    for kind in [NatKind::FullCone, NatKind::RestrictedCone, NatKind::PortRestrictedCone] {
        for seed in 0..50 {
            let (mut dice, mut peer, mut log, mut now) = (Rng::new(seed), nat(kind), Vec::new(), Time::ZERO);
            for _ in 0..200 {
                now += Duration::from_secs(dice.below(60));
                let other = Peer(dice.below(4) as u32);
                if dice.chance(0.4) {
                    peer.outbound(other, now);
                    log.push((other, now));
                } else {
                    let sent = |to: Option<Peer>| log.iter().any(|(peer, at)| to.is_none_or(|to| to == *peer) && now.since(*at) < Nat::TIMEOUT);
                    let expected = sent(if kind == NatKind::FullCone { None } else { Some(other) });
                    assert_eq!(peer.inbound(other, Source::PUBLIC, now), expected);
                }
            }
        }
    }
}

#[test]
fn a_timeout_of_zero_is_refused() {
    let refused = Nat::check_timeout(Duration::ZERO).unwrap_err().to_string();
    assert!(refused.contains("timeout of NAT mappings is zero"));
    assert!(Nat::check_timeout(Nat::TIMEOUT).is_ok());
}
