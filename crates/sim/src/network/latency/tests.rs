//! What holds for every kind of latency.

use peerglass_core::{Peer, Rng};
use proptest::prelude::*;

use super::*;
use crate::network::{Impairment, Jitter, Loss, Network, Verdict};

fn delay() -> impl Strategy<Value = Duration> {
    (0u64..10_000_000_000).prop_map(Duration::from_nanos)
}

fn matrix() -> impl Strategy<Value = Matrix> {
    (1usize..6)
        .prop_flat_map(|n| proptest::collection::vec(proptest::collection::vec(0.0f64..1e5, n), n))
        .prop_map(|rows| rows.iter().map(|row| row.iter().map(f64::to_string).collect::<Vec<_>>().join(",")).collect::<Vec<_>>().join("\n"))
        .prop_map(|text| Matrix::parse(&text).unwrap())
}

fn plane() -> impl Strategy<Value = Plane> {
    let places = prop_oneof![
        (0.0f64..1e6).prop_map(Places::Square),
        proptest::collection::vec((-1e6f64..1e6, -1e6f64..1e6), 1..9).prop_map(|places| Places::Given(places.into())),
    ];
    (delay(), 0u64..1_000_000, places).prop_map(|(base, unit, places)| Plane { base, per_unit: Duration::from_nanos(unit), places })
}

/// Every kind, with any parameters that are allowed.
fn latency() -> impl Strategy<Value = Latency> {
    let world = (0.0f64..20.0, 1u64..10_000_000_000, 0.0f64..5.0)
        .prop_map(|(stretch, median, sigma)| Geographic::new(stretch, LastMile { median: Duration::from_nanos(median), sigma }).unwrap());
    prop_oneof![
        delay().prop_map(Latency::Constant),
        (delay(), delay()).prop_map(|(a, b)| Latency::Uniform { from: a.min(b), to: a.max(b) }),
        (delay(), delay(), delay()).prop_map(|(mean, deviation, least)| Latency::Normal { mean, deviation, least }),
        (1u64..10_000_000_000, 0.0f64..5.0, delay()).prop_map(|(median, sigma, least)| Latency::LogNormal {
            median: Duration::from_nanos(median),
            sigma,
            least
        }),
        plane().prop_map(Latency::Plane),
        world.prop_map(Latency::Geographic),
        (matrix(), any::<bool>()).prop_map(|(matrix, dice)| Latency::Matrix(matrix.with_rows(if dice { Rows::ByDice } else { Rows::InTurn }))),
    ]
}

fn jitter() -> impl Strategy<Value = Jitter> {
    prop_oneof![
        Just(Jitter::None),
        delay().prop_map(|up_to| Jitter::Uniform { up_to }),
        delay().prop_map(|mean| Jitter::Exponential { mean }),
        delay().prop_map(|deviation| Jitter::Normal { deviation }),
    ]
}

proptest! {
    /// What the parallel engine rests on: within the smallest latency, peers cannot affect one another.
    #[test]
    fn no_packet_is_ever_faster_than_the_smallest_latency(
        latency in latency(), jitter in jitter(), pair: bool, seed: u64, chance in 0.0f64..1.0, hold in 1u64..1_000_000_000
    ) {
        let impairment = Impairment { reorder: chance, hold: Duration::from_nanos(hold), duplicate: chance, corrupt: chance };
        let spread = if pair { Spread::PerPair } else { Spread::PerPacket };
        let network = Network { latency, spread, jitter, loss: Loss::Bernoulli(chance / 2.0), impairment, ..Network::default() };
        prop_assert!(network.check().is_ok());
        prop_assert!(network.latency.typical() >= network.min_latency());
        for order in 0..200u64 {
            let packet = Packet { from: Peer((seed >> 7) as u32 ^ (order as u32 / 3)), to: Peer(order as u32 % 17), order };
            if let Verdict::Arrives { after, copy, .. } = network.verdict(seed, &packet, &mut false) {
                prop_assert!(after >= network.min_latency());
                prop_assert!(copy.is_none_or(|copy| copy >= network.min_latency()));
            }
            prop_assert!(network.refusal(seed, &packet).is_none_or(|after| after >= network.min_latency()));
        }
    }

    #[test]
    fn a_pair_is_as_far_apart_in_both_directions_and_always(latency in latency(), seed: u64, a: u32, b: u32) {
        let (there, back) = (of_pair(&latency, seed, Peer(a), Peer(b)), of_pair(&latency, seed, Peer(b), Peer(a)));
        prop_assert_eq!(there, of_pair(&latency, seed, Peer(a), Peer(b)));
        if !matches!(latency, Latency::Matrix(_)) {
            prop_assert_eq!(there, back);
        }
    }

    /// Any two points of a plane, and any two cities: the way over a third is no shorter, apart from what its ends cost.
    #[test]
    fn a_plane_keeps_the_triangle_inequality(plane in plane(), seed: u64, peers: [u32; 3]) {
        let [a, b, c] = peers.map(Peer);
        let way = |a, b| plane.between(seed, a, b) - plane.base;
        prop_assert!(way(a, c) <= way(a, b) + way(b, c) + Duration::from_nanos(1 + way(a, c).as_nanos() as u64 / (1 << 40)));
    }
}

#[test]
fn normal_latencies_have_the_given_mean_and_deviation() {
    let ms = Duration::from_millis(1);
    let latency = Latency::Normal { mean: 100 * ms, deviation: 10 * ms, least: 20 * ms };
    let (mut dice, n) = (Rng::new(4), 100_000);
    let drawn: Vec<f64> = (0..n).map(|_| latency.draw(0, Peer(0), Peer(1), &mut dice).as_secs_f64() * 1e3).collect();
    let mean = drawn.iter().sum::<f64>() / f64::from(n);
    let deviation = (drawn.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / f64::from(n)).sqrt();
    // Standard errors: 10 / √n of the mean, 10 / √2n of the deviation. Twenty is eight deviations away and does not show.
    assert!((mean - 100.0).abs() < 4.0 * 10.0 / f64::from(n).sqrt(), "mean {mean}");
    assert!((deviation - 10.0).abs() < 4.0 * 10.0 / f64::from(2 * n).sqrt(), "deviation {deviation}");
}

#[test]
fn the_typical_latency_of_a_world_is_about_its_median() {
    let world = Latency::Geographic(Geographic::default());
    let mut all: Vec<Duration> = (0..20_000).map(|i| of_pair(&world, 5, Peer(i), Peer(i + 20_000))).collect();
    all.sort_unstable();
    // The estimate is a quantile between 0.45 and 0.55, three deviations of the rank of a median of a thousand.
    let typical = world.typical();
    assert!(all[9_000] < typical && typical < all[11_000], "{typical:?} within {:?} and {:?}", all[9_000], all[11_000]);
}

#[test]
fn latencies_without_end_are_refused_by_name() {
    let (ms, forever) = (Duration::from_millis(1), Duration::MAX);
    let refused = |latency: Latency| latency.check().unwrap_err().to_string();
    assert!(refused(Latency::Constant(forever)).contains("the latency is"));
    assert!(refused(Latency::Uniform { from: ms, to: forever }).contains("the largest latency is"));
    assert!(refused(Latency::Normal { mean: ms, deviation: forever, least: ms }).contains("the deviation of the latency is"));
    assert!(refused(Latency::LogNormal { median: ms, sigma: 1.0, least: forever }).contains("give at most 31536000s"));
}
