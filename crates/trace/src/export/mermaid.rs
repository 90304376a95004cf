//! `mermaid`, `mermaid:parts`: sequence charts that GitHub, GitLab, Obsidian, Jupyter and many editors draw from text.
//!
//! ```text
//! sequenceDiagram
//! title First look
//! participant p1
//! participant p2
//! p1->>p2: 8 FIND_NODE 71 B at 1.5 s, +78.5 ms
//! p2-xp1: 13 NODES 900 B at 1.6 s, dropped (loss)
//! ```
//!
//! An arrow stands where its message was *sent*: whatever a message brings about is sent later, so all effects stand below their causes. The label begins with the
//! number of the `sent` record. `-x` is a lost message, `--)` one whose fate the records do not tell.
//!
//! **Length.** Mermaid draws no chart of more than 50,000 characters: it succeeds and draws the words "Maximum text size in diagram exceeded" in its place. A
//! reader in a browser cannot raise the limit. So a longer chart is refused ([`ExportError::LongChart`]); `mermaid:parts` makes several, as blocks of a Markdown
//! page, each with "part 2 of 5" in its title. JavaScript counts UTF-16 units, and so do we.
//!
//! **Texts.** `;` ends a statement, `#` begins an entity, `%%{` a directive that changes the settings of the page. Everything but letters, digits and some
//! harmless signs is written as the entity of its code, as in `#59;`. Line breaks become `<br/>`; other controls, and marks that turn the direction of writing, the
//! sign � (U+FFFD).

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use peerglass_core::Peer;

use super::about::About;
use super::error::ExportError;
use super::messages::{Message, Messages, Seen, in_words, is_treacherous, seconds};
use super::select::Rows;
use crate::Row;

/// The longest chart that Mermaid draws with its own settings.
const MAX_CHARACTERS: usize = 50_000;

/// The most charts of one page: 200,000 messages or so.
const MAX_PARTS: usize = 100;

/// The longest text of one label; more is cut, with a mark.
const MAX_LABEL: usize = 300;

/// The longest text of one line about where the chart comes from.
const MAX_COMMENT: usize = 2_000;

/// Records for which a note stands even where steps are not wanted: they change who is there.
const ALWAYS: [&str; 2] = ["down", "fault"];

/// A line of a chart, and who takes part in it.
#[derive(Debug)]
struct Entry {
    peers: [Peer; 2],
    line: String,
}

/// What the charts are made of, as far as it fits.
#[derive(Debug, Default)]
struct Entries {
    /// By the number of the record where they stand.
    lines: BTreeMap<u64, Entry>,
    messages: u64,
    notes: u64,
    characters: u64,
}

/// One chart, or a page of several.
pub(crate) fn write(about: &About<'_>, steps: bool, parts: bool, rows: Rows<'_>, out: &mut dyn Write) -> Result<(), ExportError> {
    let most = if parts { MAX_PARTS * MAX_CHARACTERS } else { MAX_CHARACTERS };
    let entries = Entries::gather(steps, most, rows)?;
    if entries.characters > most as u64 {
        return Err(entries.refuse(entries.characters, parts));
    }
    let charts = split(about, &entries, parts);
    if charts.len() > MAX_PARTS {
        return Err(entries.refuse((charts.len() * MAX_CHARACTERS) as u64, parts));
    }
    let text = if parts { page(about, &charts) } else { charts.iter().map(|chart| chart.text(about, None)).collect() };
    let characters = length(&text);
    if !parts && characters > MAX_CHARACTERS {
        return Err(entries.refuse(characters as u64, parts));
    }
    out.write_all(text.as_bytes()).map_err(ExportError::Write)
}

impl Entries {
    fn gather(steps: bool, most: usize, rows: Rows<'_>) -> Result<Self, ExportError> {
        let (mut entries, mut messages) = (Self::default(), Messages::default());
        for shown in rows {
            let (gone, seen) = messages.see(shown?);
            gone.iter().for_each(|message| entries.message(message, most));
            match seen {
                Seen::Message(message) => entries.message(&message, most),
                Seen::Other(shown) if shown.kept && (steps || ALWAYS.contains(&shown.row.kind.as_str())) => entries.note(&shown.row, most),
                _ => {}
            }
        }
        messages.rest().for_each(|message| entries.message(&message, most));
        Ok(entries)
    }

    fn message(&mut self, message: &Message, most: usize) {
        let (Some(row), Some((from, to))) = (message.row(), message.ends()) else { return };
        if message.kept {
            self.messages += 1;
            let arrow = match message.end.as_ref().map(|row| row.kind.as_str()) {
                Some("received") => "->>",
                Some(_) => "-x",
                None => "--)",
            };
            self.add(row.seq, [from, to], format!("p{}{arrow}p{}: {}\n", from.0, to.0, label(message, row)), most);
        }
    }

    fn note(&mut self, row: &Row, most: usize) {
        self.notes += 1;
        self.add(row.seq, [row.peer; 2], format!("Note over p{}: {}\n", row.peer.0, words(row)), most);
    }

    /// Keeps the line, unless there is too much anyway and only the counts are of interest.
    fn add(&mut self, seq: u64, peers: [Peer; 2], line: String, most: usize) {
        self.characters += length(&line) as u64;
        if self.characters <= most as u64 {
            self.lines.insert(seq, Entry { peers, line });
        }
    }

