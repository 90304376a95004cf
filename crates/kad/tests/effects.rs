//! One peer, driven by hand: what it does is what it pushes into a `Vec`.

use core::time::Duration;

use peerglass_core::describe::Step;
use peerglass_core::{Acquaintances, Cx, Describe, Effect, Fields, Key, Peer, Protocol, Rng, Time, Value};
use peerglass_kad::{Command, Config, Event, Kad, Message, Mode, Name, Outcome, Record, Request, Response, Target, Timer};

const ME: Peer = Peer(500_000);
const ACQUAINTANCES: Acquaintances<'static> = Acquaintances::derived(4);

/// One peer under the microscope.
struct Lens {
    kad: Kad,
    config: Config,
    now: Time,
    turns: u64,
    timers: Vec<(Time, Timer)>,
}

type Effects = Vec<Effect<Kad>>;

impl Lens {
    fn new(config: Config) -> Lens {
        let mut lens = Lens { kad: Kad::new(&config), config, now: Time::from_secs(5000), turns: 0, timers: Vec::new() };
        lens.act(|kad, cx| kad.start(cx));
        lens
    }

    /// With contacts, each of which answered a probe.
    fn with_contacts(config: Config, contacts: impl IntoIterator<Item = u32>) -> Lens {
        let mut lens = Lens::new(config);
        for contact in contacts {
            let effects = lens.act(|kad, cx| kad.contact(Peer(contact), true, cx));
            lens.answer_all(&effects, &[Peer(999_999)]);
        }
        lens
    }

    fn act(&mut self, act: impl FnOnce(&mut Kad, &mut Cx<'_, Kad>)) -> Effects {
        self.turns += 1;
        let (mut effects, mut rng) = (Vec::new(), Rng::new(self.turns));
        act(&mut self.kad, &mut Cx::new(self.now, ME, &self.config, ACQUAINTANCES, &mut rng, &mut effects));
        self.timers.extend(effects.iter().filter_map(wake).map(|(delay, timer)| (self.now + delay, timer)));
        effects
    }

    fn ask(&mut self, from: Peer, request: Request) -> Effects {
        self.act(|kad, cx| kad.on_message(from, Message::Request { id: 7, request }, cx))
    }

    fn answer(&mut self, from: Peer, id: u64, closer: &[Peer]) -> Effects {
        let response = Response::Nodes { closer: closer.to_vec() };
        self.act(|kad, cx| kad.on_message(from, Message::Response { id, response }, cx))
    }

    /// Answers all requests among `effects` and returns what that leads to.
    fn answer_all(&mut self, effects: &Effects, closer: &[Peer]) -> Effects {
        requests(effects).into_iter().flat_map(|(to, id, _)| self.answer(to, id, closer)).collect()
    }

    /// Lets time pass, and every timer go off that is due meanwhile.
    fn wait(&mut self, length: Duration) -> Effects {
        let end = self.now + length;
        let mut all = Vec::new();
        while let Some(next) = (0..self.timers.len()).min_by_key(|i| self.timers[*i].0).filter(|i| self.timers[*i].0 <= end) {
            let (at, timer) = self.timers.swap_remove(next);
            self.now = at;
            all.extend(self.act(|kad, cx| kad.on_timer(timer, cx)));
        }
        self.now = end;
        all
    }

    fn contacts(&self) -> Vec<Peer> {
        self.kad.table().contacts().iter().map(|c| c.peer).collect()
    }
}

fn wake(effect: &Effect<Kad>) -> Option<(Duration, Timer)> {
    match effect {
        Effect::Wake { delay, timer } => Some((*delay, *timer)),
        _ => None,
    }
}

fn requests(effects: &Effects) -> Vec<(Peer, u64, Request)> {
    let requests = effects.iter().filter_map(|effect| match effect {
        Effect::Send { to, message: Message::Request { id, request } } => Some((*to, *id, request.clone())),
        _ => None,
    });
    requests.collect()
}

fn response(effects: &Effects) -> Option<Response> {
    effects.iter().find_map(|effect| match effect {
        Effect::Send { message: Message::Response { id: 7, response }, .. } => Some(response.clone()),
        _ => None,
    })
}

fn steps(effects: &Effects) -> Vec<&Step> {
    let steps = effects.iter().filter_map(|effect| match effect {
        Effect::Step(told) => Some(&told.step),
        _ => None,
    });
    steps.collect()
}

fn step_names(effects: &Effects) -> Vec<&'static str> {
    steps(effects).iter().map(|step| step.name).collect()
}

