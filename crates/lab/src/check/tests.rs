use crate::Scenario;

const GOOD: &str = r#"
title = "t"
peers = 10
duration = "60 s"
[network]
latency = { kind = "uniform", min = "10 ms", max = "20 ms" }
[[content]]
name = "f"
size = "1 MiB"
publishers = 2
publish_at = "10 s"
fetchers = 3
fetch_at = "20 s"
[[crash]]
at = "30 s"
fraction = 0.2
"#;

/// A scenario whose first line of trouble is line 5.
const START: &str = "title = \"t\"\npeers = 10\nduration = \"60 s\"\njoin = { within = \"5 s\" }\n";

fn parse(text: &str) -> Result<Scenario, String> {
    Scenario::parse(text, "x.toml".as_ref()).map_err(|error| error.to_string())
}

#[track_caller]
fn assert_refused(text: &str, expected: &str) {
    let error = parse(text).map(|_| "nothing at all".to_owned()).unwrap_or_else(|error| error);
    assert!(error.contains(expected), "{text}\n  gave  {error}\n  not   {expected}");
}

fn error_of(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "the test's own text has changed");
    parse(&GOOD.replace(from, to)).unwrap_err()
}

#[test]
fn the_good_ones_are_good() {
    parse(GOOD).unwrap();
    parse(START).unwrap();
    parse("title = \"nobody\"\npeers = 0\nduration = \"10 s\"\n[[crash]]\nat = \"1 s\"\nfraction = 0.5").unwrap();
}

#[test]
fn every_mistake_is_named_with_its_line_and_what_is_allowed() {
    let cases = [
        ("peers = 10", "peers = 99999999", "x.toml:3: 99999999 peers are too many: allowed is 0 to 10000000"),
        ("peers = 10", "peers = 4", "x.toml:10: 5 publishers and fetchers are asked for, but there are 4 peers"),
        ("min = \"10 ms\"", "min = \"30 ms\"", "x.toml:6: min must not be above max"),
        ("fraction = 0.2", "fraction = 1.2", "x.toml:16:12: 1.2 is not a share: allowed is 0.0 to 1.0"),
        ("at = \"30 s\"", "at = \"3 h\"", "x.toml:15: this would end at 10800s, after the scenario's duration of 60s"),
        ("\"30 s\"", "\"30 sec\"", "x.toml:15:6: `sec` is not a unit of a duration: use one of ns, us, ms, s, min, h, d"),
        ("\"uniform\"", "\"gaussian\"", "x.toml:6:20: unknown variant `gaussian`, expected one of `constant`, `uniform`, `normal`, `log-normal`"),
        ("fetchers = 3", "fetcher = 3", "x.toml:12:1: unknown field `fetcher`, expected one of `name`, `path`"),
        ("size = \"1 MiB\"", "", "x.toml:8: content needs either a path"),
        ("fetch_at = \"20 s\"", "fetch_at = \"2 s\"", "x.toml:13: nobody can fetch before publish_at"),
        ("size = \"1 MiB\"", "path = \"no/such\"", "x.toml:9: there is no no/such"),
        ("title = \"t\"", "", "missing field `title`"),
        ("publishers = 2", "publishers = 2\npublishers_from = \"fetchers\"", "x.toml:11: publishers and fetchers are chosen from other groups"),
        (
            "fetchers = 3",
            "fetchers = 3\nfetchers_from = { range = \"0..4\" }",
            "x.toml:12: 3 fetchers are asked for, but there may be only 2 of {p0..p4}",
        ),
    ];
    for (from, to, expected) in cases {
        let error = error_of(from, to);
        assert!(error.contains(expected), "{to}\n  gave  {error}\n  not   {expected}");
    }
}

