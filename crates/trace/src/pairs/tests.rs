use proptest::prelude::*;

use super::*;
use crate::told::Told;

/// The exchanges of a run: those that were over in its course, then those open at its end.
fn paired(told: &Told) -> Vec<Exchange> {
    let (mut pairs, mut over) = (Pairs::default(), Vec::new());
    told.rows.iter().for_each(|row| pairs.add(row, &mut over));
    over.extend(pairs.finish());
    over
}

fn fates(told: &Told) -> Vec<(u64, Fate)> {
    paired(told).iter().map(|exchange| (exchange.seq, exchange.fate)).collect()
}

#[test]
fn an_answer_is_found_by_its_cause_and_timed_on_both_sides() {
    let mut told = Told::new();
    let command = told.command(0, 1);
    let asked = told.sent(10, Some(command), (1, 2), "FIND_NODE");
    let arrived = told.received(40, Some(asked), (2, 1), "FIND_NODE");
    // The asked peer also turns to a third, and takes its time.
    let third = told.sent(40, Some(arrived), (2, 3), "PING");
    let answer = told.sent(45, Some(arrived), (2, 1), "NODES");
    told.received(75, Some(answer), (1, 2), "NODES");
    let exchanges = paired(&told);
    assert_eq!(exchanges.len(), 2);
    let exchange = &exchanges[0];
    assert_eq!((exchange.seq, exchange.fate, exchange.asker, exchange.asked), (asked, Fate::Answered, Peer(1), Peer(2)));
    assert_eq!((exchange.round_trip, exchange.service), (Some(Duration::from_millis(65)), Some(Duration::from_millis(5))));
    assert_eq!(exchange.answer, Some(Answer { name: "NODES".to_owned(), seq: answer, bytes: 300 }));
    assert_eq!((exchanges[1].seq, exchanges[1].fate), (third, Fate::UnderWay));
    assert_eq!(
        exchange.to_string(),
        "#1           0.010000 s  p1 → p2            FIND_NODE  70 B  answered: NODES, 300 B, after 0.065000 s, served in 0.005000 s"
    );
}

#[test]
fn what_is_lost_on_either_way_is_told_apart_from_what_nobody_answers() {
    let mut told = Told::new();
    let lost = told.sent(0, None, (1, 2), "FIND_NODE");
    told.dropped(1, lost, (1, 2), "FIND_NODE", "loss");
    let silent = told.sent(2, None, (1, 3), "FIND_NODE");
    told.received(3, Some(silent), (3, 1), "FIND_NODE");
    let half = told.sent(4, None, (1, 4), "FIND_NODE");
    let arrived = told.received(5, Some(half), (4, 1), "FIND_NODE");
    let answer = told.sent(5, Some(arrived), (4, 1), "NODES");
    told.dropped(6, answer, (4, 1), "NODES", "peer_down");
    let open = told.sent(7, None, (1, 5), "FIND_NODE");
    assert_eq!(fates(&told), [(lost, Fate::Lost), (silent, Fate::Unanswered), (half, Fate::AnswerLost), (open, Fate::UnderWay)]);
    assert_eq!(paired(&told)[2].why.as_deref(), Some("peer_down"));
}

#[test]
fn a_question_is_lost_only_if_no_copy_of_it_arrives() {
    let mut told = Told::new();
    let asked = told.sent(0, None, (1, 2), "FIND_NODE");
    told.dropped(1, asked, (1, 2), "FIND_NODE", "loss");
    let arrived = told.received(2, Some(asked), (2, 1), "FIND_NODE");
    let answer = told.sent(2, Some(arrived), (2, 1), "NODES");
    told.received(3, Some(answer), (1, 2), "NODES");
    told.received(4, Some(answer), (1, 2), "NODES");
    assert_eq!(fates(&told), [(asked, Fate::Answered)]);
}

#[test]
fn an_answer_in_parts_is_one_answer_and_what_it_leads_to_is_a_question() {
    let mut told = Told::new();
    let want = told.sent(0, None, (1, 2), "WANT");
    let arrived = told.received(10, Some(want), (2, 1), "WANT");
    let first = told.sent(10, Some(arrived), (2, 1), "BLOCK");
    let got = told.received(20, Some(first), (1, 2), "BLOCK");
    let second = told.sent(20, Some(arrived), (2, 1), "BLOCK");
    told.received(30, Some(second), (1, 2), "BLOCK");
    let next = told.sent(30, Some(got), (1, 2), "WANT");
    assert_eq!(fates(&told), [(want, Fate::Answered), (next, Fate::UnderWay)]);
}

