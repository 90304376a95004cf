//! The commands as users run them: processes that share and fetch, are stopped and started again.

#![cfg(unix)]

mod support;

use std::net::{Ipv4Addr, UdpSocket};
use std::os::unix::fs::MetadataExt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use support::*;

const MIB: usize = 1 << 20;
/// Tests on the LAN of this machine run one at a time: peers of another test that just died would be waited for.
static LAN: Mutex<()> = Mutex::new(());

/// `get` in a network of the test's own.
fn get<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [&["get", "--json"], &ALONE[..], arguments].concat()
}

#[test]
fn a_file_is_shared_and_fetched_by_its_ticket_and_then_is_there() {
    let (here, there) = (Home::new(), Home::new());
    let content = here.file("holiday.mp4", 5 * MIB + 7);
    let (sharer, shared) = here.share(&["holiday.mp4"]);
    assert_eq!(shared["bytes"], content.len());
    let command = field(&shared, "command");
    assert!(command.starts_with("peerglass get pg1") && command.ends_with(" -o holiday.mp4 --network private"), "{command}");
    let ticket = field(&shared, "ticket");
    let fetched = there.run(&get(&[ticket, "-o", "copy"])).fine().json();
    assert!(there.read("copy") == content);
    assert!(!there.has("copy.part"));
    assert_eq!((&fetched["cid"], &fetched["bytes"], &fetched["blocks"]), (&shared["cid"], &content.len().into(), &7.into()));
    assert_eq!(sharer.interrupt().fine().err, "");
    // Nobody is there any more, and nobody is needed.
    let again = there.run(&get(&[ticket, "-o", "copy"])).fine().json();
    assert_eq!((&again["bytes_found"], &again["blocks"]), (&content.len().into(), &0.into()));
    let text = there.run(&["get", ticket, "-o", "copy"]).fine().out;
    assert!(text.contains("there already"), "{text}");
}

#[test]
fn a_file_is_fetched_by_its_cid_through_a_bootstrap_peer_and_served_again_after_a_restart() {
    let (first, here, there) = (Home::new(), Home::new(), Home::new());
    let mut bootstrap = first.start(&[&["node", "--json"], &ALONE[..]].concat());
    let address = bootstrap.json()["addresses"][0].as_str().unwrap().to_owned();
    let content = here.file("file", 2 * MIB);
    let mut sharer = here.start(&[&["share", "file", "--bootstrap", &address], &ALONE[..]].concat());
    let cid = sharer.out(|line| line.trim().strip_prefix("CID").map(|cid| cid.trim().to_owned()));
    sharer.err("announced to 1 peer");
    there.run(&get(&[&cid, "-o", "one", "--bootstrap", &address])).fine();
    assert!(there.read("one") == content);
    sharer.interrupt().fine();

    let mut again = here.start(&[&["node", "--json", "--bootstrap", &address], &ALONE[..]].concat());
    let shown = again.json();
    assert_eq!(shown["shares"][0]["cid"], *cid);
    let fetched = there.run(&get(&[&cid, "-o", "two", "--bootstrap", &address])).fine().json();
    assert!(there.read("two") == content);
    assert_eq!(fetched["sources"], 1);
    again.interrupt().fine();
    bootstrap.interrupt().fine();
}

#[test]
fn a_directory_arrives_as_it_was() {
    let (here, there) = (Home::new(), Home::new());
    std::fs::create_dir_all(here.path("tree/deep/er")).unwrap();
    std::fs::create_dir(here.path("tree/empty")).unwrap();
    here.file("tree/one", 1);
    here.file("tree/nothing", 0);
    here.file("tree/deep/er/many blocks", 3 * MIB);
    here.file("tree/.hidden", 5);
    let (_sharer, shared) = here.share(&["tree", "--hidden"]);
    let ticket = field(&shared, "ticket");
    for blocks_more in [true, false] {
        let fetched = there.run(&get(&[ticket, "-o", "copy"])).fine().json();
        assert_eq!(fetched["blocks"].as_u64().unwrap() > 0, blocks_more, "{fetched}");
        assert!(tree(&there.path("copy")) == tree(&here.path("tree")));
        assert!(there.path("copy/empty").is_dir());
    }
}