#[test]
fn a_fault_that_cannot_be_is_named_with_its_line() {
    let cases = [
        ("kind = \"crahs\"", "x.toml:7:8: unknown variant `crahs`, expected one of `crash`, `restart`, `freeze`"),
        (
            "kind = \"crash\"\nextra = \"1 s\"",
            "x.toml:5:1: a crash has no `extra`: beside kind and at it may have within, for, every, times, who, keep_state",
        ),
        ("kind = \"crash\"\nbridge = \"all\"", "a crash has no `bridge`"),
        ("kind = \"crash\"\nwho = { peers = [3, 10] }", "x.toml:8: there is no peer 10: they are numbered from 0 to 9"),
        ("kind = \"crash\"\nwho = { range = \"5..20\" }", "x.toml:8: there is no peer 19"),
        ("kind = \"crash\"\nwho = { range = \"5..5\" }", "x.toml:8:17: the range `5..5` is empty"),
        ("kind = \"crash\"\nwho = { peers = [] }", "x.toml:8: no peer is named here"),
        ("kind = \"crash\"\nwho = { count = 11 }", "x.toml:8: 11 peers are asked for, but there are 10 of {all}"),
        ("kind = \"crash\"\nwho = { count = 1, fraction = 0.5 }", "say who by exactly one of peers"),
        ("kind = \"crash\"\nwho = \"servers\"", "x.toml:8: there is no group `servers`: there are all, publishers, fetchers"),
        ("kind = \"crash\"\nfor = \"0 s\"", "x.toml:8: `for` must be above zero"),
        ("kind = \"crash\"\nfor = \"2 min\"", "x.toml:6: this would end at 150s, after the scenario's duration of 60s"),
        ("kind = \"crash\"\nfor = \"2 s\"\nevery = \"1 s\"", "x.toml:9: it would come again before it is over"),
        ("kind = \"crash\"\ntimes = 3", "x.toml:8: times needs every"),
        ("kind = \"crash\"\nevery = \"1 s\"\ntimes = 0", "x.toml:9: a fault comes at least once"),
        ("kind = \"crash\"\nevery = \"20 s\"\ntimes = 3", "x.toml:6: this would end at 70s"),
        ("kind = \"slow\"\neach = \"1 ms\"\nevery = \"1 ns\"", "x.toml:9: it would come more than 100000 times"),
        ("kind = \"freeze\"", "x.toml:5:1: a freeze needs `for`: how long it stands still"),
        ("kind = \"slow\"", "a slow needs `each`"),
        ("kind = \"clock\"", "a clock needs `skew`"),
        ("kind = \"clock\"\ndrift_ppm = -2e6", "x.toml:8: a clock cannot drift by -2000000 ppm"),
        ("kind = \"loss\"", "a loss needs `share`"),
        ("kind = \"loss\"\nshare = -0.1", "x.toml:8:9: -0.1 is not a share: allowed is 0.0 to 1.0"),
        ("kind = \"throttle\"\nup = \"-1 Mbit/s\"", "x.toml:8:6: `-1 Mbit/s` is not a rate"),
        ("kind = \"throttle\"", "a throttle needs `up` or `down`"),
        ("kind = \"disk\"\nstate = \"slow\"", "x.toml:8:9: unknown variant `slow`, expected one of `full`, `broken`, `corrupt`"),
        ("kind = \"byzantine\"", "a byzantine needs `behaviour`: one of \"silent\""),
        ("kind = \"byzantine\"\nbehaviour = \"lie\"", "\"lie\" with lie = \"contacts\", \"values\" or \"providers\""),
        ("kind = \"byzantine\"\nbehaviour = \"silent\"\nshare = 0.5", "a behaviour is one of"),
        ("kind = \"partition\"", "a partition needs `sides`"),
        ("kind = \"partition\"\nsides = []", "x.toml:8: a partition has 1 to 16 sides"),
        ("kind = \"partition\"\nsides = [\"all\"]", "x.toml:8: a side is everybody"),
        ("kind = \"partition\"\nsides = [{ peers = [1] }, { peers = [1] }]", "x.toml:8: {p1} is on two sides"),
        ("kind = \"partition\"\nwithin = \"1 s\"\nsides = [{ peers = [1] }]", "a partition has no `within`"),
        ("kind = \"sybil\"", "a sybil needs `count`"),
        ("kind = \"sybil\"\ncount = 9999999", "x.toml:8: with all attackers there are 10000009 peers"),
        ("kind = \"sybil\"\ncount = 1\ntarget = \"abc\"", "`abc` is not a key: give 64 hexadecimal digits"),
        ("kind = \"eclipse\"\ncount = 1", "an eclipse needs `content`"),
        ("kind = \"eclipse\"\ncount = 1\ncontent = \"g\"", "x.toml:9: there is no content `g`: the scenario has no [[content]]"),
    ];
    for (rest, expected) in cases {
        assert_refused(&format!("{START}[[fault]]\nat = \"30 s\"\n{rest}\n"), expected);
    }
}

