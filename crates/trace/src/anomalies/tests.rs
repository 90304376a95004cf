use proptest::prelude::*;

use super::*;
use crate::told::{self, Told};

fn looked_at(told: &Told, source: Source) -> Report {
    let mut anomalies = Anomalies::new(source, Duration::from_secs(30));
    told.rows.iter().for_each(|row| anomalies.add(row));
    anomalies.finish()
}

fn kinds(report: &Report) -> Vec<(Kind, u64)> {
    report.kinds().map(|(kind, count, _)| (kind, count)).collect()
}

/// A run in which everything odd happens once.
fn odd() -> Told {
    let mut told = Told::new();
    told.round_trip(0, 10, (1, 2));
    let silent = told.sent(100, None, (1, 3), "FIND_NODE");
    let arrived = told.received(110, Some(silent), (3, 1), "FIND_NODE");
    told.received(111, Some(silent), (3, 1), "FIND_NODE");
    let gone = told.sent(120, None, (4, 3), "FIND_NODE");
    let asked = told.received(130, Some(gone), (3, 4), "FIND_NODE");
    let answer = told.sent(130, Some(asked), (3, 4), "NODES");
    told.dropped(140, answer, (3, 4), "NODES", "peer_down");
    // Notices, of which the second overtakes the first. Nobody answers them.
    let (first, second) = (told.sent(150, None, (5, 6), "CANCEL"), told.sent(151, None, (5, 6), "CANCEL"));
    told.received(160, Some(second), (6, 5), "CANCEL");
    told.received(161, Some(first), (6, 5), "CANCEL");
    told.note("step", 50_000, Some(arrived), (3, None), Some("later"));
    told.sent(50_001, None, (1, 2), "PING");
    told
}

#[test]
fn what_is_odd_is_told_in_sentences() {
    let report = looked_at(&odd(), Source::Sim);
    assert!(!report.is_damaged());
    assert_eq!(
        report.to_string(),
        "        1  unanswered\n           p1 asked p3 FIND_NODE (#4), and no answer was sent\n        \
         1  doubled\n           p3 received FIND_NODE from p1 again (#6), which it had received as #5\n        \
         1  overtaken\n           p5 sent #11 to p6 before #12, and it arrived after it\n        \
         1  no fate\n           PING from p1 to p2 (#16) is still under way when the records end\n        \
         1  answer to nobody\n           p3 answered p4 (#9), and there was nobody: peer_down"
    );
}

#[test]
fn a_run_without_anything_odd_says_so() {
    let mut told = Told::new();
    told.round_trip(0, 10, (1, 2));
    let report = looked_at(&told, Source::Sim);
    assert!(report.is_empty() && report.to_string() == "nothing odd");
}

#[test]
fn at_a_real_node_only_the_missing_answer_is_odd() {
    let mut told = Told::new();
    let asked = told.sent(0, None, (0, 7), "FIND_NODE");
    told.received(90, Some(asked), (0, 7), "NODES");
    told.sent(100, None, (0, 8), "FIND_NODE");
    told.sent(110, None, (0, 8), "CANCEL");
    told.command(60_000, 0);
    assert_eq!(kinds(&looked_at(&told, Source::Node)), [(Kind::Unanswered, 1)]);
}

#[test]
fn an_answer_for_which_nobody_asked_is_odd() {
    let mut told = Told::new();
    let [_, arrived, ..] = told.round_trip(0, 10, (1, 2));
    // Who was asked tells somebody else.
    let lie = told.sent(50, Some(arrived), (2, 3), "NODES");
    told.received(60, Some(lie), (3, 2), "NODES");
    let report = looked_at(&told, Source::Sim);
    assert_eq!(report.to_string(), "        1  answer to nobody\n           p2 sent p3 NODES (#4), for which nobody had asked");
}

#[test]
fn damage_to_the_records_shows() {
    let mut told = odd();
    told.rows[5].cause = Some(9);
    told.rows.remove(8);
    told.rows.swap(2, 3);
    let report = looked_at(&told, Source::Sim);
    assert!(report.is_damaged());
    // The answer that was sent because of the record taken out, and the record that now comes too late.
    assert_eq!([Kind::NoSuchCause, Kind::CauseNotOlder, Kind::NumberGoesBack].map(|kind| report.seen(kind)), [2, 1, 1]);
}

#[test]
fn of_many_the_first_are_told_and_all_are_counted() {
    let mut told = Told::new();
    let asked = told.sent(0, None, (1, 2), "FIND_NODE");
    for _ in 0..1000 {
        told.received(1, Some(asked), (2, 1), "FIND_NODE");
    }
    let report = looked_at(&told, Source::Sim);
    let (kind, count, examples) = report.kinds().next().expect("something is odd");
    assert_eq!((kind, count, examples.len()), (Kind::Doubled, 999, report::EXAMPLES));
}

#[test]
fn of_a_pair_the_first_overtaken_message_is_told_and_the_others_are_counted() {
    let mut told = Told::new();
    let sent: Vec<u64> = (0..4).map(|ms| told.sent(ms, None, (1, 2), "CANCEL")).collect();
    sent.iter().rev().for_each(|seq| assert!(told.received(9, Some(*seq), (2, 1), "CANCEL") > 3));
    let report = looked_at(&told, Source::Sim);
    assert_eq!(
        report.to_string(),
        "        3  overtaken\n           p1 sent #2 to p2 before #3, and it arrived after it; so did 2 more between the two"
    );
}

proptest! {
    /// Messages of three pairs arrive in some order, some twice, some not at all: the counts are those of a count by hand.
    #[test]
    fn deliveries_are_counted_right(order in prop::collection::vec(0usize..30, 0..60)) {
        let mut told = Told::new();
        let sent: Vec<u64> = (0..30).map(|n| told.sent(n, None, (n as u32 % 3, 9), "CANCEL")).collect();
        let (mut seen, mut highest, mut doubled, mut overtaken) = (vec![false; 30], [None; 3], 0, 0);
        for n in &order {
            told.received(100, Some(sent[*n]), (9, *n as u32 % 3), "CANCEL");
            let high = &mut highest[n % 3];
            match std::mem::replace(&mut seen[*n], true) {
                true => doubled += 1,
                false if *high > Some(*n) => overtaken += 1,
                false => *high = Some(*n),
            }
        }
        let report = looked_at(&told, Source::Sim);
        let lost = seen.iter().filter(|seen| !**seen).count() as u64;
        prop_assert_eq!([Kind::Doubled, Kind::Overtaken, Kind::NoFate].map(|kind| report.seen(kind)), [doubled, overtaken, lost]);
        prop_assert!(!report.is_damaged());
    }

    #[test]
    fn nothing_in_the_records_makes_it_panic(rows in told::damaged()) {
        let mut told = Told::new();
        told.rows = rows;
        prop_assert!(!looked_at(&told, Source::Sim).to_string().is_empty());
    }
}