#[test]
fn two_terminals_share_at_once_and_everything_arrives_without_any_option() {
    let _alone = LAN.lock().unwrap_or_else(PoisonError::into_inner);
    let (here, there) = (Home::new(), Home::new());
    let contents = [here.file("one", MIB + 1), here.file("two", 10), here.file("three", 30)];
    let mut terminals = [here.start(&["share", "--json", "one", "two"]), here.start(&["share", "--json", "three"])];
    let shares = [terminals[0].json(), terminals[0].json(), terminals[1].json()];
    for (share, content) in shares.iter().zip(contents) {
        let name = field(share, "path");
        there.run(&["get", field(share, "ticket"), "-o", name]).fine();
        assert!(there.read(name) == content);
    }
    for terminal in terminals {
        terminal.interrupt().fine();
    }
}

#[test]
fn peers_on_a_lan_need_only_the_cid() {
    if !multicast_works() {
        return skip("peers_on_a_lan_need_only_the_cid", "multicast, by which peers on a LAN find each other, does not work on this machine");
    }
    let _alone = LAN.lock().unwrap_or_else(PoisonError::into_inner);
    let (here, there) = (Home::new(), Home::new());
    let content = here.file("file", MIB);
    let mut sharer = here.start(&["share", "--json", "file"]);
    let cid = field(&sharer.json(), "cid").to_owned();
    there.run(&["get", &cid]).fine();
    assert!(there.read(&cid) == content);
}

/// Whether what is sent to the group of mDNS is heard.
fn multicast_works() -> bool {
    let group = Ipv4Addr::new(224, 0, 0, 251);
    let heard = || -> std::io::Result<bool> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.join_multicast_v4(&group, &Ipv4Addr::UNSPECIFIED)?;
        socket.set_multicast_loop_v4(true)?;
        socket.set_read_timeout(Some(Duration::from_secs(2)))?;
        socket.send_to(b"anybody there?", (group, socket.local_addr()?.port()))?;
        Ok(socket.recv(&mut [0; 64])? > 0)
    };
    heard().unwrap_or(false)
}

#[test]
fn a_fetch_that_is_interrupted_or_killed_leaves_nothing_under_the_final_name_and_is_gone_on_with() {
    let (here, interrupted, killed) = (Home::new(), Home::new(), Home::new());
    let content = here.file("file", 8 * MIB);
    let (sharer, shared) = here.share(&["file"]);
    let (ticket, cid) = (field(&shared, "ticket"), field(&shared, "cid"));
    // Half of the file is spoilt: a fetch gets the other half and waits for somebody who has the rest.
    let mut spoilt = content.clone();
    spoilt[4 * MIB..].fill(0);
    std::fs::write(here.path("file"), &spoilt).unwrap();
    let half_of_it = |there: &Home| {
        let fetching = there.start(&get(&[ticket, "-o", "copy"]));
        until("half of it is there", || there.path("copy.part").metadata().is_ok_and(|part| part.blocks() * 512 >= 4 * MIB as u64));
        fetching
    };
    half_of_it(&interrupted).interrupt().fails(130, &["interrupted", "same command again"]);
    half_of_it(&killed).kill();
    let told = sharer.interrupt().fine().err;
    let path = here.path("file").canonicalize().unwrap();
    assert!(told.contains(&format!("{} has changed", path.display())), "the owner is told which file: {told}");
    assert_eq!(told.lines().count(), 1, "once: {told}");

    std::fs::write(here.path("file"), &content).unwrap();
    let (_sharer, again) = here.share(&["file"]);
    assert_eq!(again["cid"], cid);
    for there in [interrupted, killed] {
        assert!(!there.has("copy") && there.has("copy.part"));
        let fetched = there.run(&get(&[field(&again, "ticket"), "-o", "copy"])).fine().json();
        assert!(there.read("copy") == content);
        assert!(fetched["bytes_found"].as_u64().unwrap() >= 4 * MIB as u64, "{fetched}");
        assert!(!there.has("copy.part") && !there.has(&format!("data/peerglass/get/{cid}")), "nothing is left behind");
    }
}

