//! Every decoder of strangers' bytes, as functions that can be fed with anything.
//!
//! A target feeds one decoder and asks three things of it: it does not panic, it takes no memory on a stranger's word, and what it understood means the same when
//! written and read again. The same functions serve two callers:
//!
//! * `cargo xtask fuzz` lets libFuzzer invent inputs, guided by the branches they reach (`src/main.rs`);
//! * `cargo xtask test` replays the committed corpus, with every cut and every flipped bit of each input (`tests/replay.rs`), on any machine.
//!
//! To add a target: write the function in the module of its crate, add its row to [`TARGETS`], and put a few honest inputs into `corpus/NAME/`, best the published
//! vectors. A test sees to it that rows and folders agree. An input that once broke a decoder stays in the corpus.

pub mod frugal;

mod core;
mod kad;
mod lab;
mod node;
mod store;
mod trace;
mod transfer;

/// A target: its name, which is also that of its corpus folder, and the function that takes any bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All of them, in the order of their names.
pub const TARGETS: &[Target] = &[
    ("core_fields", core::fields),
    ("core_frames", core::frames),
    ("kad_message", kad::message),
    ("lab_scenario", lab::scenario),
    ("node_ticket", node::ticket),
    ("store_cid", store::cid),
    ("store_dag_pb", store::dag_pb),
    ("store_node", store::node),
    ("store_prefix", store::prefix),
    ("store_unixfs", store::unixfs),
    ("trace_filter", trace::filter),
    ("trace_records", trace::records),
    ("transfer_message", transfer::message),
];

/// The function of the target called `name`.
#[must_use]
pub fn find(name: &str) -> Option<fn(&[u8])> {
    TARGETS.iter().find(|(known, _)| *known == name).map(|(_, feed)| *feed)
}
