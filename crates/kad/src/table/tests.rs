use core::time::Duration;

use peerglass_core::Known;
use proptest::prelude::*;

use super::*;

const SEED: u64 = 5;
const DERIVED: Acquaintances<'static> = Acquaintances::derived(SEED);
const ME: Peer = Peer(u32::MAX);

fn table() -> Table {
    Table::new(Key::derived(SEED, ME))
}

fn filled(peers: impl IntoIterator<Item = u32>, config: &Config) -> Table {
    let mut table = table();
    for peer in peers {
        table.insert(Peer(peer), Time::from_secs(u64::from(peer) * 4), DERIVED, config);
    }
    table
}

/// What must hold of every table.
fn check(table: &Table, config: &Config) {
    assert_eq!((0..table.buckets()).map(|i| table.bucket(i).len()).sum::<usize>(), table.len());
    for i in 0..table.buckets() {
        assert!(table.bucket(i).len() <= config.k, "bucket {i} is overfull");
        for contact in table.bucket(i) {
            let prefix = table.own().common_prefix(DERIVED.key(contact.peer)) as usize;
            assert!(prefix == i || prefix > i && i + 1 == table.buckets(), "{} is in the wrong bucket", contact.peer);
        }
    }
}

#[test]
fn a_full_network_of_ten_thousand_gives_the_table_size_of_theory() {
    // k (log2(N/k) + 0.9) = 197.4, reference theory section 3; the mean over owners is within 3 %.
    let config = Config::default();
    let mut total = 0;
    for owner in 0..20 {
        let mut table = Table::new(Key::derived(SEED, Peer(owner)));
        for peer in (0..10_000).filter(|p| *p != owner) {
            table.insert(Peer(peer), Time::ZERO, DERIVED, &config);
        }
        check(&table, &config);
        total += table.len();
    }
    let mean = f64::from(total as u32) / 20.0;
    assert!((mean / 197.4 - 1.0).abs() < 0.03, "{mean} contacts");
}

#[test]
fn the_table_of_a_million_peers_stays_under_four_kilobytes() {
    // A table of a million-peer network: 16 full buckets and a thinning end. Filling each bucket needs peers of its own, so they are picked.
    let config = Config::default();
    let mut table = table();
    for peer in 0..1_000_000 {
        table.insert(Peer(peer), Time::ZERO, DERIVED, &config);
    }
    check(&table, &config);
    let bytes = size_of::<crate::Kad>() + table.heap_bytes();
    assert!((300..360).contains(&table.len()), "{} contacts", table.len());
    assert!(bytes < 4096, "{bytes} bytes for {} contacts and {} replacements", table.len(), table.replacements().count());
    println!("{bytes} bytes a peer: {} of Kad itself, {} for {} contacts", size_of::<crate::Kad>(), table.heap_bytes(), table.len());
}

#[test]
fn an_idle_peer_takes_no_memory_but_its_own() {
    assert_eq!(table().heap_bytes(), 0);
    assert!(size_of::<crate::Kad>() <= 400, "{} bytes", size_of::<crate::Kad>());
}

