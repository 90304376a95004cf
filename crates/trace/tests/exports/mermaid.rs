//! Sequence charts: every message once, nothing but text in labels, and never longer than Mermaid draws.

use peerglass_trace::Row;
use peerglass_trace::export::{ExportError, Options};

use crate::samples::{exported, made_up, nasty, row};

const LIMIT: usize = 50_000;

/// The lines of a chart by what they are, after a grammar of our own: anything else is an error.
#[derive(Debug, Default)]
pub(crate) struct Chart {
    participants: Vec<String>,
    pub(crate) arrows: Vec<(String, String, String, String)>,
    notes: Vec<String>,
}

pub(crate) fn parse(text: &str) -> Chart {
    assert!(text.encode_utf16().count() <= LIMIT, "{} characters", text.len());
    let mut chart = Chart::default();
    let mut lines = text.lines().skip_while(|line| line.starts_with("%% "));
    assert_eq!(lines.next(), Some("sequenceDiagram"));
    assert!(lines.next().is_some_and(|line| line.starts_with("title ")));
    for line in lines {
        is_plain(line);
        if let Some(name) = line.strip_prefix("participant ") {
            assert!(chart.arrows.is_empty() && chart.notes.is_empty());
            chart.participants.push(name.to_owned());
        } else if let Some(note) = line.strip_prefix("Note over ") {
            let (peer, _) = note.split_once(": ").unwrap();
            assert!(chart.participants.iter().any(|known| known == peer), "{line}");
            chart.notes.push(note.to_owned());
        } else {
            let (ends, label) = line.split_once(": ").unwrap_or_else(|| panic!("{line}"));
            let arrow = ["->>", "--)", "-x"].into_iter().find(|arrow| ends.contains(arrow)).unwrap_or_else(|| panic!("{line}"));
            let (from, to) = ends.split_once(arrow).unwrap();
            assert!([from, to].iter().all(|end| chart.participants.iter().any(|known| known == end)), "{line}");
            chart.arrows.push((from.to_owned(), arrow.to_owned(), to.to_owned(), label.to_owned()));
        }
    }
    chart
}

/// `;` and `#` only as entities, no tag but `<br/>`, no controls, no directives.
fn is_plain(line: &str) {
    let mut rest = line;
    while let Some(at) = rest.find('#') {
        assert!(!rest[..at].contains(';'), "{line}");
        let (code, tail) = rest[at + 1..].split_once(';').unwrap_or_else(|| panic!("{line}"));
        assert!(!code.is_empty() && code.bytes().all(|byte| byte.is_ascii_digit()), "{line}");
        rest = tail;
    }
    assert!(!rest.contains(';'), "{line}");
    let text = line.replace("<br/>", "");
    let arrow = ["->>", "--)", "-x"].into_iter().find(|arrow| text.split(": ").next().unwrap().contains(arrow)).unwrap_or(" ");
    let text = text.replacen(arrow, "", 1);
    assert!(!text.contains(['<', '>', '{', '}', '%', '`', '"', '&', '\u{202e}', '\u{2028}']) && !text.contains(char::is_control), "{line}");
}

fn message(seq: u64, ns: u64, [peer, other]: [u32; 2], cause: Option<u64>, kind: &str) -> Row {
    let names = Some("PING".to_owned());
    Row { other: Some(peerglass_core::Peer(other)), name: names, bytes: Some(71), ..row(seq, ns, peer, cause, kind) }
}

#[test]
fn a_message_is_one_arrow_with_its_fate_where_it_was_sent() {
    let lost = Row { why: Some("loss".to_owned()), ..message(3, 9, [1, 2], Some(1), "dropped") };
    let rows = [
        message(0, 1_500_000_000, [0, 1], None, "sent"),
        message(1, 1_500_000_000, [1, 2], None, "sent"),
        message(2, 1_578_500_000, [1, 0], Some(0), "received"),
        lost,
        message(4, 1_578_500_000, [2, 0], None, "sent"),
        message(5, 1_600_000_000, [1, 0], Some(0), "received"),
    ];
    let chart = exported("mermaid", &rows, None, &Options::default()).unwrap();
    assert_eq!(
        chart,
        "%% peerglass sequence chart\n%% engine: 0.1.0\n%% source: sim\n%% seed: 42\n%% scenario: A made-up run\n%% scenario_hash: 00ff\n\
         sequenceDiagram\ntitle A made-up run\nparticipant p0\nparticipant p1\nparticipant p2\n\
         p0->>p1: 0 PING 71 B at 1.5 s, +78.5 ms\n\
         p1-xp2: 1 PING 71 B at 1.5 s, dropped (loss)\n\
         p2--)p0: 4 PING 71 B at 1.5785 s, under way\n\
         p0->>p1: 5 PING copy 71 B at 1.6 s, +100 ms\n"
            .replace("0.1.0", env!("CARGO_PKG_VERSION"))
    );
    // A filter that only one of the two records passes shows the message whole.
    let lost = exported("mermaid", &rows, Some("kind == dropped"), &Options::default()).unwrap();
    assert!(lost.contains("%% filter: kind == dropped\n"), "{lost}");
    assert!(lost.ends_with("participant p1\nparticipant p2\np1-xp2: 1 PING 71 B at 1.5 s, dropped (loss)\n"), "{lost}");
}

