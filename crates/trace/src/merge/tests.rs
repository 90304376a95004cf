use core::convert::Infallible;

use proptest::prelude::*;

use super::*;
use crate::told::{self, Told};
use peerglass_core::{Key, Time, Value};

/// When the invented runs were made, in nanoseconds since 1970.
const EPOCH: i128 = 1_700_000_000_000_000_000;

/// A node's clock: how far ahead of the true time, in nanoseconds, and how much too fast.
#[derive(Clone, Copy, Debug)]
struct True {
    ahead: i64,
    drift: f64,
}

impl True {
    fn shows(self, ns: u64) -> Time {
        Time::from_nanos((EPOCH + i128::from(self.ahead) + i128::from(ns) + (ns as f64 * self.drift) as i128) as u64)
    }
}

/// A message from one node to another.
#[derive(Clone, Debug)]
struct Sending {
    from: usize,
    to: usize,
    at: u64,
    delay: u64,
    lost: bool,
    is_answered: bool,
}

/// What happens to a node at a true time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Does {
    Receive,
    Send,
}

/// The runs of nodes with such clocks that send each other these messages, of which each `wordings`th says the same. Handles are different at each node.
fn runs(clocks: &[True], sendings: &[Sending], wordings: u64) -> Vec<Vec<Row>> {
    let handle = |at: usize, of: usize| Peer(((of + clocks.len() - at) % clocks.len()) as u32);
    // Streams keep the order, so nothing arrives before what was sent earlier to the same node.
    let (mut arrived, mut happenings) = (BTreeMap::new(), Vec::new());
    let mut in_order: Vec<_> = sendings.iter().enumerate().collect();
    in_order.sort_by_key(|(_, sending)| sending.at);
    for (serial, sending) in in_order {
        let mut send = |at: u64, (from, to): (usize, usize), is_answer: bool| {
            let last = arrived.entry((from, to)).or_insert(0);
            *last = (at + sending.delay).max(*last + 1);
            happenings.push((at, Does::Send, serial, (from, to), is_answer));
            if !sending.lost {
                happenings.push((*last, Does::Receive, serial, (to, from), is_answer));
            }
            *last
        };
        let there = send(sending.at, (sending.from, sending.to), false);
        if sending.is_answered && !sending.lost {
            send(there, (sending.to, sending.from), true);
        }
    }
    happenings.sort_unstable();
    let mut told = vec![Told::new(); clocks.len()];
    for (node, told) in told.iter_mut().enumerate() {
        told.note("event", 0, None, (0, None), Some("identity"));
        told.with("id", format!("ID{node}").as_str());
        for other in (0..clocks.len()).filter(|other| *other != node) {
            told.note("link_up", 0, None, (0, Some(handle(node, other).0)), None);
            told.rows.last_mut().expect("just told").why = Some(format!("dialled /memory/{other} of ID{other}"));
        }
        told.rows.iter_mut().for_each(|row| row.time = clocks[node].shows(0));
    }
    let mut causes = BTreeMap::new();
    for (at, does, serial, (node, other), is_answer) in happenings {
        // An answer is sent because of the question's receipt, and its receipt names the question.
        let cause = match (does, is_answer) {
            (Does::Send, true) => causes.get(&(node, serial, Does::Receive)).copied(),
            (Does::Receive, true) => causes.get(&(node, serial, Does::Send)).copied(),
            _ => None,
        };
        let (ends, name) = ((0, handle(node, other).0), if is_answer { "NODES" } else { "FIND_NODE" });
        let seq = match does {
            Does::Send => told[node].sent(0, cause, ends, name),
            Does::Receive => told[node].received(0, cause, ends, name),
        };
        // Questions are numbered by each node for itself, and answers have the number of their question there.
        // Every fourth is about a peer that only the sender knows.
        let about = if does == Does::Send && serial % 4 == 0 { Value::Peer(Peer(3)) } else { Value::Key(Key::from_bytes([serial as u8; 32])) };
        let subject = if serial as u64 >= wordings { Value::Bool(true) } else { about };
        told[node]
            .with("id", cause.unwrap_or(seq))
            .with("target", serial as u64 % wordings)
            .with("closer", Value::List(vec![Value::Peer(handle(node, other))]))
            .with("subject", subject);
        let row = told[node].rows.last_mut().expect("just told");
        row.time = clocks[node].shows(at);
        causes.insert((node, serial, does), seq);
    }
    told.into_iter().map(|told| told.rows).collect()
}

fn surveyed(runs: &[Vec<Row>]) -> Plan {
    let mut survey = Survey::new(runs.len());
    for (node, run) in runs.iter().enumerate() {
        run.iter().for_each(|row| survey.add(node, row));
    }
    survey.finish().expect("all nodes are known")
}

