//! Networks that cannot work: each run ends, keeps its books, and says plainly that nothing came of it.

use std::path::Path;

use peerglass_core::{Peer, Time};
use peerglass_lab::host::Answer;
use peerglass_lab::{Run, Scenario};
use peerglass_sim::{Limits, Stop};
use peerglass_stack::Command;
use peerglass_trace::{DropCause, Off};

/// A lab of some peers, four minutes long; `more` is whatever makes it pathological.
fn scenario(peers: u32, more: &str) -> Scenario {
    let text = format!("title = \"pathological\"\npeers = {peers}\nduration = \"4 min\"\n{more}\n[join]\nwithin = \"5 s\"\n");
    Scenario::parse(&text, Path::new("pathological.toml")).expect("the scenario is valid")
}

/// A file that one peer shares and two fetch, and some lookups.
const DEEDS: &str = r#"
[[content]]
name = "a file"
size = "2 MiB"
publishers = 1
publish_at = "10 s"
fetchers = 2
fetch_at = "20 s"

[[lookup]]
count = 5
at = "20 s"
"#;

/// Runs it to its end.
fn run(scenario: Scenario) -> Run<Off> {
    let mut run = Run::new(scenario, 1, Off).expect("the scenario can be run");
    run.run(|_| {});
    let (stats, all) = (run.stats(), run.totals().all());
    assert_eq!((stats.crashes, all.sent + stats.duplicated), (0, all.delivered + all.dropped + stats.in_flight), "{}", run.summary());
    assert_eq!(run.simulation().now(), Time::from_secs(240));
    run
}

/// Nobody got the file, and each fetch has ended with an error rather than wait for ever.
fn all_gave_up(run: &Run<Off>) {
    let hosts = run.simulation().peers().filter_map(|(peer, _)| run.simulation().host(peer));
    let failed = hosts.flat_map(|host| host.answers()).filter(|answered| matches!(answered.answer, Answer::Failed(_))).count();
    let summary = run.summary();
    assert_eq!((summary.contents[0].whole, failed), (0, 2), "{summary}");
}

#[test]
fn nobody_at_all() {
    let run = run(scenario(0, ""));
    let (summary, stats) = (run.summary(), run.stats());
    assert_eq!((summary.peers, stats.events, stats.pending), (0, 0, 0), "{summary}");
}

#[test]
fn one_peer_alone_shares_finds_itself_nowhere_and_gives_up() {
    let mut run = Run::new(scenario(1, ""), 1, Off).expect("the scenario can be run");
    let root = *peerglass_store::Dag::synthetic(1, 1 << 20, peerglass_store::Shape::default()).root();
    run.run(|_| {});
    assert_eq!(run.totals().all().sent, 0, "there is nobody to talk to: {}", run.summary());
    // The same alone, asked for everything that a peer can be asked for.
    let mut simulation = run.simulation().fork(Off);
    let key = b"/pk/nobody".to_vec();
    for (tag, command) in [
        Command::Share { tag: 1, root },
        Command::Fetch { tag: 2, root, sources: vec![Peer(0)] },
        Command::FindProviders { tag: 3, cid: root, wanted: 0 },
        Command::GetValue { tag: 4, key },
        Command::Join { contacts: vec![Peer(0)] },
    ]
    .into_iter()
    .enumerate()
    {
        simulation.command_at(Time::from_secs(241 + tag as u64), Peer(0), command).expect("the peer is there");
    }
    simulation.run_until(Time::from_secs(600));
    let answers = simulation.host(Peer(0)).expect("the peer is there").answers();
    for tag in 1..=4 {
        assert!(answers.iter().any(|answered| answered.tag == tag), "the command {tag} has an end: {answers:?}");
    }
    assert!(answers.iter().any(|answered| answered.tag == 2 && matches!(answered.answer, Answer::Failed(_))), "{answers:?}");
    assert_eq!(simulation.totals().all().sent, 0);
}

