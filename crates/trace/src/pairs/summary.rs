//! [`Summary`]: exchanges by the type of their question.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;

use super::{Exchange, Fate};
use crate::Quantiles;
use crate::line::Shortened;

/// Types that are told apart. A protocol has a few dozen; what a damaged run has beyond them is counted as one.
const MAX_TYPES: usize = 4096;

/// Exchanges by the type of their question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    types: BTreeMap<String, TypeSummary>,
}

/// The exchanges of one type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypeSummary {
    /// All of them.
    pub count: u64,
    /// Answered.
    pub answered: u64,
    /// Lost, questions and answers.
    pub lost: u64,
    /// Arrived and not answered.
    pub unanswered: u64,
    /// Without a fate that was recorded.
    pub under_way: u64,
    /// Questions that were asked again.
    pub repeats: u64,
    /// Given up at the horizon, whatever became of them.
    pub given_up: u64,
    /// Bytes of the questions.
    pub asked_bytes: u64,
    /// Bytes of the answers that were sent.
    pub answer_bytes: u64,
    /// From sending a question to the receipt of its answer.
    pub round_trips: Quantiles,
    /// From the receipt of a question to sending its answer.
    pub service: Quantiles,
}

impl Summary {
    /// Counts an exchange.
    pub fn add(&mut self, exchange: &Exchange) {
        let mut name = exchange.protocol.iter().chain([&exchange.question]).map(String::as_str).collect::<Vec<_>>().join(" ");
        if self.types.len() >= MAX_TYPES && !self.types.contains_key(&name) {
            "…".clone_into(&mut name);
        }
        let of = self.types.entry(name).or_default();
        of.count += 1;
        of.answered += u64::from(exchange.fate == Fate::Answered);
        of.lost += u64::from(matches!(exchange.fate, Fate::Lost | Fate::AnswerLost));
        of.unanswered += u64::from(exchange.fate == Fate::Unanswered);
        of.under_way += u64::from(exchange.fate == Fate::UnderWay);
        of.repeats += u64::from(exchange.repeats.is_some());
        of.given_up += u64::from(exchange.given_up);
        of.asked_bytes = of.asked_bytes.saturating_add(exchange.bytes);
        of.answer_bytes = of.answer_bytes.saturating_add(exchange.answer.as_ref().map_or(0, |answer| answer.bytes));
        exchange.round_trip.into_iter().for_each(|length| of.round_trips.add(length));
        exchange.service.into_iter().for_each(|length| of.service.add(length));
    }

    /// The types by name, with their protocols: `kad FIND_NODE`.
    pub fn types(&self) -> impl Iterator<Item = (&str, &TypeSummary)> {
        self.types.iter().map(|(name, of)| (name.as_str(), of))
    }
}

impl fmt::Display for Summary {
    /// A table for people: round trips in milliseconds, quantiles within one per cent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.types.keys().map(|name| Shortened(name).to_string().chars().count()).max().unwrap_or(0).max(8);
        write!(f, "{:<width$} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}", "", "asked", "answered", "lost", "silent", "open", "repeats")?;
        write!(f, " {:>9} {:>9} {:>9} {:>9}", "min ms", "median", "p95", "max")?;
        for (name, of) in &self.types {
            let name = Shortened(name).to_string();
            let TypeSummary { count, answered, lost, unanswered, under_way, repeats, round_trips, .. } = of;
            write!(f, "\n{name:<width$} {count:>9} {answered:>9} {lost:>9} {unanswered:>9} {under_way:>9} {repeats:>9}")?;
            for length in [round_trips.min(), round_trips.quantile(500), round_trips.quantile(950), round_trips.max()] {
                write!(f, " {:>9}", Milliseconds(length).to_string())?;
            }
        }
        Ok(())
    }
}

/// A length of time in milliseconds, `-` when there is none.
struct Milliseconds(Option<Duration>);

impl fmt::Display for Milliseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(length) = self.0 { write!(f, "{:.3}", length.as_secs_f64() * 1000.0) } else { f.write_str("-") }
    }
}