#[test]
fn every_message_stands_once_and_notes_only_where_they_are_wanted() {
    let rows = made_up(5, 6, 400);
    let sent = rows.iter().filter(|row| row.kind == "sent").count();
    let fates: Vec<u64> = rows.iter().filter(|row| ["received", "dropped"].contains(&&*row.kind)).filter_map(|row| row.cause).collect();
    let copies = fates.len() - fates.iter().collect::<std::collections::BTreeSet<_>>().len();
    let chart = parse(&exported("mermaid", &rows, None, &Options::default()).unwrap());
    assert_eq!(chart.arrows.len(), sent + copies);
    assert_eq!(chart.arrows.iter().filter(|(_, arrow, _, _)| arrow == "-x").count(), rows.iter().filter(|row| row.kind == "dropped").count());
    assert_eq!(chart.notes.len(), rows.iter().filter(|row| row.kind == "fault").count());
    let with_steps = parse(&exported("mermaid", &rows, None, &Options { steps: true, ..Options::default() }).unwrap());
    assert_eq!(with_steps.notes.len(), rows.iter().filter(|row| !["sent", "received", "dropped"].contains(&&*row.kind)).count());
}

#[test]
fn a_chart_that_mermaid_would_not_draw_is_refused_with_the_way_out() {
    let rows = made_up(6, 8, 4_000);
    let why = exported("mermaid", &rows, None, &Options::default()).unwrap_err();
    let ExportError::LongChart { messages, characters, fitting, .. } = why else { panic!("{why}") };
    assert!(messages > 1_000 && characters > LIMIT as u64 && (300..messages).contains(&fitting), "{why}");
    assert!(["filter", "time in", "limit", "mermaid:parts"].iter().all(|word| why.to_string().contains(word)), "{why}");
}

#[test]
fn in_parts_every_message_stands_in_one_chart_of_a_length_that_is_drawn() {
    for rows in [made_up(6, 8, 4_000), nasty(6, 8, 2_000), made_up(6, 300, 4_000)] {
        let options = Options { steps: true, ..Options::default() };
        let page = exported("mermaid:parts", &rows, None, &options).unwrap();
        let blocks: Vec<&str> = page.split("```mermaid\n").skip(1).map(|rest| rest.split("```\n").next().unwrap()).collect();
        assert!(blocks.len() > 1 && page.matches("```").count() == 2 * blocks.len());
        let charts: Vec<Chart> = blocks.iter().map(|block| parse(block)).collect();
        assert!(blocks.iter().enumerate().all(|(i, block)| block.contains(&format!(", part {} of {}\n", i + 1, blocks.len()))));
        let sent = rows.iter().filter(|row| row.kind == "sent").count();
        assert!((sent..sent + sent / 4).contains(&charts.iter().map(|chart| chart.arrows.len()).sum::<usize>()));
        let full = blocks.iter().rev().skip(1).all(|block| block.len() > LIMIT * 9 / 10);
        assert!(full, "{:?}", blocks.iter().map(|block| block.len()).collect::<Vec<_>>());
    }
}

#[test]
fn more_charts_than_anybody_looks_at_are_refused() {
    let rows = made_up(7, 8, 300_000);
    let why = exported("mermaid:parts", &rows, None, &Options { steps: true, ..Options::default() }).unwrap_err();
    assert!(matches!(why, ExportError::ManyCharts { parts: 101.., limit: 100, .. }), "{why}");
}

#[test]
fn nothing_in_a_label_is_more_than_text() {
    for seed in 0..20 {
        let rows = nasty(seed, 5, 60);
        let chart = parse(&exported("mermaid", &rows, None, &Options { steps: true, ..Options::default() }).unwrap());
        assert!(chart.arrows.len() > 5 && chart.notes.len() > 5);
    }
}
