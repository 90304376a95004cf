use std::path::Path;
use std::time::Duration;

use peerglass_core::{Peer, Time};
use peerglass_kad::validator::{Invalid, Validator, Validators};
use peerglass_sim::laws::NoPanic;
use peerglass_sim::{Network, Setup, Simulation, Violation, Watch};
use peerglass_stack::{Command, Config, Stack, wire_len};
use peerglass_trace::{Capture, Counting, Off};

use super::*;
use crate::hunt::Drawing;

/// Thirty peers that publish and fetch small things, with these keys on top.
pub(crate) fn scenario(more: &str) -> Scenario {
    let text = format!(
        "title = \"t\"\npeers = 30\nduration = \"60 s\"\n[network]\nloss = 0.01\n[join]\nwithin = \"4 s\"\n[[lookup]]\ncount = 20\nat = \"6 s\"\nwithin = \"40 s\"\n\
         [[workload]]\nkind = \"publish\"\ncount = 10\nfrom = \"6 s\"\nuntil = \"30 s\"\npopularity = {{ exponent = 0.0, items = 10, size = \"16 KiB\" }}\n\
         [[workload]]\nkind = \"fetch\"\ncount = 20\nfrom = \"20 s\"\nuntil = \"50 s\"\npopularity = {{ exponent = 0.0, items = 10, size = \"16 KiB\" }}\n{more}"
    );
    Scenario::parse(&text, "small.toml".as_ref()).unwrap()
}

/// Lookups led astray: most peers name nobody, and records are kept by two.
pub(crate) const LIARS: &str =
    "[kademlia]\nk = 2\n[[fault]]\nkind = \"byzantine\"\nbehaviour = \"lie\"\nlie = \"contacts\"\nwho = { range = \"0..20\" }\nat = \"5 s\"\n";

fn broken(scenario: &Scenario, seed: u64, laws: &str) -> Option<Violation> {
    let mut run: WatchedRun<Off> = Run::watched(scenario.clone(), seed, Off, &laws.parse().unwrap()).unwrap();
    run.run_watched(|_| true)
}

#[test]
fn all_laws_hold_under_random_faults() {
    let scenario = scenario("[kademlia]\nk = 8\n");
    for seed in 0..40 {
        let drawn = Drawing { most: 8, byzantine: seed % 4 == 0 }.draw(&scenario, seed);
        assert_eq!(broken(&drawn, seed, "all"), None, "{}", drawn.to_toml().unwrap());
    }
}

#[test]
fn all_laws_hold_on_a_bad_day() {
    let bad_day = Scenario::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../labs/bad-day.toml")).unwrap();
    assert_eq!(broken(&bad_day, 3, "all"), None);
}

#[test]
fn values_are_unreadable_where_liars_lead_lookups_astray_and_the_same_ones_again() {
    let scenario = scenario(LIARS);
    let seeds: Vec<u64> = (0..8).filter(|seed| broken(&scenario, *seed, "values").is_some()).collect();
    let seed = *seeds.first().expect("with two thirds liars and k = 2 something cannot be found");
    let violation = broken(&scenario, seed, "all").unwrap();
    assert_eq!((violation.law, violation.at_look, violation.time), ("values", true, Time::from_secs(60)));
    assert!(
        violation.expected.contains("of the closest hold it") && violation.found.starts_with(&violation.peer.unwrap().to_string()),
        "{violation}"
    );
    assert_eq!(broken(&scenario, seed, "values"), Some(violation.clone()), "other laws make no difference");
    // Nor does recording it.
    let recorder = Counting::new(Capture::Summary);
    let mut recorded = Run::watched(scenario, seed, recorder, &Laws::all()).unwrap();
    assert_eq!(recorded.run_watched(|_| true).as_ref(), Some(&violation));
    assert_eq!(recorded.into_recorder().unwrap().into_inner().total(), violation.record.unwrap() + 1);
}

#[test]
fn a_network_that_was_split_while_its_peers_joined_keeps_its_values() {
    // What the law once found: each half had full tables, and nothing led from one to the other.
    let split = "title = \"t\"\npeers = 7\nduration = \"16 s\"\n[[workload]]\nkind = \"publish\"\ncount = 1\nfrom = \"15 s\"\n\
                 popularity = { exponent = 0.0, items = 1, size = \"1 KiB\" }\n[[fault]]\nkind = \"partition\"\nat = \"5 s\"\none_way = true\nsides = [{ range = \"0..4\" }]\n";
    assert_eq!(broken(&Scenario::parse(split, "split.toml".as_ref()).unwrap(), 34, "values"), None);
}