#[test]
fn a_responsive_contact_is_never_given_up_for_a_newer_one() {
    let config = Config { k: 4, max_buckets: 1, replacements: 4, ..Config::default() };
    let table = filled(0..100, &config);
    assert_eq!(table.contacts().iter().map(|c| c.peer.0).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert_eq!(table.replacements().collect::<Vec<_>>(), [Peer(96), Peer(97), Peer(98), Peer(99)], "the freshest wait");
}

#[test]
fn contacts_stand_from_the_least_to_the_most_recently_seen() {
    let config = Config { k: 4, max_buckets: 1, replacements: 4, ..Config::default() };
    let mut table = filled(0..4, &config);
    assert_eq!(table.insert(Peer(1), Time::from_secs(50), DERIVED, &config), Insert::Known);
    assert_eq!(table.see(Peer(0), Time::from_secs(60), DERIVED, &config), Sight::Contact);
    assert_eq!(table.contacts().iter().map(|c| c.peer.0).collect::<Vec<_>>(), [2, 3, 1, 0]);
    let Insert::Full { oldest, .. } = table.insert(Peer(9), Time::from_secs(61), DERIVED, &config) else { panic!() };
    assert_eq!(oldest.peer, Peer(2));
    assert!(oldest.is_questionable(Time::from_secs(310), Duration::from_secs(300)));
}

#[test]
fn a_contact_that_fails_is_demoted_then_evicted_and_replaced() {
    let config = Config { k: 4, max_buckets: 1, replacements: 4, tolerated_failures: 1, ..Config::default() };
    let mut table = filled(0..6, &config);
    assert_eq!(table.fail(Peer(2), DERIVED, &config), Failure::Demoted { wanted: true });
    assert_eq!(table.contacts()[0].peer, Peer(2), "the first to be replaced");
    let mut told = Vec::new();
    table.closest(Key::default(), 10, ME, DERIVED, &mut told);
    assert!(!told.contains(&Peer(2)), "and not told to others");
    assert_eq!(table.fail(Peer(2), DERIVED, &config), Failure::Evicted { replacement: Some(Peer(5)) });
    assert_eq!(table.fail(Peer(2), DERIVED, &config), Failure::Unknown);
    assert_eq!((table.len(), table.replacements().collect::<Vec<_>>()), (4, vec![Peer(4)]));
    check(&table, &config);
}

#[test]
fn a_sign_of_life_saves_a_demoted_contact() {
    let config = Config { k: 4, max_buckets: 1, replacements: 4, ..Config::default() };
    let mut table = filled(0..6, &config);
    table.fail(Peer(2), DERIVED, &config);
    table.insert(Peer(2), Time::from_secs(90), DERIVED, &config);
    assert_eq!(table.fail(Peer(2), DERIVED, &config), Failure::Demoted { wanted: true });
}

#[test]
fn replacements_that_fail_are_forgotten() {
    let config = Config { k: 4, max_buckets: 1, replacements: 4, ..Config::default() };
    let mut table = filled(0..6, &config);
    table.fail(Peer(5), DERIVED, &config);
    assert_eq!(table.remove(Peer(0), DERIVED, &config), Some(Failure::Evicted { replacement: Some(Peer(4)) }));
}

#[test]
fn the_owner_is_no_contact_of_its_own() {
    assert_eq!(table().insert(ME, Time::ZERO, DERIVED, &Config::default()), Insert::Own);
}

struct Streets;
impl Known for Streets {
    fn key(&self, peer: Peer) -> Key {
        Key::derived(SEED, peer)
    }
    fn group(&self, peer: Peer) -> Group {
        Group(u64::from(peer.0 / 100))
    }
}

#[test]
fn a_group_has_only_so_many_places_and_no_group_has_no_cap() {
    let config = Config { group_per_table: 6, group_per_bucket: 2, ..Config::default() };
    let acquaintances = Acquaintances::Known(&Streets);
    let mut table = table();
    for peer in 0..500 {
        table.insert(Peer(peer), Time::ZERO, acquaintances, &config);
    }
    let of = |contacts: &[Contact], group| contacts.iter().filter(|c| acquaintances.group(c.peer) == group).count();
    assert!(of(table.contacts(), Group::NONE) > 20, "peers 0 to 99 are in no group");
    for group in (1..5).map(Group) {
        assert!(of(table.contacts(), group) <= 6);
        assert!((0..table.buckets()).all(|i| of(table.bucket(i), group) <= 2));
    }
}

/// The obvious way: sort everybody.
fn closest_by_sorting(table: &Table, target: Key, n: usize, skip: Peer) -> Vec<Peer> {
    let healthy = table.contacts().iter().filter(|c| c.is_healthy() && c.peer != skip);
    let mut all: Vec<_> = healthy.map(|c| (DERIVED.key(c.peer) ^ target, c.peer)).collect();
    all.sort_unstable();
    let mut all: Vec<Peer> = all.into_iter().take(n).map(|(_, peer)| peer).collect();
    all.sort_unstable();
    all
}

#[test]
fn a_far_bucket_is_spread_over_its_part_of_the_key_space() {
    // The table knows its own neighbourhood; then a lookup brings the 100 peers closest to one key in the far half of the key space.
    let config = Config::default();
    let mut all: Vec<Peer> = (0..20_000).map(Peer).collect();
    let mut table = table();
    all.sort_by_key(|peer| DERIVED.key(*peer) ^ table.own());
    all[..200].iter().for_each(|peer| _ = table.insert(*peer, Time::ZERO, DERIVED, &config));
    let corner = Key::from_bytes(table.own().to_bytes().map(|byte| !byte));
    all.sort_by_key(|peer| DERIVED.key(*peer) ^ corner);
    all[..100].iter().for_each(|peer| _ = table.insert(*peer, Time::ZERO, DERIVED, &config));
    assert_eq!(table.bucket(0).len(), 2, "the corner gets two places");
    all.sort_unstable();
    all[..300].iter().for_each(|peer| _ = table.insert(*peer, Time::ZERO, DERIVED, &config));
    assert_eq!(table.bucket(0).len(), 20, "and the others are left for whoever comes from elsewhere");
}

proptest! {
    #[test]
    fn closest_is_what_sorting_everybody_gives(
        k in 1usize..25, max_buckets in 1usize..20, n in 0usize..60, peers in 0u32..600, target: [u8; 32], near: bool, failing in 0u32..50,
    ) {
        let config = Config { k, max_buckets, ..Config::default() };
        let mut table = filled(0..peers, &config);
        for peer in 0..failing {
            table.fail(Peer(peer * 7), DERIVED, &config);
        }
        let target = if near { Key::derived(SEED, Peer(u32::from(target[0]))) } else { Key::from_bytes(target) };
        let skip = Peer(u32::from(target.to_bytes()[1]));
        let mut found = vec![Peer(77_777)];
        table.closest(target, n, skip, DERIVED, &mut found);
        prop_assert_eq!(found.remove(0), Peer(77_777), "it appends");
        found.sort_unstable();
        prop_assert_eq!(found, closest_by_sorting(&table, target, n, skip));
    }

    #[test]
    fn any_history_leaves_a_sound_table(k in 1usize..6, max_buckets in 1usize..12, history in proptest::collection::vec((0u8..5, 0u32..80), 0..400)) {
        let config = Config { k, max_buckets, replacements: 2, ..Config::default() };
        let mut table = table();
        for (at, (what, peer)) in history.into_iter().enumerate() {
            let (peer, now) = (Peer(peer), Time::from_secs(at as u64));
            match what {
                0 | 1 => _ = table.insert(peer, now, DERIVED, &config),
                2 => _ = table.fail(peer, DERIVED, &config),
                3 => _ = table.see(peer, now, DERIVED, &config),
                _ => _ = table.remove(peer, DERIVED, &config),
            }
            check(&table, &config);
            prop_assert!(table.replacements().count() <= 2 * table.buckets().max(1));
            prop_assert!(table.replacements().all(|p| !table.contains(p, DERIVED)));
            let mut all: Vec<Peer> = table.contacts().iter().map(|c| c.peer).collect();
            all.sort_unstable();
            all.dedup();
            prop_assert_eq!(all.len(), table.len(), "nobody is there twice");
        }
    }
}