#[test]
fn who_is_asked_may_ask_back_before_it_answers() {
    // With numbers that differ, with numbers that happen to be the same, and without any.
    for numbers in [Some([5u64, 8]), Some([5, 5]), None] {
        let mut told = Told::new();
        let sent = |told: &mut Told, cause, ends, name, which: usize| {
            let seq = told.sent(10, cause, ends, name);
            if let Some(numbers) = numbers {
                told.with("id", numbers[which]);
            }
            seq
        };
        let asked = sent(&mut told, None, (1, 2), "FIND_NODE", 0);
        let arrived = told.received(20, Some(asked), (2, 1), "FIND_NODE");
        let back = sent(&mut told, Some(arrived), (2, 1), "FIND_NODE", 1);
        let answer = sent(&mut told, Some(arrived), (2, 1), "NODES", 0);
        told.received(30, Some(answer), (1, 2), "NODES");
        let arrived = told.received(30, Some(back), (1, 2), "FIND_NODE");
        let answer = sent(&mut told, Some(arrived), (1, 2), "NODES", 1);
        told.received(40, Some(answer), (2, 1), "NODES");
        assert_eq!(fates(&told), [(asked, Fate::Answered), (back, Fate::Answered)], "{numbers:?}");
    }
}

#[test]
fn an_answer_that_the_application_had_to_give_is_an_answer() {
    let mut told = Told::new();
    let want = told.sent(0, None, (1, 2), "WANT_BLOCK");
    let arrived = told.received(10, Some(want), (2, 1), "WANT_BLOCK");
    let event = told.note("event", 10, Some(arrived), (2, None), Some("lookup"));
    let command = told.note("command", 15, Some(event), (2, None), Some("local"));
    let answer = told.sent(15, Some(command), (2, 1), "BLOCK");
    told.received(25, Some(answer), (1, 2), "BLOCK");
    // The rest of the answer, when it is over.
    let rest = told.sent(26, Some(command), (2, 1), "BLOCK");
    told.received(36, Some(rest), (1, 2), "BLOCK");
    let exchanges = paired(&told);
    assert_eq!(exchanges.len(), 1);
    assert_eq!((exchanges[0].fate, exchanges[0].service), (Fate::Answered, Some(Duration::from_millis(5))));
}

#[test]
fn a_real_node_tells_round_trips_of_what_it_asks_and_service_of_what_it_is_asked() {
    let mut told = Told::new();
    let asked = told.sent(0, None, (0, 7), "FIND_NODE");
    let question = told.received(10, None, (0, 9), "FIND_NODE");
    told.sent(13, Some(question), (0, 9), "NODES");
    told.received(80, Some(asked), (0, 7), "NODES");
    let exchanges = paired(&told);
    assert_eq!(
        exchanges.iter().map(|exchange| (exchange.seq, exchange.fate)).collect::<Vec<_>>(),
        [(asked, Fate::Answered), (question, Fate::Answered)]
    );
    assert_eq!((exchanges[0].round_trip, exchanges[0].service), (Some(Duration::from_millis(80)), None));
    assert_eq!((exchanges[1].round_trip, exchanges[1].service), (None, Some(Duration::from_millis(3))));
    assert_eq!((exchanges[1].asker, exchanges[1].asked), (Peer(9), Peer(0)));
}

#[test]
fn the_same_question_asked_again_is_a_repetition_until_it_is_answered() {
    let mut told = Told::new();
    let ask = |told: &mut Told, ms, id: u64, target: u64| {
        let seq = told.sent(ms, None, (1, 2), "FIND_NODE");
        told.with("id", id).with("target", target);
        seq
    };
    let first = ask(&mut told, 0, 1, 77);
    let second = ask(&mut told, 5_000, 2, 77);
    ask(&mut told, 6_000, 3, 78);
    // The first and the second were given up 5 s before; they are still remembered.
    let third = ask(&mut told, 40_000, 4, 77);
    let arrived = told.received(40_010, Some(third), (2, 1), "FIND_NODE");
    let answer = told.sent(40_010, Some(arrived), (2, 1), "NODES");
    told.received(40_020, Some(answer), (1, 2), "NODES");
    ask(&mut told, 41_000, 5, 77);
    let mut repeats: Vec<_> = paired(&told).iter().map(|exchange| (exchange.began.as_secs(), exchange.repeats, exchange.given_up)).collect();
    repeats.sort_unstable();
    assert_eq!(repeats, [(0, None, true), (5, Some(first), true), (6, None, true), (40, Some(second), false), (41, None, false)]);
}