fn name(text: &str) -> Name {
    Name::new(text.as_bytes()).expect("a short name")
}

fn find(target: Target) -> Request {
    Request::FindNode { target }
}

#[test]
fn an_answer_names_neither_the_requester_nor_oneself() {
    let mut lens = Lens::with_contacts(Config::default(), 0..15);
    let Some(Response::Nodes { mut closer }) = response(&lens.ask(Peer(3), find(Target::Name(name("x"))))) else { panic!() };
    closer.sort_unstable();
    assert_eq!(closer, (0..15).filter(|p| *p != 3).map(Peer).collect::<Vec<_>>());
}

#[test]
fn the_target_itself_is_named_if_it_is_oneself_the_requester_or_a_client() {
    let mut lens = Lens::with_contacts(Config::default(), 0..60);
    lens.act(|kad, cx| kad.contact(Peer(800), false, cx));
    for target in [ME, Peer(3), Peer(800)] {
        let Some(Response::Nodes { closer }) = response(&lens.ask(Peer(3), find(Target::Peer(target)))) else { panic!() };
        assert!(closer.contains(&target) && closer.len() <= 20, "{target} is missing");
    }
    let Some(Response::Nodes { closer }) = response(&lens.ask(Peer(3), find(Target::Peer(Peer(801))))) else { panic!() };
    assert!(!closer.contains(&Peer(801)), "nobody knows it");
}

#[test]
fn a_client_rejects_everything_and_probes_nobody() {
    let mut lens = Lens::with_contacts(Config { mode: Mode::Client, ..Config::default() }, 0..5);
    let effects = lens.ask(Peer(30), find(Target::Peer(ME)));
    assert_eq!((response(&effects), effects.len()), (Some(Response::Rejected), 1));
    assert!(lens.ask(Peer(30), Request::AddProvider { key: name("x"), provider: Peer(30) }).is_empty(), "and is silent where no answer is due");
    let told = lens.act(|kad, cx| kad.set_mode(Mode::Server, cx));
    assert!(matches!(&told[..], [Effect::Event(event)] if matches!(**event, Event::Mode { mode: Mode::Server })));
    assert!(matches!(response(&lens.ask(Peer(30), find(Target::Peer(ME)))), Some(Response::Nodes { .. })));
}

#[test]
fn a_requester_is_admitted_after_it_has_answered_a_probe_and_not_before() {
    let mut lens = Lens::with_contacts(Config::default(), 0..5);
    let asked = lens.ask(Peer(30), find(Target::Name(name("x"))));
    assert_eq!(requests(&asked).iter().map(|(to, _, r)| (*to, r.clone())).collect::<Vec<_>>(), [(Peer(30), find(Target::Peer(Peer(30))))]);
    assert!(!lens.contacts().contains(&Peer(30)));
    assert!(requests(&lens.ask(Peer(30), find(Target::Name(name("x"))))).is_empty(), "one probe is under way");
    let answered = lens.answer_all(&asked, &[Peer(1)]);
    assert!(lens.contacts().contains(&Peer(30)));
    assert!(step_names(&answered).contains(&"admit"));

    let mut amino = Lens::with_contacts(Config::amino(), 0..5);
    assert!(requests(&amino.ask(Peer(30), find(Target::Name(name("x"))))).is_empty(), "on Amino, identify tells who is a server");
}

#[test]
fn a_peer_that_rejects_a_probe_is_a_client_and_is_not_probed_again() {
    let mut lens = Lens::with_contacts(Config::default(), 0..5);
    let asked = lens.ask(Peer(30), find(Target::Name(name("x"))));
    let (to, id, _) = requests(&asked)[0].clone();
    lens.act(|kad, cx| kad.on_message(to, Message::Response { id, response: Response::Rejected }, cx));
    assert!(requests(&lens.ask(Peer(30), find(Target::Name(name("x"))))).is_empty());
    assert!(!requests(&lens.act(|kad, cx| kad.contact(Peer(30), true, cx))).is_empty(), "until the driver knows better");
}

