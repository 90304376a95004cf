use std::sync::atomic::AtomicBool;

use super::*;
use crate::laws::tests::{LIARS, scenario};
use crate::scenario::{Fault, PeerTrouble};

fn hunt(more: &str, laws: &str, byzantine: bool) -> Hunt {
    Hunt::new(scenario(more), laws.parse().unwrap(), Drawing { most: 6, byzantine }).unwrap()
}

#[test]
fn a_seed_draws_the_same_sensible_plan_every_time() {
    let scenario = scenario("");
    let (mut kinds, mut most) = (std::collections::BTreeSet::new(), 0);
    for seed in 0..300 {
        let drawn = Drawing { most: 6, byzantine: false }.draw(&scenario, seed);
        assert_eq!(drawn, Drawing { most: 6, byzantine: false }.draw(&scenario, seed));
        drawn.check().unwrap();
        let text = drawn.to_toml().unwrap();
        assert_eq!(Scenario::parse(&text, "drawn.toml".as_ref()).unwrap(), drawn, "{text}");
        assert!(drawn.seed == seed && drawn.fault.len() <= 6 && !text.contains("byzantine"), "{text}");
        most = most.max(drawn.fault.len());
        let words = text.lines().filter_map(|line| line.strip_prefix("kind = "));
        kinds.extend(words.map(ToOwned::to_owned));
    }
    assert_eq!(most, 6);
    for kind in ["crash", "restart", "freeze", "slow", "clock", "throttle", "disk", "partition", "loss", "delay", "duplicate"] {
        assert!(kinds.contains(&format!("\"{kind}\"")), "{kind} is never drawn: {kinds:?}");
    }
    let bent = |fault: &crate::scenario::FaultSpec| matches!(fault.what, Fault::Peers { what: PeerTrouble::Byzantine { .. }, .. });
    assert!((0..50).any(|seed| Drawing { most: 6, byzantine: true }.draw(&scenario, seed).fault.iter().any(bent)));
    assert_eq!(Drawing { most: 0, byzantine: true }.draw(&scenario, 9).fault, []);
}

#[test]
fn a_world_without_peers_or_time_draws_nothing_and_breaks_nothing() {
    let empty = Scenario::parse("title = \"t\"\npeers = 0\nduration = \"10 s\"", "x.toml".as_ref()).unwrap();
    let hunt = Hunt::new(empty, Laws::all(), Drawing { most: 5, byzantine: true }).unwrap();
    let outcome = hunt.run(0..3, 2, false, &()).unwrap();
    assert_eq!((outcome.tally, outcome.found.len()), (Tally { seeds: 3, ..Tally::default() }, 0));
}

#[test]
fn what_is_found_does_not_depend_on_the_number_of_threads() {
    let hunt = hunt(LIARS, "all", false);
    let found = |threads, keep_going| {
        let outcome = hunt.run(0..12, threads, keep_going, &()).unwrap();
        let found: Vec<_> = outcome.found.iter().map(|found| (found.violation.clone(), found.scenario.clone())).collect();
        (outcome.tally, found)
    };
    let one = found(1, false);
    assert_eq!(one.1.len(), 1);
    assert_eq!(one.0.seeds, one.1[0].0.seed + 1, "all seeds up to the one that was found");
    assert_eq!(one, found(2, false));
    let all = found(2, true);
    assert!(all.0.seeds == 12 && !all.1.is_empty() && all.1[0] == one.1[0]);
    assert_eq!(all, found(3, true));
}

#[test]
fn a_finding_shrinks_to_a_small_case_that_its_file_shows_again() {
    let hunt = hunt(LIARS, "all", true);
    let outcome = hunt.run(0..12, 2, false, &()).unwrap();
    let found = &outcome.found[0];
    let shrunk = hunt.shrink(found, 400, &()).unwrap();
    assert_eq!(shrunk.scenario, hunt.shrink(found, 400, &()).unwrap().scenario, "the same finding shrinks to the same case");
    assert_eq!(shrunk.violation.law, found.violation.law);
    let (small, large) = (&shrunk.scenario, &found.scenario);
    assert!(small.fault.len() <= 2 && small.peers < large.peers && small.duration < large.duration, "{small:?}");
    assert!(small.lookup.is_empty() && small.workload.len() == 1, "{small:?}");

    let case = Case { shrunk: &shrunk, scenario: "labs/liars.toml".as_ref(), file: "out/liars.hunt.toml".as_ref() };
    let text = case.to_toml().unwrap();
    let head: Vec<&str> = text.lines().take_while(|line| line.starts_with('#')).collect();
    assert!(head[0] == "# Found by peerglass hunt in liars.toml." && head[1].contains("the law `values` is broken"), "{text}");
    assert!(head.last().unwrap().ends_with(&format!("peerglass sim liars.hunt.toml --seed {} --check values", small.seed)), "{text}");
    let again = Scenario::parse(&text, "liars.hunt.toml".as_ref()).unwrap();
    let trial = trial(&again, &Laws::all(), &Catalogue::of(&again).unwrap(), &|| true).unwrap();
    assert_eq!(trial.violation, Some(shrunk.violation));
}

#[test]
fn a_budget_bounds_the_runs_and_none_leaves_the_case_as_it_was() {
    let hunt = hunt(LIARS, "values", false);
    let found = &hunt.run(0..12, 2, false, &()).unwrap().found[0];
    let shrunk = hunt.shrink(found, 7, &()).unwrap();
    assert!(shrunk.runs == 7 && !shrunk.done);
    let untouched = hunt.shrink(found, 0, &()).unwrap();
    assert_eq!((untouched.runs, &untouched.violation, &untouched.scenario.fault), (0, &found.violation, &found.scenario.fault));
}

struct Impatient(AtomicBool);

impl Watcher for Impatient {
    fn ran(&self, runs: u64) {
        self.0.store(runs >= 3, Ordering::Relaxed);
    }
    fn is_over(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[test]
fn a_hunt_that_is_stopped_says_how_far_it_came() {
    let outcome = hunt("[kademlia]\nk = 8\n", "all", false).run(0..10_000, 2, false, &Impatient(AtomicBool::new(false))).unwrap();
    assert!(outcome.interrupted && outcome.found.is_empty());
    assert!((3..6).contains(&outcome.tally.seeds), "{:?}", outcome.tally);
}

#[test]
fn seeds_at_the_end_of_all_numbers_are_seeds() {
    let hunt = Hunt::new(scenario(""), "silence".parse().unwrap(), Drawing { most: 1, byzantine: false }).unwrap();
    assert_eq!(hunt.run(u64::MAX - 2..u64::MAX, 2, false, &()).unwrap().tally.seeds, 2);
}

#[test]
fn a_fault_of_the_simulator_is_no_finding() {
    let error = guarded(7, || panic!("out of paper")).err().unwrap();
    assert!(matches!(&error, HuntError::Engine { seed: 7, .. }), "{error:?}");
    let said = error.to_string();
    assert!(said.contains("out of paper") && said.contains("seed 7") && said.contains("mistake in Peerglass"), "{said}");
}