#[test]
fn faults_that_contradict_each_other_are_refused_where_that_is_known() {
    let fault = |kind: &str, at: u32, rest: &str| format!("[[fault]]\nkind = \"{kind}\"\nat = \"{at} s\"\n{rest}\n");
    let three = "who = { peers = [3] }";
    let refused = [
        (fault("restart", 20, three), "x.toml:7: nobody has crashed by 20 s"),
        (fault("crash", 20, three) + &fault("restart", 10, three), "x.toml:11: nobody has crashed by 10 s"),
        (fault("crash", 10, three) + &fault("restart", 20, "who = { peers = [4] }"), "x.toml:11: peer 4 cannot restart at 20 s: it is up then"),
        (fault("crash", 10, three) + &fault("restart", 20, three) + &fault("restart", 25, three), "x.toml:15: peer 3 cannot restart at 25 s"),
        (
            fault("crash", 10, "who = { range = \"0..5\" }\nfor = \"20 s\"") + &fault("crash", 15, "who = { peers = [3] }\nfor = \"5 s\""),
            "x.toml:12: peer 3 cannot crash at 15 s: it is down already, since 10 s by line 7",
        ),
        (fault("crash", 1, "who = { peers = [3, 9] }"), "x.toml:7: peer 9 has not come in yet at 1 s: it joins at 4.5 s"),
    ];
    for (faults, expected) in refused {
        assert_refused(&format!("{START}{faults}"), expected);
    }
    let fine = [
        fault("crash", 10, three) + &fault("restart", 20, three) + &fault("crash", 30, three),
        fault("crash", 10, "who = { fraction = 0.5 }") + &fault("restart", 20, three),
        fault("crash", 10, three) + &fault("restart", 20, ""),
        fault("crash", 10, "for = \"5 s\"\nevery = \"10 s\"\ntimes = 4") + &fault("restart", 27, "who = { count = 2 }"),
        "[churn]\nsession = { kind = \"exponential\", mean = \"10 s\" }\ndowntime = { kind = \"constant\", value = \"10 s\" }\n".to_owned()
            + &fault("restart", 30, three),
    ];
    for faults in fine {
        parse(&format!("{START}{faults}")).unwrap();
    }
}

#[test]
fn groups_must_be_of_somebody_and_have_names_of_their_own() {
    let cases = [
        ("[[group]]\nname = \"all\"\ncount = 3", "x.toml:6: the name `all` is taken"),
        ("[[group]]\nname = \"a\"\ncount = 3\n[[group]]\nname = \"a\"\ncount = 2", "x.toml:9: the name `a` is taken"),
        ("[[group]]\nname = \"a\"\nfraction = 0.01", "x.toml:7: nobody is in the group `a`"),
        ("[[group]]\nname = \"a\"\npeers = [10]", "x.toml:7: there is no peer 10"),
        ("[[group]]\nname = \"a\"", "x.toml:5:1: say who by exactly one of"),
        ("[[group]]\nname = \"a\"\ncount = 2\nof = \"b\"\n[[group]]\nname = \"b\"\ncount = 3", "x.toml:8: there is no group `b` above this one"),
        (
            "[[group]]\nname = \"a\"\ncount = 3\n[[group]]\nname = \"b\"\ncount = 4\nof = \"a\"",
            "x.toml:10: 4 peers are asked for, but there are 3 of {a}",
        ),
        ("[[nat]]\nkind = \"symmetric\"\nwho = \"b\"", "x.toml:7: there is no group `b`"),
        ("[[nat]]\nkind = \"conical\"\nwho = \"all\"", "x.toml:6:8: unknown variant `conical`, expected one of `full-cone`"),
    ];
    for (rest, expected) in cases {
        assert_refused(&format!("{START}{rest}\n"), expected);
    }
}

