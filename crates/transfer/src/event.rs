//! What the local application asks for ([`Command`]) and is told ([`Event`]), and what ends a fetch.

use core::time::Duration;

use peerglass_core::{Describe, Fields, Operation, Peer};
use peerglass_store::Cid;
pub use peerglass_store::Local;
use thiserror::Error;

/// What the local application asks. Each has a method of the same name on [`Transfer`](crate::Transfer).
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Get the DAG below `root`.
    Fetch {
        /// Its root.
        root: Cid,
        /// Peers said to have it; may be empty.
        sources: Vec<Peer>,
    },
    /// Give a fetch up.
    Cancel {
        /// Which.
        operation: Operation,
    },
    /// Answer to [`Event::WantSources`]; may come several times, and unasked.
    Sources {
        /// For which fetch.
        operation: Operation,
        /// Peers said to have its root.
        peers: Vec<Peer>,
        /// Whether the search has ended.
        done: bool,
    },
    /// Answer to [`Event::Lookup`]. It may also come unasked, when a block came here by other ways: peers that wait for it are then served.
    Local {
        /// Which block.
        cid: Cid,
        /// What is known of it, if it is here.
        found: Option<Local>,
    },
    /// The driver has written, or given up, this many bytes of blocks of the messages that it was to send. Only needed with
    /// [`Config::outstanding_bytes`](crate::Config::outstanding_bytes), and then for every block, until the peer is told to be unreachable: what is
    /// never reported counts as under way for good.
    Written {
        /// To whom.
        peer: Peer,
        /// How many bytes of blocks.
        bytes: u64,
    },
}

/// What the local application is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// "Is this block here?" The driver answers with [`Command::Local`], at once or later, always.
    Lookup {
        /// The block asked about.
        cid: Cid,
    },
    /// A fetch needs (more) sources. Answered with [`Command::Sources`].
    WantSources {
        /// Which fetch.
        operation: Operation,
        /// The root of what it fetches.
        root: Cid,
    },
    /// A wanted block arrived. The real driver has stored it already; the simulator's host stores it now, before any Lookup that follows.
    Arrived {
        /// For which fetch; a block that several fetches want is told once for each.
        operation: Operation,
        /// Which block.
        cid: Cid,
        /// How many bytes.
        size: u32,
        /// Who sent it.
        from: Peer,
    },
    /// The whole DAG is here.
    Done {
        /// Of which fetch.
        operation: Operation,
        /// What it took.
        summary: FetchSummary,
    },
    /// A fetch could not be completed. What arrived stays: a later fetch resumes.
    Failed {
        /// Which fetch.
        operation: Operation,
        /// Why.
        reason: FetchError,
    },
    /// A peer broke the rules so often that it is not listened to any more.
    Misbehaved {
        /// Who.
        peer: Peer,
        /// How.
        why: &'static str,
    },
}

/// What a fetch took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FetchSummary {
    /// Blocks that arrived from others.
    pub blocks: u64,
    /// Bytes of blocks that arrived from others.
    pub bytes: u64,
    /// Blocks that arrived when they were here already.
    pub duplicates: u64,
    /// Blocks that were here before: what resuming saved.
    pub found_blocks: u64,
    /// Bytes of blocks that were here before.
    pub found_bytes: u64,
    /// Peers that gave at least one block.
    pub sources: u32,
    /// From the command to the last block.
    pub took: Duration,
}

/// Why a fetch could not be completed. What arrived is kept in every case, and a later fetch of the same root resumes.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FetchError {
    /// Nobody is known to have it.
    #[error("nobody was found who has it: check the CID, and that somebody who shares it is online")]
    NoSources,
    /// Sources were known, and none could give what is missing.
    #[error(
        "none of its {sources} sources can give the missing blocks ({without} do not have them, {unreachable} unreachable, {silent} silent, \
         {misbehaved} sent wrong blocks): try again when a source is online, it resumes"
    )]
    AllSourcesFailed {
        /// How many peers were asked.
        sources: u32,
        /// How many said that they do not have the blocks.
        without: u32,
        /// How many could not be reached.
        unreachable: u32,
        /// How many did not answer.
        silent: u32,
        /// How many sent blocks that were not asked for, or corrupt.
        misbehaved: u32,
    },
    /// Sources are there but nothing comes.
    #[error("nothing arrived for {} s: check the connection and try again, it resumes", idle.as_secs())]
    TimedOut {
        /// How long nothing came.
        idle: Duration,
    },
    /// The DAG goes deeper than files do.
    #[error("the DAG is deeper than {limit} levels, which no file is: do not trust this CID")]
    TooDeep {
        /// The deepest level that is followed.
        limit: u32,
    },
    /// A block links to more others than fit in a block.
    #[error("block {cid} has more than {limit} links, which no file has: do not trust this CID")]
    TooManyLinks {
        /// The block.
        cid: Cid,
        /// How many links are followed.
        limit: usize,
    },
    /// The DAG has more blocks than allowed.
    #[error("the DAG has more than {limit} blocks: raise the limit if this is meant")]
    TooManyBlocks {
        /// The limit.
        limit: u64,
    },
    /// A block arrived, was verified, and is not in the store.
    #[error("block {cid} arrived but is not in the store: check the disk's space and health, then try again")]
    NotKept {
        /// The block.
        cid: Cid,
    },
    /// Too many fetches are running.
    #[error("{limit} fetches are running already: wait for one to end")]
    Busy {
        /// The limit.
        limit: usize,
    },
}