#[test]
fn hearsay_does_not_enter_the_table() {
    let mut lens = Lens::with_contacts(Config::default(), 0..5);
    let effects = lens.act(|kad, cx| _ = kad.find_node(Target::Name(name("x")), cx));
    lens.answer_all(&effects, &[Peer(70), Peer(71), Peer(72)]);
    assert!(lens.contacts().iter().all(|p| p.0 < 5));
}

#[test]
fn an_unreachable_peer_fails_at_once_and_the_next_is_asked() {
    let mut lens = Lens::with_contacts(Config::default(), 0..10);
    let effects = lens.act(|kad, cx| _ = kad.find_node(Target::Name(name("x")), cx));
    let asked = requests(&effects);
    assert_eq!(asked.len(), 3, "alpha");
    let lost = asked[0].0;
    let effects = lens.act(|kad, cx| kad.on_unreachable(lost, cx));
    assert_eq!(requests(&effects).len(), 1, "its slot is used at once");
    assert!(step_names(&effects).contains(&"unreachable") && step_names(&effects).contains(&"demote"));
    assert_eq!(lens.kad.table().contacts().iter().filter(|c| !c.is_healthy()).map(|c| c.peer).collect::<Vec<_>>(), [lost]);
    let Some(Response::Nodes { closer }) = response(&lens.ask(Peer(77), find(Target::Name(name("x"))))) else { panic!() };
    assert!(!closer.contains(&lost), "it is not told to others while it is in doubt");
}

#[test]
fn requests_share_one_timer_and_fail_when_they_are_due() {
    let mut lens = Lens::with_contacts(Config::default(), 0..3);
    lens.wait(Duration::from_secs(100));
    let effects = lens.act(|kad, cx| _ = kad.find_node(Target::Name(name("x")), cx));
    let wakes: Vec<Duration> = effects.iter().filter_map(wake).map(|(delay, _)| delay).collect();
    assert_eq!(wakes.iter().min(), Some(&lens.config.patience));
    assert!(wakes.len() <= 2, "{wakes:?}: one for the timeout, one earlier for the patience, none for each request");
    let later = lens.wait(Duration::from_secs(2));
    let found_nobody = |event: &Event| matches!(event, Event::Found { report, .. } if report.outcome == Outcome::NoPeers);
    assert!(later.iter().any(|e| matches!(e, Effect::Event(event) if found_nobody(event))), "all are slow");
    let latest = lens.wait(Duration::from_secs(10));
    assert_eq!(lens.kad.outstanding(), 0);
    assert_eq!(step_names(&latest).iter().filter(|name| **name == "demote").count(), 3, "the requests themselves still time out");
}

#[test]
fn stale_and_early_timers_do_nothing() {
    let mut lens = Lens::with_contacts(Config::default(), 0..3);
    let _ = lens.act(|kad, cx| _ = kad.find_node(Target::Name(name("x")), cx));
    for generation in [0, 1_000, u32::MAX] {
        for timer in
            [Timer::Alarm { at: Time::from_nanos(generation.into()) }, Timer::Refresh { generation }, Timer::Republish { generation }, Timer::Expire]
        {
            assert!(lens.act(|kad, cx| kad.on_timer(timer, cx)).is_empty(), "{timer:?}");
        }
    }
}

/// Peers that share no bit with this one: all of one bucket.
fn far(n: usize) -> Vec<u32> {
    (0..10_000).filter(|p| ACQUAINTANCES.key(Peer(*p)).common_prefix(ACQUAINTANCES.key(ME)) == 0).take(n).collect()
}