fn woven(plan: &Plan, runs: &[Vec<Row>]) -> (Vec<Row>, u64, u64) {
    let mut woven = plan.weave(runs.iter().map(|run| run.iter().cloned().map(Ok::<_, Infallible>)));
    let rows = woven.by_ref().map(|row| row.unwrap_or_else(|never| match never {})).collect();
    (rows, woven.clamped(), woven.untied())
}

/// Two nodes, one ten seconds ahead, that ask each other something every second.
fn two(drift: f64) -> ([True; 2], Vec<Sending>) {
    let clocks = [True { ahead: 0, drift: 0.0 }, True { ahead: 10_000_000_000, drift }];
    let sending = |n: u64| Sending {
        from: n as usize % 2,
        to: (n as usize + 1) % 2,
        at: (n + 1) * 1_000_000_000,
        delay: 20_000_000 + n * 7_654_321 % 10_000_000,
        lost: n % 7 == 3,
        is_answered: true,
    };
    (clocks, (0..600).map(sending).collect())
}

#[test]
fn runs_of_nodes_become_one_run_in_which_effects_follow_their_causes() {
    let (clocks, sendings) = two(0.0);
    let runs = runs(&clocks, &sendings[..2], 1000);
    let plan = surveyed(&runs);
    assert_eq!(
        plan.to_string(),
        "4 messages are known at both ends, 0 at their receiver only\np0  ID0: its clock is the reference\n\
         p1  ID1: its clock is +10.000000 s, give or take 0.020000 s, by its messages with p0"
    );
    let (rows, clamped, untied) = woven(&plan, &runs);
    assert_eq!((clamped, untied), (0, 0));
    let told = |row: &Row| (row.kind.clone(), row.peer.0, row.other.map(|other| other.0), row.cause);
    let messages: Vec<_> = rows[4..].iter().map(told).collect();
    assert_eq!(
        messages,
        [
            ("sent".to_owned(), 0, Some(1), None),
            ("received".to_owned(), 1, Some(0), Some(4)),
            ("sent".to_owned(), 1, Some(0), Some(5)),
            ("received".to_owned(), 0, Some(1), Some(6)),
            ("sent".to_owned(), 1, Some(0), None),
            ("received".to_owned(), 0, Some(1), Some(8)),
            ("sent".to_owned(), 0, Some(1), Some(9)),
            ("received".to_owned(), 1, Some(0), Some(10)),
        ]
    );
    // So the views of simulated runs work.
    let (mut pairs, mut over) = (crate::Pairs::default(), Vec::new());
    rows.iter().for_each(|row| pairs.add(row, &mut over));
    assert!(over.iter().all(|exchange| exchange.round_trip.is_some() && exchange.service == Some(Duration::ZERO)));
    assert_eq!(over.len(), 2);
}

#[test]
fn a_clock_that_drifts_is_followed() {
    for drift in [-80e-6, -20e-6, 20e-6, 150e-6] {
        let (clocks, sendings) = two(drift);
        let runs = runs(&clocks, &sendings, 1000);
        let plan = surveyed(&runs);
        let (_, clamped, untied) = woven(&plan, &runs);
        assert_eq!((clamped, untied), (0, 0), "{drift}: {plan}");
        for at in [1_000_000_000, 300_000_000_000, 600_000_000_000] {
            let error = plan.clocks()[1].correct(clocks[1].shows(at)).as_nanos().abs_diff(clocks[0].shows(at).as_nanos());
            assert!(error < 30_000_000, "{drift}: {error} ns after {at} ns, {plan}");
        }
    }
}

#[test]
fn a_clock_that_was_set_in_between_leaves_effects_after_their_causes() {
    let (clocks, sendings) = two(0.0);
    let mut runs = runs(&clocks, &sendings, 1000);
    let half = runs[1].len() / 2;
    runs[1][half..].iter_mut().for_each(|row| row.time += Duration::from_secs(3));
    let plan = surveyed(&runs);
    let (rows, clamped, _) = woven(&plan, &runs);
    assert!(clamped > 0, "it is told");
    assert!(rows.iter().all(|row| row.cause.is_none_or(|cause| cause < row.seq && rows[cause as usize].time <= row.time)));
}

#[test]
fn nodes_that_never_talked_keep_their_clocks() {
    let clocks = [True { ahead: 0, drift: 0.0 }, True { ahead: 5_000, drift: 0.0 }];
    let plan = surveyed(&runs(&clocks, &[], 1));
    assert_eq!(plan.clocks()[1].bound(), None);
    assert!(plan.to_string().ends_with("p1  ID1: its clock is as it is, no messages tell how it stands"), "{plan}");
}

