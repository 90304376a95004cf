//! Rows to export: a made-up run in which everything happens, and texts as hostile as they come.

use std::collections::VecDeque;

use peerglass_core::{Key, Peer, Time, Value};
use peerglass_trace::export::{self, ExportError, Format, Options};
use peerglass_trace::{Filter, ReadError, Row, RunHeader};

/// A header with everything in it.
pub(crate) fn header() -> RunHeader {
    RunHeader::sim("A made-up run", 42).with_scenario_hash("00ff")
}

/// Exports `rows`, all of them or those that pass `filter`.
pub(crate) fn exported(format: &str, rows: &[Row], filter: Option<&str>, options: &Options) -> Result<String, ExportError> {
    let bytes = bytes(format, rows, filter, options)?;
    Ok(String::from_utf8(bytes).expect("it is text"))
}

/// The same for formats that are no text.
pub(crate) fn bytes(format: &str, rows: &[Row], filter: Option<&str>, options: &Options) -> Result<Vec<u8>, ExportError> {
    bytes_of(&header(), format, rows, filter, options)
}

/// The same of another run.
pub(crate) fn bytes_of(header: &RunHeader, format: &str, rows: &[Row], filter: Option<&str>, options: &Options) -> Result<Vec<u8>, ExportError> {
    let format: Format = format.parse().unwrap_or_else(|why| panic!("{why}"));
    let filter: Option<Filter> = filter.map(|text| text.parse().unwrap_or_else(|why| panic!("{why}")));
    let mut out = Vec::new();
    export::write(format, options, header, filter.as_ref(), rows.iter().cloned().map(Ok::<_, ReadError>), &mut out).map(|_| out)
}

/// A row that says no more than what happened.
pub(crate) fn row(seq: u64, ns: u64, peer: u32, cause: Option<u64>, kind: &str) -> Row {
    Row { seq, time: Time::from_nanos(ns), peer: Peer(peer), cause, kind: kind.to_owned(), ..Row::default() }
}

/// Dice of our own: the same run for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// A run made up by dice: lookups that send requests and get answers, messages that are lost, doubled or still under way at the end, timers, crashes.
pub(crate) struct MadeUp {
    rows: Vec<Row>,
    dice: Dice,
    now: u64,
    peers: u32,
    /// Arrival, the `sent` record, sender, receiver, hops left.
    flying: VecDeque<(u64, u64, u32, u32, u64)>,
}

/// About `length` rows of `peers` peers.
pub(crate) fn made_up(seed: u64, peers: u32, length: usize) -> Vec<Row> {
    let mut run = MadeUp { rows: Vec::new(), dice: Dice(seed), now: 0, peers, flying: VecDeque::new() };
    (0..peers).for_each(|peer| _ = run.note(peer, None, "up"));
    while run.rows.len() < length {
        run.step();
    }
    run.rows
}

impl MadeUp {
    fn note(&mut self, peer: u32, cause: Option<u64>, kind: &str) -> &mut Row {
        self.rows.push(row(self.rows.len() as u64, self.now, peer, cause, kind));
        self.rows.last_mut().expect("it was just added")
    }

    fn step(&mut self) {
        self.now += self.dice.below(3_000_000);
        if self.dice.below(4) == 0 || self.flying.is_empty() {
            return self.begin();
        }
        let at = self.dice.below(self.flying.len() as u64) as usize;
        let Some((arrival, sent, from, to, left)) = self.flying.remove(at) else { return };
        if self.dice.below(20) == 0 {
            // It stays under way for ever.
            return;
        }
        self.now = self.now.max(arrival);
        match self.dice.below(8) {
            0 => self.lose(sent, from, to),
            1 => {
                self.arrive(sent, from, to, 0);
                self.arrive(sent, from, to, left);
            }
            _ => self.arrive(sent, from, to, left),
        }
    }