#[test]
fn the_oldest_contact_is_checked_before_a_replacement_takes_its_place() {
    let config = Config { k: 3, max_buckets: 1, rejoin_interval: Duration::from_secs(3600), ..Config::default() };
    let peers = far(4);
    let mut lens = Lens::with_contacts(config, peers[..3].iter().copied());
    // A newcomer finds the bucket full, and the oldest has been silent for some minutes.
    lens.wait(Duration::from_secs(400));
    let probe = lens.act(|kad, cx| kad.contact(Peer(peers[3]), true, cx));
    let check = lens.answer_all(&probe, &[Peer(1)]);
    let [(oldest, id, _)] = &requests(&check)[..] else { panic!("the oldest is checked") };
    assert_eq!((oldest.0, step_names(&check)), (peers[0], vec!["wait", "check"]));
    // It answers: it stays, as the freshest. Nobody is evicted.
    lens.answer(*oldest, *id, &[Peer(1)]);
    assert_eq!(lens.contacts().iter().map(|p| p.0).collect::<Vec<_>>(), [peers[1], peers[2], peers[0]]);
    // The next in line does not answer, is asked once more, and makes way.
    let probe = lens.act(|kad, cx| kad.contact(Peer(peers[3]), true, cx));
    let check = lens.answer_all(&probe, &[Peer(1)]);
    assert_eq!(requests(&check)[0].0, Peer(peers[1]));
    let first = lens.wait(Duration::from_secs(11));
    assert!(step_names(&first).contains(&"demote") && requests(&first)[0].0 == Peer(peers[1]), "asked once more");
    let second = lens.wait(Duration::from_secs(11));
    assert_eq!(step_names(&second), ["evict", "replace"]);
    assert!(lens.contacts().contains(&Peer(peers[3])));
}

#[test]
fn steps_tell_a_lookup_in_the_words_of_the_field() {
    let mut lens = Lens::with_contacts(Config::default(), 0..1);
    let begun = lens.act(|kad, cx| _ = kad.find_node(Target::Peer(Peer(9)), cx));
    assert_eq!(step_names(&begun), ["begin", "query"]);
    let answered = lens.answer_all(&begun, &[Peer(9)]);
    assert_eq!(step_names(&answered), ["answer", "query"]);
    let answer = steps(&answered)[0];
    let shortlist = |step: &Step| ["shortlist", "states"].map(|name| step.fields.get(name).expect("it tells the shortlist").to_string());
    assert_eq!(shortlist(steps(&begun)[0]), ["[p0]", "h"]);
    assert_eq!(shortlist(answer), ["[p9 p0]", "ha"]);
    let done = lens.answer_all(&answered, &[]);
    assert_eq!(step_names(&done), ["admit", "answer", "done"]);
    let Some(Effect::Event(event)) = done.last() else { panic!("{done:?}") };
    let Event::Found { operation, hops: 2, report, .. } = &**event else { panic!("{done:?}") };
    assert_eq!((operation.to_string(), report.requests, report.answers, report.failures), ("kad#1".to_owned(), 2, 2, 0));
}

#[test]
fn every_handle_that_is_held_is_shown() {
    let mut lens = Lens::with_contacts(Config { k: 3, max_buckets: 1, ..Config::default() }, far(5));
    lens.act(|kad, cx| _ = kad.join(&[Peer(90_001)], cx));
    lens.act(|kad, cx| _ = kad.find_node(Target::Peer(Peer(90_002)), cx));
    lens.act(|kad, cx| kad.contact(Peer(90_003), false, cx));
    lens.ask(Peer(90_004), Request::AddProvider { key: name("x"), provider: Peer(90_004) });
    let mut shown = Vec::new();
    lens.kad.peers(&mut |peer| shown.push(peer.0));
    for peer in far(5).into_iter().chain(90_001..=90_004) {
        assert!(shown.contains(&peer), "{peer} is held and not shown");
    }
}