#[test]
fn runs_of_nobody_and_of_the_same_node_are_refused() {
    assert_eq!(Survey::new(1).finish().err(), Some(MergeError::NoIdentity { run: 0 }));
    let mut survey = Survey::new(2);
    survey.is_of(0, "ID");
    survey.is_of(1, "ID");
    assert_eq!(survey.finish().err(), Some(MergeError::SameNode { first: 0, second: 1, id: "ID".to_owned() }));
}

fn sendings(nodes: usize) -> impl Strategy<Value = Vec<Sending>> {
    let one = (0..nodes, 1..nodes, 0u64..60_000_000_000, 1_000u64..200_000_000, prop::bool::weighted(0.2), any::<bool>());
    let one =
        one.prop_map(move |(from, step, at, delay, lost, is_answered)| Sending { from, to: (from + step) % nodes, at, delay, lost, is_answered });
    prop::collection::vec(one, 1..60)
}

fn network() -> impl Strategy<Value = (Vec<True>, Vec<Sending>)> {
    let clock = (-1_000_000_000_000i64..1_000_000_000_000).prop_map(|ahead| True { ahead, drift: 0.0 });
    (2usize..5).prop_flat_map(move |nodes| (prop::collection::vec(clock.clone(), nodes), sendings(nodes)))
}

proptest! {
    /// Whatever is lost, and also if messages say the same.
    #[test]
    fn clocks_are_known_within_the_bound((clocks, sendings) in network(), wordings in prop::sample::select(vec![1u64, 3, 1000])) {
        let plan = surveyed(&runs(&clocks, &sendings, wordings));
        for (node, clock) in plan.clocks().iter().enumerate() {
            let Some(bound) = clock.bound() else { continue };
            let right = clocks[clock.reference()].shows(30_000_000_000);
            let error = clock.correct(clocks[node].shows(30_000_000_000)).as_nanos().abs_diff(right.as_nanos());
            prop_assert!(u128::from(error) <= bound.as_nanos() + 2, "{error} ns of {bound:?}");
        }
    }

    #[test]
    fn every_receipt_has_its_sending_as_its_cause((clocks, sendings) in network()) {
        let runs = runs(&clocks, &sendings, 1000);
        let (rows, _, untied) = woven(&surveyed(&runs), &runs);
        prop_assert_eq!(rows.len(), runs.iter().map(Vec::len).sum::<usize>(), "nothing is left out");
        prop_assert_eq!(untied, 0);
        for (n, row) in rows.iter().enumerate() {
            prop_assert_eq!(row.seq, n as u64);
            prop_assert!(n == 0 || rows[n - 1].time <= row.time);
            if row.kind == "received" {
                let sent = &rows[row.cause.expect("it was sent") as usize];
                prop_assert!(sent.seq < row.seq && sent.kind == "sent");
                prop_assert_eq!((sent.peer, sent.other, &sent.name, sent.field("target")), (row.other.expect("from somebody"), Some(row.peer), &row.name, row.field("target")));
            }
        }
    }

    /// Also where it is open which of several messages arrived: no effect comes before its cause, each run keeps its order, and no message arrives twice.
    #[test]
    fn what_is_woven_is_a_run((clocks, sendings) in network(), wordings in 1u64..4) {
        let runs = runs(&clocks, &sendings, wordings);
        let (rows, _, _) = woven(&surveyed(&runs), &runs);
        let from_elsewhere = |row: &&Row| row.kind == "received" && row.cause.is_some_and(|cause| Some(rows[cause as usize].peer) == row.other);
        let mut sendings: Vec<_> = rows.iter().filter(from_elsewhere).map(|row| row.cause).collect();
        sendings.sort_unstable();
        let all = sendings.len();
        sendings.dedup();
        prop_assert_eq!(sendings.len(), all);
        prop_assert!(rows.iter().all(|row| row.cause.is_none_or(|cause| cause < row.seq)));
        for (node, run) in runs.iter().enumerate() {
            let kinds = rows.iter().filter(|row| row.peer == Peer(node as u32)).map(|row| (&row.kind, &row.name, row.bytes));
            prop_assert!(kinds.eq(run.iter().map(|row| (&row.kind, &row.name, row.bytes))));
        }
    }

    #[test]
    fn nothing_in_the_records_makes_it_panic(a in told::damaged(), b in told::damaged()) {
        let mut survey = Survey::new(2);
        (0..).zip([&a, &b]).for_each(|(node, run)| run.iter().for_each(|row| survey.add(node, row)));
        survey.is_of(0, "ID0");
        survey.is_of(1, "ID1");
        let plan = survey.finish().expect("they are told apart");
        prop_assert!(!plan.to_string().is_empty());
        let runs = [a, b];
        let (rows, _, _) = woven(&plan, &runs);
        prop_assert_eq!(rows.len(), runs[0].len() + runs[1].len());
    }
}
