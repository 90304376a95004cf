//! The verdict as a whole: what the pieces do together.

use super::*;

fn packet(order: u64) -> Packet {
    Packet { from: Peer(1), to: Peer(2), order }
}

/// The verdicts on the first `n` packets of a sender.
fn verdicts(network: &Network, n: u64) -> Vec<Verdict> {
    let mut bad = false;
    (0..n).map(|order| network.verdict(7, &packet(order), &mut bad)).collect()
}

const MS: Duration = Duration::from_millis(1);

#[test]
fn a_calm_network_delivers_everything_after_its_latency() {
    let all = verdicts(&Network::default(), 100);
    assert!(all.iter().all(|verdict| *verdict == Verdict::Arrives { after: 50 * MS, copy: None, corrupt: false }));
}

#[test]
fn a_packet_has_the_same_fate_whenever_it_is_judged() {
    let impairment = Impairment { reorder: 0.2, hold: 40 * MS, duplicate: 0.2, corrupt: 0.2 };
    let latency = Latency::Uniform { from: 10 * MS, to: 90 * MS };
    let network = Network { latency, loss: Loss::Bernoulli(0.2), impairment, ..Network::default() };
    let forwards = verdicts(&network, 1_000);
    for order in (0..1_000).rev() {
        assert_eq!(network.verdict(7, &packet(order), &mut false), forwards[order as usize]);
    }
}

#[test]
fn packets_that_are_held_back_are_overtaken_and_the_others_keep_their_order() {
    let network = Network { impairment: Impairment { reorder: 0.25, hold: 10 * MS, ..Impairment::default() }, ..Network::default() };
    let late: Vec<Duration> = verdicts(&network, 10_000)
        .into_iter()
        .filter_map(|verdict| match verdict {
            Verdict::Arrives { after, copy: None, corrupt: false } if after > 50 * MS => Some(after),
            Verdict::Arrives { after, copy: None, corrupt: false } => {
                assert_eq!(after, 50 * MS);
                None
            }
            other => panic!("nothing else was asked for: {other:?}"),
        })
        .collect();
    // Within four standard errors of a quarter.
    assert!((late.len() as f64 - 2_500.0).abs() < 4.0 * 1_875f64.sqrt(), "{} held back", late.len());
    assert!(late.iter().all(|after| *after < 60 * MS));
}

#[test]
fn a_copy_has_a_way_of_its_own() {
    let latency = Latency::Uniform { from: 10 * MS, to: 90 * MS };
    let network = Network { latency, impairment: Impairment { duplicate: 1.0, ..Impairment::default() }, ..Network::default() };
    let mut first = 0;
    for verdict in verdicts(&network, 1_000) {
        let Verdict::Arrives { after, copy: Some(copy), corrupt: false } = verdict else { panic!("every packet is doubled: {verdict:?}") };
        assert_ne!(after, copy);
        first += u32::from(copy < after);
    }
    assert!((f64::from(first) - 500.0).abs() < 4.0 * 250f64.sqrt(), "{first} copies came before the original");
}

#[test]
fn under_pair_latencies_only_what_is_held_back_is_late() {
    let latency = Latency::LogNormal { median: 50 * MS, sigma: 0.5, least: 5 * MS };
    let impairment = Impairment { reorder: 0.5, hold: MS, duplicate: 1.0, corrupt: 1.0 };
    let network = Network { latency: latency.clone(), spread: Spread::PerPair, impairment, ..Network::default() };
    let pair = latency::of_pair(&latency, 7, Peer(1), Peer(2));
    for verdict in verdicts(&network, 1_000) {
        let Verdict::Arrives { after, copy: Some(copy), corrupt: true } = verdict else { panic!("{verdict:?}") };
        assert!((pair..pair + MS).contains(&after) && (pair..pair + MS).contains(&copy));
    }
}

#[test]
fn every_parameter_of_the_network_is_checked() {
    let refused = |network: Network| network.check().unwrap_err().to_string();
    let base = Network::default;
    assert!(base().check().is_ok());
    assert!(refused(Network { loss: Loss::Bernoulli(-0.1), ..base() }).contains("the loss is -0.1"));
    assert!(refused(Network { impairment: Impairment { corrupt: 7.0, ..Impairment::default() }, ..base() }).contains("corruption is 7"));
    assert!(refused(Network { loopback: Duration::MAX, ..base() }).contains("the loopback is"));
    assert!(refused(Network { detection: Detection::After(Duration::MAX), ..base() }).contains("the delay of detection is"));
}

#[test]
fn jitter_comes_on_top_of_the_pairs_latency() {
    let latency = Latency::LogNormal { median: 50 * MS, sigma: 0.5, least: 5 * MS };
    let network = Network { latency, spread: Spread::PerPair, jitter: Jitter::Uniform { up_to: 4 * MS }, ..Network::default() };
    let pair = latency::of_pair(&network.latency, 7, Peer(1), Peer(2));
    let afters: Vec<Duration> = verdicts(&network, 1_000)
        .into_iter()
        .map(|verdict| match verdict {
            Verdict::Arrives { after, copy: None, corrupt: false } => after,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(afters.iter().all(|after| (pair..pair + 4 * MS).contains(after)));
    assert!(afters.iter().any(|after| *after > pair + 3 * MS) && afters.iter().any(|after| *after < pair + MS));
}

/// A forked engine takes its network along, and shards share it.
#[test]
fn all_models_can_be_cloned_and_sent() {
    fn travels<T: Clone + Send + Sync + 'static>() {}
    travels::<Network>();
    travels::<Nat>();
    travels::<Flows>();
}