#[test]
fn commands_do_what_the_methods_do() {
    let mut lens = Lens::with_contacts(Config::default(), 0..3);
    let key = name("/pk/x");
    let value = Command::PutValue { key: key.clone(), value: b"invalid"[..].into() };
    let refused = lens.act(|kad, cx| kad.on_command(value, cx));
    let [Effect::Event(event)] = &refused[..] else { panic!("{refused:?}") };
    assert!(matches!(**event, Event::Put { replicas: 0, report, .. } if report.outcome == Outcome::Refused));
    let begun = |lens: &mut Lens, command: Command| requests(&lens.act(|kad, cx| kad.on_command(command, cx))).first().map(|(_, _, r)| r.clone());
    let find_node = |name: Name| Some(find(Target::Name(name)));
    assert_eq!(begun(&mut lens, Command::FindNode { target: Target::Name(key.clone()) }), find_node(key.clone()));
    assert_eq!(begun(&mut lens, Command::Provide { key: key.clone() }), find_node(key.clone()));
    assert!(lens.kad.is_providing(&key));
    assert_eq!(begun(&mut lens, Command::StopProviding { key: key.clone() }), None);
    assert!(!lens.kad.is_providing(&key));
    assert_eq!(begun(&mut lens, Command::GetValue { key: key.clone() }), Some(Request::GetValue { key: key.clone() }));
    assert_eq!(begun(&mut lens, Command::FindProviders { key: key.clone(), wanted: 1 }), Some(Request::GetProviders { key }));
    assert_eq!(lens.kad.operations(), 4);
}

#[test]
fn a_record_that_proves_itself_is_stored_served_and_echoed() {
    let mut lens = Lens::with_contacts(Config::default(), 0..3);
    let key = Name::new(&[b"/sha256/", &Key::of(b"hello").to_bytes()[..]].concat()).expect("a short name");
    let record = Box::new(Record { key: key.clone(), value: b"hello"[..].into() });
    assert_eq!(response(&lens.ask(Peer(1), Request::PutValue { record: record.clone() })), Some(Response::Stored { record: record.clone() }));
    let Some(Response::Value { record: served, closer }) = response(&lens.ask(Peer(2), Request::GetValue { key: key.clone() })) else { panic!() };
    assert_eq!((served, closer.len()), (Some(record), 2));
    let forged = Box::new(Record { key: key.clone(), value: b"hullo"[..].into() });
    assert_eq!(response(&lens.ask(Peer(1), Request::PutValue { record: forged })), Some(Response::Rejected));
    // Beyond its life it is not served, even before the sweep.
    lens.now += lens.config.value_lifetime;
    assert!(matches!(response(&lens.ask(Peer(2), Request::GetValue { key })), Some(Response::Value { record: None, .. })));
}

#[test]
fn everything_tells_its_name_and_fields() {
    let join = Command::Join { contacts: vec![Peer(1)] };
    assert_eq!((join.name(), Fields::of(&join).get("contacts").map(|value| value.to_string())), ("join", Some("[p1]".to_owned())));
    assert_eq!(Timer::Alarm { at: Time::ZERO }.name(), "alarm");
    let mut lens = Lens::new(Config::default());
    let effects = lens.act(|kad, cx| _ = kad.find_node(Target::Name(name("x")), cx));
    let Some(Effect::Event(event)) = effects.last() else { panic!() };
    assert_eq!(event.name(), "found");
    assert_eq!(Fields::of(&**event).get("outcome"), Some(Value::Text("no peers".to_owned())));
}

#[test]
fn a_peer_that_restarts_has_its_table_and_records_and_nothing_under_way() {
    let mut lens = Lens::with_contacts(Config::default(), 1..=30);
    lens.act(|kad, cx| kad.on_command(Command::Provide { key: name("a") }, cx));
    let under_way = requests(&lens.act(|kad, cx| kad.on_command(Command::FindNode { target: Target::Name(name("b")) }, cx)));
    let contacts = lens.contacts();
    assert!(!under_way.is_empty() && lens.kad.operations() == 2);
    // Its timers die with it.
    lens.timers.clear();
    lens.now += Duration::from_secs(3600);
    let effects = lens.act(|kad, cx| kad.restart(cx));
    assert_eq!(lens.contacts(), contacts);
    assert!(effects.iter().all(|effect| !matches!(effect, Effect::Event(_))), "nobody is told of what was under way");
    // Contacts that have been silent for so long are checked, and buckets looked up again; what comes for the requests of before counts for nothing.
    let asked = requests(&effects);
    assert!(asked.len() >= 20, "{} requests", asked.len());
    let (peer, id, _) = &under_way[0];
    let before = lens.kad.outstanding();
    lens.answer(*peer, *id, &[]);
    assert_eq!(lens.kad.outstanding(), before);
    assert!(lens.timers.iter().any(|(_, timer)| matches!(timer, Timer::Refresh { .. })));
}
