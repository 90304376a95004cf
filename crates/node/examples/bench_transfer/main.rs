//! A large file from one node process to another on loopback, beside a raw stream of as many bytes over the same transport, in the same run.
//!
//! `cargo run --release -p peerglass-node --example bench_transfer [MIB] [ROUNDS]` (1,024 MiB and 3 rounds unless told otherwise)
//!
//! After one round that does not count, each round runs raw and file back to back, first over TCP (TLS, Yamux), then over QUIC; the ratio is taken within a round, so that it holds when the
//! machine's speed drifts. Server and fetcher are processes of their own: this program, called again with a role.

mod file;
mod raw;

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const TRANSPORTS: [(&str, &str); 2] = [("tcp", "/ip4/127.0.0.1/tcp/0"), ("quic", "/ip4/127.0.0.1/udp/0/quic-v1")];

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["raw", "serve", bytes, listen] => raw::serve(bytes.parse()?, listen.parse()?).await,
        ["raw", "fetch", address] => raw::fetch(address.parse()?).await,
        ["file", "serve", data, file, listen] => file::serve(data, file, listen).await,
        ["file", "fetch", data, ticket, out] => file::fetch(data, ticket.parse()?, out).await,
        [] => compare(1024, 3),
        [mib] => compare(mib.parse()?, 3),
        [mib, rounds] => compare(mib.parse()?, rounds.parse()?),
        _ => Err("usage: bench_transfer [MIB] [ROUNDS]".into()),
    }
}

/// Runs all rounds and prints a line for each, then the medians.
fn compare(mib: u64, rounds: usize) -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let source = dir.path().join("source");
    write_noise(&source, mib)?;
    println!("{:<6} {:>5} {:>12} {:>12} {:>8} {:>16} {:>16}", "", "round", "raw MiB/s", "file MiB/s", "ratio", "server peak MiB", "fetcher peak MiB");
    for (name, listen) in TRANSPORTS {
        let mut ratios = Vec::new();
        for round in 0..=rounds {
            let bytes = (mib << 20).to_string();
            let raw = pair(&["raw", "serve", &bytes, listen], |address| vec!["raw".into(), "fetch".into(), address])?;
            let (data, out) = (dir.path().join(format!("{name}-{round}")), dir.path().join("out"));
            let (server, fetcher) = (data.join("a").display().to_string(), data.join("b").display().to_string());
            let fetch = |ticket| vec!["file".into(), "fetch".into(), fetcher.clone(), ticket, out.display().to_string()];
            let file = pair(&["file", "serve", &server, &source.display().to_string(), listen], fetch)?;
            if !same(&source, &out)? {
                return Err("the fetched file differs from its source".into());
            }
            std::fs::remove_file(&out)?;
            // A virtual machine's memory is slow when it is touched for the first time: the first round warms it and does not count.
            if round == 0 {
                continue;
            }
            let ratio = file.speed / raw.speed;
            ratios.push(ratio);
            println!(
                "{name:<6} {round:>5} {:>12.0} {:>12.0} {:>7.0}% {:>16.0} {:>16.0}",
                raw.speed,
                file.speed,
                ratio * 100.0,
                file.server_peak_mib,
                file.fetcher_peak_mib
            );
        }
        ratios.sort_by(f64::total_cmp);
        println!("{name:<6} median ratio {:.0} %", ratios[ratios.len() / 2] * 100.0);
    }
    Ok(())
}

/// Whether two files hold the same bytes.
fn same(a: &Path, b: &Path) -> std::io::Result<bool> {
    let (mut a, mut b) = (BufReader::with_capacity(1 << 20, std::fs::File::open(a)?), BufReader::with_capacity(1 << 20, std::fs::File::open(b)?));
    loop {
        let (left, right) = (a.fill_buf()?, b.fill_buf()?);
        let n = left.len().min(right.len());
        if n == 0 || left[..n] != right[..n] {
            return Ok(left.is_empty() && right.is_empty());
        }
        a.consume(n);
        b.consume(n);
    }
}

/// What a pair of processes took.
struct Took {
    speed: f64,
    server_peak_mib: f64,
    fetcher_peak_mib: f64,
}

/// Starts a server, hands its first line to a fetcher, and waits for that one.
fn pair(serve: &[&str], fetch: impl Fn(String) -> Vec<String>) -> Result<Took, Box<dyn Error>> {
    let me = std::env::current_exe()?;
    let mut server = Stopped(Command::new(&me).args(serve).stdout(Stdio::piped()).spawn()?);
    let mut line = String::new();
    BufReader::new(server.0.stdout.take().ok_or("the server has no output")?).read_line(&mut line)?;
    let output = Command::new(&me).args(fetch(line.trim().to_owned())).stderr(Stdio::inherit()).output()?;
    let printed = String::from_utf8(output.stdout)?;
    let mut words = printed.split_whitespace().map(str::parse::<f64>);
    let (Some(Ok(bytes)), Some(Ok(seconds)), Some(Ok(peak))) = (words.next(), words.next(), words.next()) else {
        return Err(format!("the fetcher failed: {printed}").into());
    };
    let server_peak_mib = peak_mib(&format!("/proc/{}/status", server.0.id()));
    Ok(Took { speed: bytes / seconds / f64::from(1 << 20), server_peak_mib, fetcher_peak_mib: peak })
}

/// A process that is killed when it is not needed any more.
struct Stopped(Child);

impl Drop for Stopped {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a fetcher prints: bytes, seconds, its peak memory in MiB.
fn report(bytes: u64, seconds: f64) {
    println!("{bytes} {seconds} {}", peak_mib("/proc/self/status"));
}

/// Peak resident memory, where the system tells; 0 elsewhere.
fn peak_mib(status: &str) -> f64 {
    let status = std::fs::read_to_string(status).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or_default() / 1024.0
}

/// A file of so many MiB in which no two blocks are equal.
fn write_noise(path: &Path, mib: u64) -> std::io::Result<()> {
    use std::io::Write;
    let mut out = std::io::BufWriter::new(std::fs::File::create(path)?);
    let mut rng = peerglass_core::Rng::new(1);
    let mut block = vec![0; 1 << 20];
    for _ in 0..mib {
        rng.fill(&mut block);
        out.write_all(&block)?;
    }
    out.flush()
}