#[test]
fn everybody_is_cut_off_from_everybody() {
    let sides: Vec<String> = (0..12).map(|peer| format!("{{ peers = [{peer}] }}")).collect();
    let cut = format!("{DEEDS}\n[[fault]]\nkind = \"partition\"\nat = \"0 s\"\nsides = [{}]\n", sides.join(", "));
    let run = run(scenario(12, &cut));
    let (summary, all) = (run.summary(), run.totals().all());
    assert_eq!((all.delivered, run.totals().drops(DropCause::Fault)), (0, all.sent), "{summary}");
    all_gave_up(&run);
}

#[test]
fn everything_is_lost() {
    let run = run(scenario(12, &format!("[network]\nloss = 1.0\n{DEEDS}")));
    let (summary, all) = (run.summary(), run.totals().all());
    assert_eq!((all.delivered, run.totals().drops(DropCause::Loss)), (0, all.sent), "{summary}");
    all_gave_up(&run);
    assert!(all.sent < 20_000, "{summary}");
}

#[test]
fn links_that_carry_nothing_are_refused_and_links_that_carry_next_to_nothing_end() {
    let none = "title = \"x\"\npeers = 2\nduration = \"1 s\"\n[network]\nup = \"0 bit/s\"\n";
    let error = Scenario::parse(none, Path::new("none.toml")).expect_err("a link must carry something").to_string();
    assert!(error.contains("a link must carry something"), "{error}");
    let slow = run(scenario(12, &format!("[network]\nup = \"1 bit/s\"\ndown = \"1 bit/s\"\nbuffer = \"128 B\"\n{DEEDS}")));
    assert!(slow.totals().drops(DropCause::UplinkFull) > 0, "{}", slow.summary());
    all_gave_up(&slow);
    let flows = run(scenario(12, &format!("[network]\nup = \"1 bit/s\"\ndown = \"1 bit/s\"\nbandwidth = \"max-min\"\n{DEEDS}")));
    all_gave_up(&flows);
}

#[test]
fn a_peer_that_is_its_own_contact_and_source_talks_to_nobody() {
    let run = run(scenario(3, ""));
    let mut simulation = run.simulation().fork(Off);
    let root = *peerglass_store::Dag::synthetic(1, 1 << 20, peerglass_store::Shape::default()).root();
    let before = simulation.totals().all().sent;
    for command in [
        Command::Join { contacts: vec![Peer(1); 3] },
        Command::Contact { peer: Peer(1), server: true },
        Command::Fetch { tag: 9, root, sources: vec![Peer(1), Peer(1)] },
    ] {
        simulation.command_at(Time::from_secs(241), Peer(1), command).expect("the peer is there");
    }
    // Messages of a peer to itself go by the loopback: there must be none, and no storm.
    simulation.tap(std::sync::Arc::new(|sight| {
        assert_ne!(sight.from, sight.to, "a packet to oneself is no packet");
        Vec::new()
    }));
    assert!(matches!(simulation.run(Limits { until: Time::from_secs(600), events: 200_000 }), Stop::Time | Stop::Idle));
    assert!(simulation.alive(Peer(1)) && simulation.totals().all().sent - before < 5_000);
    let contacts = simulation.peer(Peer(1)).expect("the peer is there").kad().table().contacts();
    assert!(contacts.iter().all(|contact| contact.peer != Peer(1)));
}

#[test]
fn a_storm_of_requests_is_answered_or_refused_and_dies_down() {
    let storm = "[[workload]]\nkind = \"lookup\"\nrate = \"2000 /s\"\nwho = { count = 3 }\nfrom = \"20 s\"\nuntil = \"25 s\"\n";
    let run = run(scenario(30, storm));
    let (summary, stats) = (run.summary(), run.stats());
    let lookups = summary.lookups.as_ref().expect("there are lookups");
    assert!(lookups.ended > 5_000, "{summary}");
    assert_eq!(stats.in_flight, 0, "after the storm it is calm: {summary}");
}