#[test]
fn nothing_is_promised_where_all_who_knew_both_parts_are_dead() {
    // Half of the network dies while the other half joins through it: those whose acquaintances were all among the dead make a network of their own.
    let dead = "title = \"t\"\npeers = 18\nduration = \"17 s\"\n[network]\nlatency = { kind = \"log-normal\", median = \"40 ms\", sigma = 0.5, min = \"2 ms\" }\n[kademlia]\nk = 8\n[[workload]]\nkind = \"publish\"\ncount = 5\nfrom = \"15 s\"\n\
                popularity = { exponent = 0.0, items = 2, size = \"1 KiB\" }\n[[fault]]\nkind = \"crash\"\nat = \"5 s\"\nwho = { range = \"0..8\" }\n";
    let scenario = Scenario::parse(dead, "dead.toml".as_ref()).unwrap();
    assert_eq!(broken(&scenario, 1163, "values"), None);
}

#[test]
fn a_run_can_be_stopped_from_outside() {
    let mut run: WatchedRun<Off> = Run::watched(scenario(""), 1, Off, &Laws::all()).unwrap();
    assert_eq!(run.run_watched(|now| now < Time::from_secs(30)), None);
    assert_eq!(run.simulation().now(), Time::from_secs(30));
}

/// A rule for values that cannot bear what it is shown.
struct Fragile;

impl Validator for Fragile {
    fn validate(&self, _: &[u8], value: &[u8], _: Time) -> Result<(), Invalid> {
        assert!(value != b"poison", "poisoned");
        Ok(())
    }
}

#[test]
fn a_panic_in_the_stack_is_its_peers_crash_and_is_found() {
    let mut config = Config::default();
    config.kad.validators = Validators::none().with("fragile", Fragile);
    let recorder = Watch::new(Off).with(NoPanic).with(Tables).every(Duration::from_secs(1));
    let setup = Setup { seed: 1, config, network: Network::default(), wire_len, recorder };
    let mut simulation: Simulation<Stack, LabHost, _> = Simulation::new(setup).unwrap();
    let catalogue = Catalogue::new(Vec::new());
    for i in 0..5 {
        let stack = Stack::new(simulation.config());
        let peer = simulation.join_at(Time::ZERO, stack, LabHost::new(Arc::clone(&catalogue)));
        let contacts = if i == 0 { vec![] } else { vec![Peer(0)] };
        simulation.command_at(Time::from_secs(i), peer, Command::Join { contacts }).unwrap();
    }
    for (at, value) in [(10, "fine"), (20, "poison")] {
        let command = Command::PutValue { tag: at, key: b"/fragile/x".to_vec(), value: value.into() };
        simulation.command_at(Time::from_secs(at), Peer(3), command).unwrap();
    }
    let violation = simulation.run_watched(Time::from_secs(60)).cloned().expect("a handler panics");
    assert_eq!((violation.law, violation.peer, violation.time), ("panic", Some(Peer(3)), Time::from_secs(20)));
    assert!(violation.found.contains("poisoned"), "{violation}");
    assert_eq!(simulation.panics().len(), 1);
}

#[test]
fn laws_are_named_once_each_and_unknown_ones_refused_with_those_there_are() {
    assert_eq!("values, tables,values".parse::<Laws>().unwrap().to_string(), "tables,values");
    assert_eq!("all".parse::<Laws>().unwrap(), Laws::all());
    assert_eq!(Laws::all().to_string(), "all");
    let error = "tables,gravity".parse::<Laws>().unwrap_err().to_string();
    assert!(error.contains("no law `gravity`") && error.contains("conservation, silence, panic, tables, blocks, values"), "{error}");
    for law in LawName::ALL {
        assert_eq!(law.name().parse::<Laws>().unwrap(), Laws::only(law));
    }
}

#[test]
fn a_replay_is_a_command_that_a_shell_understands() {
    let plain = Replay::of("labs/bad-day.toml".as_ref(), 7, "values");
    assert_eq!(plain.to_string(), "peerglass sim labs/bad-day.toml --seed 7 --check values");
    let odd = Replay { peers: Some(9), full: true, ..Replay::of("it's a lab.toml".as_ref(), 7, "silence") };
    assert_eq!(odd.to_string(), "peerglass sim 'it'\\''s a lab.toml' --seed 7 --peers 9 --capture full --check silence");
}