    fn refuse(&self, characters: u64, parts: bool) -> ExportError {
        let (messages, notes) = (self.messages, self.notes);
        if parts {
            return ExportError::ManyCharts { messages, notes, parts: characters.div_ceil(MAX_CHARACTERS as u64), limit: MAX_PARTS as u64 };
        }
        let limit = MAX_CHARACTERS as u64;
        // So many of these messages and their notes as there is room for.
        let fitting = (messages as f64 * limit as f64 / characters as f64) as u64;
        ExportError::LongChart { messages, notes, characters, limit, fitting }
    }
}

/// The label of an arrow: record, type, size, when, and what became of it.
fn label(message: &Message, row: &Row) -> String {
    let size = row.bytes.map(|bytes| format!(" {bytes} B")).unwrap_or_default();
    let copy = if message.copy { " copy" } else { "" };
    let fate = match message.latency_ns() {
        Some(latency) => format!("+{}", in_words(latency)),
        None => message.fate_in_words(),
    };
    escape(&format!("{} {}{copy}{size} at {} s, {fate}", row.seq, row.name.as_deref().unwrap_or("message"), seconds(row.time)), MAX_LABEL)
}

/// A record that is no message, in words.
fn words(row: &Row) -> String {
    let mut text = format!("{} {}", row.seq, row.kind);
    for part in [row.operation.as_deref(), row.name.as_deref(), row.why.as_deref()].into_iter().flatten() {
        text.push(' ');
        text.push_str(part);
    }
    row.other.iter().for_each(|other| text.push_str(&format!(" {other}")));
    for (name, value) in &row.fields {
        if text.len() > MAX_LABEL {
            break;
        }
        text.push_str(&format!(" {name}={value}"));
    }
    escape(&text, MAX_LABEL)
}

/// The first characters of `text` so that nothing in them is more than text.
fn escape(text: &str, most: usize) -> String {
    let mut escaped = String::new();
    for (i, char) in text.chars().enumerate() {
        match char {
            _ if i == most => {
                escaped.push('…');
                break;
            }
            '\n' => escaped.push_str("<br/>"),
            _ if is_treacherous(char) => escaped.push('\u{fffd}'),
            _ if char.is_ascii_alphanumeric() || " .,_-+=/()[]?!*:'".contains(char) || !char.is_ascii() => escaped.push(char),
            _ => escaped.push_str(&format!("#{};", u32::from(char))),
        }
    }
    escaped
}

/// How long JavaScript finds `text`.
fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The lines of one chart, and who takes part in them.
#[derive(Debug, Default)]
struct Chart {
    peers: BTreeSet<Peer>,
    lines: String,
    length: usize,
}

impl Chart {
    /// How much longer it becomes by `entry`.
    fn cost(&self, entry: &Entry) -> usize {
        let new: BTreeSet<Peer> = entry.peers.into_iter().filter(|peer| !self.peers.contains(peer)).collect();
        length(&entry.line) + new.into_iter().map(|peer| participant(peer).len()).sum::<usize>()
    }

    fn add(&mut self, entry: &Entry) {
        self.length += self.cost(entry);
        self.peers.extend(entry.peers);
        self.lines.push_str(&entry.line);
    }

    /// The whole text.
    fn text(&self, about: &About<'_>, part: Option<(usize, usize)>) -> String {
        let mut text = frame(about, part);
        if self.peers.is_empty() {
            // A chart without anybody is a syntax error.
            text.push_str("participant nobody\n");
        }
        self.peers.iter().for_each(|peer| text.push_str(&participant(*peer)));
        text.push_str(&self.lines);
        text
    }
}

/// One chart with all lines or, where parts are wanted, as many as it takes.
fn split(about: &About<'_>, entries: &Entries, parts: bool) -> Vec<Chart> {
    // The frame is not longer in any part than with the largest numbers.
    let room = if parts { MAX_CHARACTERS - length(&frame(about, Some((MAX_PARTS, MAX_PARTS)))) } else { usize::MAX };
    let mut charts = Vec::new();
    let mut chart = Chart::default();
    for entry in entries.lines.values() {
        if chart.length + chart.cost(entry) > room {
            charts.push(std::mem::take(&mut chart));
        }
        chart.add(entry);
    }
    charts.push(chart);
    charts
}

fn participant(peer: Peer) -> String {
    format!("participant p{}\n", peer.0)
}

/// What stands before the participants: at most a fifth of the limit.
fn frame(about: &About<'_>, part: Option<(usize, usize)>) -> String {
    let mut text = String::from("%% peerglass sequence chart\n");
    for (name, value) in about.pairs() {
        text.push_str(&format!("%% {name}: {}\n", escape(&value, MAX_COMMENT)));
    }
    let part = part.map(|(part, of)| format!(", part {part} of {of}")).unwrap_or_default();
    text.push_str(&format!("sequenceDiagram\ntitle {}{part}\n", title(about)));
    text
}

fn title(about: &About<'_>) -> String {
    let name = Some(about.header.scenario.as_str()).filter(|name| !name.trim().is_empty());
    escape(name.unwrap_or("peerglass"), MAX_LABEL)
}

/// The charts as blocks of a Markdown page.
fn page(about: &About<'_>, charts: &[Chart]) -> String {
    // Markdown has the same entities with an `&` before them, and signs of its own.
    let title = title(about).replace('#', "&#").replace(['*', '_', '[', ']', '<', '>'], " ");
    let mut text = format!("# {title}\n");
    for (i, chart) in charts.iter().enumerate() {
        let (part, of) = (i + 1, charts.len());
        text.push_str(&format!("\n## Part {part} of {of}\n\n```mermaid\n{}```\n", chart.text(about, Some((part, of)))));
    }
    text
}