#[test]
fn the_simulator_writes_the_same_bytes_in_every_process() {
    let home = Home::new();
    let scenario = concat!(env!("CARGO_MANIFEST_DIR"), "/../../labs/first-look.toml");
    let run = |out: &str, seed: &str| {
        let ended = home.run(&["sim", scenario, "--peers", "60", "--seed", seed, "--out", out, "--json"]).fine();
        assert_eq!(ended.json()["peers"], 60);
        tree(&home.path(out))
    };
    let (first, second, other) = (run("first", "7"), run("second", "7"), run("other", "8"));
    let named = |files: &[(std::path::PathBuf, Vec<u8>)], name: &str| files.iter().any(|(path, bytes)| path.ends_with(name) && !bytes.is_empty());
    assert!(["run.json", "records/000000.parquet", "operations/000000.parquet", "summary.json"].iter().all(|name| named(&first, name)));
    assert!(first == second, "two processes with the same seed wrote different files");
    assert!(first != other, "the seed has no effect");
}

#[test]
fn the_demo_ends_and_leaves_what_it_says() {
    let home = Home::new();
    let content = home.file("file", 3 * MIB);
    let shown = home.run(&["demo", "--peers", "100", "file", "--json"]).fine().json();
    assert_eq!((&shown["real"]["verified"], &shown["real"]["providers_found"]), (&true.into(), &2.into()));
    assert_eq!(shown["real"]["cid"], shown["simulated"]["contents"][0]["cid"]);
    let left = tree(&home.path("peerglass-demo"));
    for name in
        ["summary.txt", "summary.json", "real/node-0.jsonl", "real/node-4.jsonl", "simulated/records/000000.parquet", "simulated/summary.json"]
    {
        assert!(left.iter().any(|(path, bytes)| path.ends_with(name) && !bytes.is_empty()), "{name} is missing");
    }
    assert!(home.read("peerglass-demo/real/fetched") == content);
    assert!(!home.has("peerglass-demo/real/homes"), "the nodes' keys and stores are gone");
    let text = home.run(&["demo", "--peers", "100", "file"]).fine().out;
    assert!(text.contains("real") && text.contains("simulated") && text.contains("identical"), "a second time, for people: {text}");
}

#[test]
fn the_demo_can_be_interrupted_while_it_simulates() {
    let home = Home::new();
    home.file("file", MIB);
    // So many that it cannot be over before it is interrupted.
    let mut demo = home.start(&["demo", "--peers", "50000", "file"]);
    demo.err("2. The simulated world");
    demo.interrupt().fails(130, &["interrupted"]);
    let left = tree(&home.path("peerglass-demo"));
    assert!(
        !left.iter().any(|(path, _)| path.ends_with("summary.txt") || path.ends_with("simulated/summary.json")),
        "no summary of what did not end"
    );
    assert!(!home.has("peerglass-demo/real/homes"));
}

#[test]
fn every_command_explains_itself() {
    let home = Home::new();
    let help = |arguments: &[&str]| home.run(&[arguments, &["--help"]].concat()).fine().out;
    let all = help(&[]);
    for command in ["demo", "share", "get", "node", "sim"] {
        let line = all.lines().find(|line| line.trim_start().starts_with(command)).unwrap_or_else(|| panic!("{command} is not in {all}"));
        assert!(line.split_whitespace().count() > 4, "{line}");
        let text = help(&[command]);
        let (_, options) = text.split_once("Options:\n").unwrap_or_else(|| panic!("{text}"));
        let unexplained: Vec<_> = options.lines().filter(|line| line.trim_start().starts_with('-') && line.split_whitespace().count() < 3).collect();
        // Long names have their text on the next line.
        let explained_below = |line: &str| options.lines().skip_while(|other| *other != line).nth(1).is_some_and(|next| next.starts_with("     "));
        assert!(unexplained.iter().all(|line| explained_below(line)), "{unexplained:?}");
    }
    assert!(all.contains("Exit codes"), "{all}");
}
