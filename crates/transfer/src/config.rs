//! [`Config`]: every bound and every time of block exchange, in one place.
//!
//! The defaults mirror what the Go implementation does where others would notice (Bitswap reference, section 2), and are ours where they do not:
//! the window, and timeouts that know how many bytes are on their way.

use core::time::Duration;

/// Parameters of block exchange, shared by many peers.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// How many fetches run at once; more are refused.
    pub fetches: usize,
    /// How many blocks one fetch has in flight at most: looked up, wanted, or waiting for their links.
    pub wants: usize,
    /// How many lookups one fetch has pending at most.
    pub lookups: usize,
    /// How many sources one fetch keeps; the first come stay.
    pub sources: usize,
    /// How many links, known and not yet followed, one fetch holds before it stops looking ahead at blocks that link to more.
    pub links_ahead: usize,
    /// How many links one block may have.
    pub links: usize,
    /// How deep a DAG may be.
    pub depth: u32,
    /// How many blocks a DAG may have, counting each time one is met.
    pub blocks: u64,

    /// How many want-blocks a source gets before it has answered any.
    pub window_start: u32,
    /// How many want-blocks a source has outstanding at most, when blocks are large.
    pub window: u32,
    /// How many want-blocks a source has outstanding at most, when blocks are so small that `window_bytes` allow it.
    pub window_small: u32,
    /// How many bytes of blocks a source may have outstanding for the window to grow past `window`.
    pub window_bytes: u64,
    /// How long a want should wait in a source's queue: below, its window grows, above, it shrinks. Long enough to keep a pipe full through the
    /// pauses of both sides, short enough that a slow source does not hoard wants.
    pub queue_time: Duration,
    /// How many want-haves a source has outstanding at most.
    pub probes: usize,
    /// How many sources are asked want-have for the root of a fetch, besides the one that is asked for the block. A small root comes from all of them.
    pub root_probes: usize,

    /// How long an answer may take when nothing is known of the source yet.
    pub answer_default: Duration,
    /// Added to twice the usual latency of a source: what its disk and its other clients may take.
    pub answer_slack: Duration,
    /// An answer may always take this long.
    pub answer_min: Duration,
    /// An answer never may take longer, apart from the time that the bytes before it take.
    pub answer_max: Duration,
    /// Bytes a second assumed of a source whose rate is not measured yet, when deciding whether it is late.
    pub rate_assumed: u64,
    /// The size assumed of a block when none was seen yet.
    pub size_assumed: u32,

    /// After this many DONT_HAVEs in a row a source is dropped from the fetch.
    pub misses: u32,
    /// After this many times of complete silence in a row a source counts as gone.
    pub silences: u32,
    /// After this many blocks that were not asked of it, corrupt ones included, a source is dropped and reported.
    pub strikes: u32,
    /// After this many unasked blocks a peer that is no source of any fetch is reported. Higher, because cancels cross with blocks.
    pub unasked: u32,
    /// How often one want is taken from a slow source and given to a faster one.
    pub moves: u8,
    /// A want is only moved to a faster source when this much time is gained, and never counts as overdue before it is late by as much.
    pub move_gain: Duration,

    /// How long a fetch goes without progress before it searches for sources and asks those it has again; doubled each time.
    pub retry: Duration,
    /// The longest time between two such tries.
    pub retry_max: Duration,
    /// How long a fetch goes on without progress.
    pub patience: Duration,
    /// How long a fetch goes on without any source left.
    pub patience_alone: Duration,

    /// How many wants of one client are kept.
    pub wantlist: usize,
    /// How many wants of all clients together are kept.
    pub wantlists: usize,
    /// How many clients' wantlists are kept.
    pub clients: usize,
    /// How many lookups for clients are pending at most; the rest wait.
    pub serve_lookups: usize,
    /// A want-have of a block no larger than this is answered with the block.
    pub small_block: u32,
    /// Small blocks and presences are put together into messages of about this size.
    pub message_target: usize,
    /// How long a message that has room is held back at most while lookups are under way that may add to it.
    pub coalesce: Duration,
    /// How many bytes of blocks are under way to one client before more wait here, where cancels and priorities still reach them. `None` when the
    /// driver does not tell what it has written ([`Command::Written`](crate::Command::Written)); the windows of clients are the limit then.
    pub outstanding_bytes: Option<u64>,

    /// How many peers the ledger remembers.
    pub ledger: usize,
    /// How many peers that misbehaved are remembered.
    pub banned: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            fetches: 64,
            wants: 1024,
            lookups: 64,
            sources: 64,
            links_ahead: 16_384,
            links: 65_536,
            depth: 64,
            blocks: 1 << 32,
            window_start: 8,
            window: 64,
            window_small: 512,
            window_bytes: 16 << 20,
            queue_time: Duration::from_millis(500),
            probes: 32,
            root_probes: 3,
            answer_default: Duration::from_secs(5),
            answer_slack: Duration::from_secs(1),
            answer_min: Duration::from_millis(50),
            answer_max: Duration::from_secs(7),
            rate_assumed: 512 << 10,
            size_assumed: 1 << 20,
            misses: 16,
            silences: 3,
            strikes: 3,
            unasked: 128,
            moves: 3,
            move_gain: Duration::from_millis(100),
            retry: Duration::from_secs(1),
            retry_max: Duration::from_secs(30),
            patience: Duration::from_secs(120),
            patience_alone: Duration::from_secs(30),
            wantlist: 1024,
            wantlists: 1 << 17,
            clients: 4096,
            serve_lookups: 256,
            small_block: 1024,
            message_target: 16 << 10,
            coalesce: Duration::from_millis(2),
            outstanding_bytes: None,
            ledger: 1024,
            banned: 256,
        }
    }
}