#[test]
fn memory_is_bounded_by_what_was_sent_within_the_horizon() {
    let (mut pairs, mut over, mut told) = (Pairs::new(Duration::from_secs(1)), Vec::new(), Told::new());
    for ms in 0..20_000 {
        told.sent(ms, None, (1, 2), "FIND_NODE");
        told.with("target", ms);
    }
    for row in &told.rows {
        pairs.add(row, &mut over);
        assert!(
            pairs.open.len() <= 1001
                && pairs.roles.len() <= 1001
                && pairs.ages.len() <= 1001
                && pairs.worded.len() <= 2001
                && pairs.wordings.len() <= 2001
        );
    }
    assert!(over.iter().all(|exchange| exchange.given_up));
    assert_eq!(over.len() + pairs.finish().len(), 20_000, "each is told once");
}

#[test]
fn the_summary_is_a_table_by_type() {
    let (mut told, mut summary) = (Told::new(), Summary::default());
    (1..=100).for_each(|n| {
        told.round_trip(n * 1000, n, (1, 2));
    });
    told.sent(200_000, None, (1, 2), "ADD_PROVIDER");
    paired(&told).iter().for_each(|exchange| summary.add(exchange));
    assert_eq!(
        summary.to_string(),
        "                     asked  answered      lost    silent      open   repeats    min ms    median       p95       max\n\
         kad ADD_PROVIDER         1         0         0         0         1         0         -         -         -         -\n\
         kad FIND_NODE          100       100         0         0         0         0     3.000   149.946   283.116   300.000"
    );
}

/// What becomes of a question in an invented run: how far it gets.
#[derive(Clone, Copy, Debug)]
enum Plan {
    Lost,
    Silent,
    AnswerLost,
    Answered,
    UnderWay,
}

proptest! {
    /// Many exchanges at once, their records interleaved: each gets the fate and the times that it was given.
    #[test]
    fn interleaved_exchanges_keep_apart(
        plans in prop::collection::vec(
            (0u64..50, (0u32..4, 0u32..4), prop::sample::select(vec![Plan::Lost, Plan::Silent, Plan::AnswerLost, Plan::Answered, Plan::UnderWay])),
            1..40,
        ),
    ) {
        // The moments of all exchanges in order of time; of those at the same time, the further along first.
        let mut moments: Vec<(u64, usize, usize)> = Vec::new();
        for (n, (began, _, plan)) in plans.iter().enumerate() {
            let steps = match plan { Plan::UnderWay => 1, Plan::Lost | Plan::Silent => 2, Plan::AnswerLost | Plan::Answered => 4 };
            moments.extend((0..steps).map(|step| (began * 3 + step as u64 * (7 + n as u64), n, step)));
        }
        moments.sort_unstable();
        let (mut told, mut last) = (Told::new(), vec![0; plans.len()]);
        let mut questions = vec![0; plans.len()];
        for (ms, n, step) in moments {
            let (_, (a, b), plan) = plans[n];
            let (a, b) = (a, b + 10);
            last[n] = match (step, plan) {
                (0, _) => {
                    questions[n] = told.sent(ms, None, (a, b), "FIND_NODE");
                    questions[n]
                }
                (1, Plan::Lost) => told.dropped(ms, last[n], (a, b), "FIND_NODE", "loss"),
                (1, _) => told.received(ms, Some(last[n]), (b, a), "FIND_NODE"),
                (2, _) => told.sent(ms, Some(last[n]), (b, a), "NODES"),
                (_, Plan::AnswerLost) => told.dropped(ms, last[n], (b, a), "NODES", "loss"),
                (_, _) => told.received(ms, Some(last[n]), (a, b), "NODES"),
            };
        }
        let exchanges = paired(&told);
        prop_assert_eq!(exchanges.len(), plans.len());
        for (n, (_, _, plan)) in plans.iter().enumerate() {
            let exchange = exchanges.iter().find(|exchange| exchange.seq == questions[n]).expect("each question is told");
            let (fate, steps) = match plan {
                Plan::Lost => (Fate::Lost, None),
                Plan::Silent => (Fate::Unanswered, None),
                Plan::AnswerLost => (Fate::AnswerLost, None),
                Plan::Answered => (Fate::Answered, Some(3)),
                Plan::UnderWay => (Fate::UnderWay, None),
            };
            prop_assert_eq!(exchange.fate, fate);
            prop_assert_eq!(exchange.round_trip, steps.map(|steps| Duration::from_millis(steps * (7 + n as u64))));
        }
    }
}
