//! Exports: what they hold, that hostile texts stay where they are, and that programs which are not ours read them.

mod hostile;
mod mermaid;
mod samples;
mod tables;
