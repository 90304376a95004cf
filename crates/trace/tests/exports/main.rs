//! Exports: what they hold, that hostile texts stay where they are, and that programs which are not ours read them.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

#[path = "../support/cells.rs"]
mod cells;
mod chrome;
mod hostile;
mod mermaid;
mod otlp;
mod outside;
mod pcapng;
mod samples;
mod shiviz;
mod tables;
mod vega;