/// When a peer wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// The oldest answer that this peer owes us is late.
    Answer(Peer),
    /// This fetch should see whether it gets on: search for sources, ask again, give up.
    Fetch(u32),
    /// Messages were held back for more to be put in, and now is the time to send them.
    Flush,
}

impl Describe for Timer {
    fn name(&self) -> &'static str {
        match self {
            Timer::Answer(_) => "answer_late",
            Timer::Fetch(_) => "fetch_check",
            Timer::Flush => "flush",
        }
    }

    fn fields(&self, fields: &mut Fields) {
        match self {
            Timer::Answer(peer) => fields.add("peer", *peer),
            Timer::Fetch(number) => fields.add("fetch", *number),
            Timer::Flush => {}
        }
    }
}

impl Describe for Command {
    fn name(&self) -> &'static str {
        match self {
            Command::Fetch { .. } => "fetch",
            Command::Cancel { .. } => "cancel",
            Command::Sources { .. } => "sources",
            Command::Local { .. } => "local",
            Command::Written { .. } => "written",
        }
    }

    fn fields(&self, fields: &mut Fields) {
        match self {
            Command::Fetch { root, sources } => {
                fields.add("root", root.to_string());
                fields.add("sources", &sources[..]);
            }
            Command::Cancel { operation } => fields.add("operation", *operation),
            Command::Sources { operation, peers, done } => {
                fields.add("operation", *operation);
                fields.add("peers", &peers[..]);
                fields.add("done", *done);
            }
            Command::Local { cid, found } => {
                fields.add("cid", cid.to_string());
                fields.add("here", found.is_some());
                if let Some(local) = found {
                    fields.add("bytes", local.size);
                    fields.add("links", local.links.len());
                }
            }
            Command::Written { peer, bytes } => {
                fields.add("peer", *peer);
                fields.add("bytes", *bytes);
            }
        }
    }
}

impl Describe for Event {
    fn name(&self) -> &'static str {
        match self {
            Event::Lookup { .. } => "lookup",
            Event::WantSources { .. } => "want_sources",
            Event::Arrived { .. } => "arrived",
            Event::Done { .. } => "done",
            Event::Failed { .. } => "failed",
            Event::Misbehaved { .. } => "misbehaved",
        }
    }

    fn fields(&self, fields: &mut Fields) {
        match self {
            Event::Lookup { cid } => fields.add("cid", cid.to_string()),
            Event::WantSources { operation, root } => {
                fields.add("operation", *operation);
                fields.add("root", root.to_string());
            }
            Event::Arrived { operation, cid, size, from } => {
                fields.add("operation", *operation);
                fields.add("cid", cid.to_string());
                fields.add("bytes", *size);
                fields.add("from", *from);
            }
            Event::Done { operation, summary } => {
                fields.add("operation", *operation);
                summary.fields(fields);
            }
            Event::Failed { operation, reason } => {
                fields.add("operation", *operation);
                fields.add("reason", reason.to_string());
            }
            Event::Misbehaved { peer, why } => {
                fields.add("peer", *peer);
                fields.add("why", *why);
            }
        }
    }
}

impl Describe for FetchSummary {
    fn name(&self) -> &'static str {
        "summary"
    }

    fn fields(&self, fields: &mut Fields) {
        fields.add("blocks", self.blocks);
        fields.add("bytes", self.bytes);
        fields.add("duplicates", self.duplicates);
        fields.add("found_blocks", self.found_blocks);
        fields.add("found_bytes", self.found_bytes);
        fields.add("sources", self.sources);
        fields.add("took", self.took);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::leaf;
    use peerglass_core::Value;

    #[test]
    fn what_is_recorded_can_be_filtered_by_name_and_field() {
        let operation = Operation { protocol: "transfer", number: 7 };
        let event = Event::Done { operation, summary: FetchSummary { blocks: 3, ..FetchSummary::default() } };
        assert_eq!((event.name(), Fields::of(&event).get("blocks")), ("done", Some(Value::Number(3))));
        let command = Command::Local { cid: leaf(1), found: None };
        assert_eq!((command.name(), Fields::of(&command).get("here")), ("local", Some(Value::Bool(false))));
        assert_eq!(Fields::of(&Timer::Answer(Peer(4))).get("peer"), Some(Value::Peer(Peer(4))));
    }

    #[test]
    fn errors_say_what_to_do() {
        let reason = FetchError::AllSourcesFailed { sources: 3, without: 1, unreachable: 1, silent: 1, misbehaved: 0 };
        assert!(reason.to_string().ends_with("try again when a source is online, it resumes"));
        assert!(FetchError::TimedOut { idle: Duration::from_secs(120) }.to_string().contains("120 s"));
    }
}
