use peerglass_core::Rng;
use proptest::prelude::*;

use super::*;
use crate::units::Share;

proptest! {
    #[test]
    fn what_is_written_reads_as_the_same_scenario(seed: u64) {
        let scenario = samples::scenario(&mut Rng::new(seed));
        // Dice that make up two faults that contradict each other prove nothing here.
        prop_assume!(scenario.check().is_ok());
        let text = scenario.to_toml().unwrap();
        let read = Scenario::parse_elsewhere(&text, "sample.toml".as_ref());
        prop_assert!(read.is_ok(), "{}\n{}", read.unwrap_err(), text);
        prop_assert_eq!(read.unwrap(), scenario, "{}", text);
    }
}

#[test]
fn most_samples_are_possible() {
    let refused: Vec<String> = (0..300)
        .filter_map(|seed| samples::scenario(&mut Rng::new(seed)).check().err())
        .map(|error| error.to_string())
        // The one thing that dice make up often.
        .filter(|error| !error.contains("nobody has crashed") && !error.contains("cannot crash") && !error.contains("cannot restart"))
        .collect();
    assert!(refused.is_empty(), "{refused:#?}");
    assert!((0..300).filter(|seed| samples::scenario(&mut Rng::new(*seed)).check().is_ok()).count() > 150);
}

const FAULTY: &str = r#"
title = "t"
peers = 100
duration = "300 s"
[[group]]
name = "a"
range = "0..50"
[[group]]
name = "b"
range = "50..100"
[[crash]]
at = "75 s"
within = "2 s"
fraction = 0.2
[[fault]]
kind = "partition"
at = "12.5 s"
for = "10 s"
every = "30 s"
times = 4
sides = ["a", "b"]
[[fault]]
kind = "crash"
at = "100 s"
for = "20 s"
keep_state = false
who = { count = 3, of = "a" }
[[fault]]
kind = "loss"
at = "5 s"
for = "1 s"
share = 0.3
from = "a"
[[fault]]
kind = "byzantine"
at = "0 s"
who = { peers = [3, 1] }
behaviour = "lie"
lie = "contacts"
[churn]
who = "b"
session = { kind = "weibull", preset = "debian" }
downtime = { kind = "exponential", mean = "30 min" }
"#;

#[test]
fn a_fault_plan_reads_as_text_in_the_order_of_time() {
    let scenario = Scenario::parse(FAULTY, "x.toml".as_ref()).unwrap();
    let expected = "\
0 s  byzantine {p1, p3}: lying about contacts
5 s  loss 30 % from {a} to {all} for 1 s
10 s  churn of {b}: sessions Weibull, shape 0.38, scale 2544 s; away exponential, mean 30 min
12.5 s  partition {a} | {b} for 10 s, every 30 s, 4 times
75 s  crash 20 % of {all}, one after the other within 2 s
100 s  crash 3 of {a} for 20 s, then without their state
";
    assert_eq!(scenario.fault_plan().to_string(), expected);
}

#[test]
fn a_written_scenario_is_one_that_a_person_can_read() {
    let scenario = Scenario::parse(FAULTY, "x.toml".as_ref()).unwrap();
    let text = scenario.to_toml().unwrap();
    for line in [
        "duration = \"5 min\"",
        "[[fault]]",
        "kind = \"partition\"",
        "at = \"12.5 s\"",
        "for = \"10 s\"",
        "sides = [\"a\", \"b\"]",
        "range = \"0..50\"",
    ] {
        assert!(text.lines().any(|written| written == line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("[phases]") && !text.contains("lesson"), "{text}");
}

#[test]
fn a_group_of_a_smaller_run_keeps_its_proportion() {
    let small = Scenario::parse(FAULTY, "x.toml".as_ref()).unwrap().with_peers(10);
    assert_eq!(small.group[1].members, Scope::Range(PeerRange { from: 5, to: 10 }));
    small.check().unwrap();
    let none = Scenario::parse(FAULTY, "x.toml".as_ref()).unwrap().with_peers(0);
    assert_eq!(none.peers, 0);
}

#[test]
fn what_differs_only_in_where_it_was_read_from_is_the_same_scenario() {
    let (here, there) = (Scenario::parse(FAULTY, "x.toml".as_ref()).unwrap(), Scenario::parse(FAULTY, "there/y.toml".as_ref()).unwrap());
    assert_eq!(here.hash(), there.hash());
    assert_eq!(here, there);
    let other = Scenario::parse(&FAULTY.replace("share = 0.3", "share = 0.4"), "x.toml".as_ref()).unwrap();
    assert_ne!(here.hash(), other.hash());
}

#[test]
fn the_shorthand_is_a_fault_like_others() {
    let scenario = Scenario::parse(FAULTY, "x.toml".as_ref()).unwrap();
    let (table, first) = scenario.faults().next().unwrap();
    assert_eq!((table.name, table.nth), ("crash", 0));
    assert!(matches!(first.what, Fault::Peers { who: Scope::Fraction(Share(share), _), what: PeerTrouble::Crash { .. } } if share == 0.2));
    assert_eq!(scenario.faults().count(), 5);
}