    fn begin(&mut self) {
        let peer = self.dice.below(u64::from(self.peers)) as u32;
        let kind = ["command", "timer", "fault"][self.dice.below(3) as usize];
        let row = self.note(peer, None, kind);
        (row.name, row.why) = (Some("begin".to_owned()), Some("so it is; #1\n<b>".to_owned()).filter(|_| kind == "fault"));
        let cause = row.seq;
        self.work(peer, cause, "begin");
        let left = 1 + self.dice.below(6);
        self.send(peer, cause, left);
        if self.dice.below(2) == 0 {
            self.send(peer, cause, left);
        }
    }

    /// A step of an operation of `peer`, of which there are two at a time.
    fn work(&mut self, peer: u32, cause: u64, name: &str) {
        let number = 1 + self.dice.below(2) + self.now / 100_000_000;
        let hops = Value::Number(self.dice.below(5));
        let row = self.note(peer, Some(cause), "step");
        (row.name, row.protocol, row.operation) = (Some(name.to_owned()), Some("kad".to_owned()), Some(format!("kad#{number}")));
        row.fields = vec![("hops".to_owned(), hops), ("key".to_owned(), Value::Key(Key::from_bytes([7; 32])))];
    }

    fn send(&mut self, peer: u32, cause: u64, left: u64) {
        let to = self.dice.below(u64::from(self.peers)) as u32;
        let (bytes, latency) = (40 + self.dice.below(1_000), 1_000_000 + self.dice.below(100_000_000));
        let row = message(self.note(peer, Some(cause), "sent"), to, bytes);
        row.fields = vec![("target".to_owned(), Value::Peer(Peer(to))), ("left".to_owned(), Value::Number(left))];
        let sent = row.seq;
        self.flying.push_back((self.now + latency, sent, peer, to, left));
    }

    fn lose(&mut self, sent: u64, from: u32, to: u32) {
        message(self.note(from, Some(sent), "dropped"), to, 99).why = Some("loss".to_owned());
    }

    fn arrive(&mut self, sent: u64, from: u32, to: u32, left: u64) {
        let seq = message(self.note(to, Some(sent), "received"), from, 99).seq;
        if left > 0 {
            self.work(to, seq, "query");
            self.send(to, seq, left - 1);
        } else {
            self.work(to, seq, "done");
            self.note(to, Some(seq), "event").name = Some("found".to_owned());
        }
    }
}

fn message(row: &mut Row, other: u32, bytes: u64) -> &mut Row {
    (row.other, row.bytes) = (Some(Peer(other)), Some(bytes));
    (row.protocol, row.name) = (Some("kad".to_owned()), Some("FIND_NODE".to_owned()));
    row
}

/// Texts that mean something to one reader or another.
pub(crate) const NASTY: [&str; 22] = [
    "",
    "; p1->>p2: forged",
    "#35;#quot;",
    "a\nb\r\nc\u{2028}d\u{2029}e",
    "\r",
    "%%{init: {\"theme\": \"dark\"}}%%",
    "```\n\n# out\n",
    "\u{202e}evil\u{2066}",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "=cmd|'/C calc'!A0",
    "-1+1",
    "@SUM(A1)",
    "'",
    "\"",
    "\\",
    "\\u0000",
    "\0\u{1}\u{7f}\u{9b}31m",
    "p9 {\"p9\":1}",
    "a.b[0]",
    "$(echo x) `echo x`",
    "end",
];

/// The made-up run with nasty texts in every place where there can be one.
pub(crate) fn nasty(seed: u64, peers: u32, length: usize) -> Vec<Row> {
    let mut rows = made_up(seed, peers, length);
    let mut dice = Dice(seed ^ 0x5eed);
    for row in &mut rows {
        let mut text = || NASTY[dice.below(NASTY.len() as u64) as usize].to_owned();
        // Hops are those of steps that are called so.
        row.name = row.name.take().filter(|name| name == "done").or_else(|| Some(text()));
        row.why = Some(text());
        row.protocol = row.operation.is_none().then(&mut text).or(Some("kad".to_owned()));
        row.fields.push((text(), Value::Text(text())));
        row.fields.push((text(), Value::List(vec![Value::Text(text()), Value::Real(f64::NAN), Value::Bytes(vec![0, 255])])));
    }
    rows
}