#[test]
fn churn_and_workloads_that_cannot_be_are_named_with_their_line() {
    let (session, away) = ("session = { kind = \"exponential\", mean = \"10 s\" }", "downtime = { kind = \"constant\", value = \"10 s\" }");
    let cases = [
        (format!("[churn]\n{session}"), "x.toml:5: churn needs either downtime"),
        (format!("[churn]\n{session}\n{away}\nfrom = \"2 min\""), "x.toml:8: this would end at 120s"),
        (format!("[churn]\n{session}\n{away}\nwho = \"b\""), "x.toml:8: there is no group `b`"),
        ("[churn]\nsession = { kind = \"weibull\", shape = 0.5 }".to_owned(), "x.toml:6:11: a Weibull distribution has the keys shape and scale"),
        ("[churn]\nsession = { kind = \"weibull\", preset = \"suse\" }".to_owned(), "unknown variant `suse`, expected one of `debian`"),
        (
            format!("[churn]\nsession = {{ kind = \"weibull\", shape = -1.0, scale = \"1 s\" }}\n{away}"),
            "x.toml:6: a Weibull distribution needs a shape",
        ),
        (
            format!("[churn]\nsession = {{ kind = \"pareto\", shape = 1.0, scale = \"1 s\" }}\n{away}"),
            "x.toml:6: with a shape of 1 or less the mean is infinite",
        ),
        (format!("[churn]\nsession = {{ kind = \"trace\", path = \"no.csv\" }}\n{away}"), "x.toml:6: there is no no.csv"),
        (
            "[churn]\nsession = { kind = \"exponential\", mean = \"1 ns\" }\ndowntime = { kind = \"constant\", value = \"1 ns\" }".to_owned(),
            "peers would come and go about",
        ),
        ("[[workload]]\nkind = \"lookup\"".to_owned(), "x.toml:5:1: a workload needs exactly one of rate"),
        ("[[workload]]\nkind = \"lookup\"\nrate = \"-5 /s\"".to_owned(), "x.toml:7:8: `-5 /s` is not a frequency"),
        (
            "[[workload]]\nkind = \"lookup\"\nrate = \"1 /s\"\nfrom = \"50 s\"\nuntil = \"40 s\"".to_owned(),
            "x.toml:9: a workload cannot stop before it begins",
        ),
        ("[[workload]]\nkind = \"lookup\"\nevery = \"1 ns\"".to_owned(), "x.toml:7: this would be about 60000000000 operations"),
        ("[[workload]]\nkind = \"fetch\"\ncount = 3\ncontent = \"g\"".to_owned(), "x.toml:8: there is no content `g`"),
        ("[[workload]]\nkind = \"fetch\"\ncount = 3".to_owned(), "a publish or fetch workload needs content"),
        (
            "[[workload]]\nkind = \"fetch\"\ncount = 3\npopularity = { exponent = 1.0, items = 5, size = \"1 MiB\" }".to_owned(),
            "x.toml:8: nobody publishes these items",
        ),
        ("[phases]\ninitialisation = \"2 min\"".to_owned(), "x.toml:6: this would end at 120s"),
    ];
    for (rest, expected) in cases {
        assert_refused(&format!("{START}{rest}\n"), expected);
    }
}
