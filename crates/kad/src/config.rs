//! [`Config`]: every parameter and every bound, with its source.
//!
//! | field | own swarms | Amino | source |
//! |---|---|---|---|
//! | `k` | 20 | 20 | paper, libp2p |
//! | `alpha` | 3 | 10 | paper; go-libp2p-kad-dht |
//! | `beta` | 20 | 3 | classic rule; go |
//! | `paths` | 1 | 1 | S/Kademlia, opt-in |
//! | `patience` | 2 s | 3 s | ours |
//! | `request_timeout` | 10 s | 10 s | all implementations |
//! | `operation_timeout` | 60 s | 60 s | rust-libp2p |
//! | `tolerated_failures` | 1 | 1 | ours: a lost packet is no death |
//! | `per_sixteenth` | 2 | 2 | ours: lookups 16 % shorter at 10,000 peers |
//! | `group_per_table`, `group_per_bucket` | 10, 4 | 3, 2 | go: IP groups |
//! | `admit_requesters` | yes | no | ours; libp2p learns it from identify |
//! | `refresh_interval` | 10 min | 10 min | libp2p |
//! | `check_after` | 5 min | 5 min | go |
//! | `value_lifetime`, `provider_lifetime` | 48 h | 48 h | libp2p |
//! | `republish_interval` | 22 h | 22 h | libp2p |
//! | `quorum` | 8 | 16 | ours; go |
//!
//! Every collection that a stranger can make grow has its bound here (rule 6 of the contract).

use core::time::Duration;

use crate::lookup::Shape;
use crate::preimage::Preimages;
use crate::validator::Validators;

/// Whether a peer answers requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// It searches and publishes, but serves nothing and stays out of others' tables: for peers that others cannot reach.
    Client,
    /// It does its share.
    #[default]
    Server,
}

impl Mode {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Mode::Client => "client",
            Mode::Server => "server",
        }
    }
}

/// The parameters of Kademlia, shared by all peers that use them.
#[derive(Clone, Debug)]
pub struct Config {
    /// How a peer begins. Default: server.
    pub mode: Mode,

    /// Contacts per bucket, closest peers per answer, replicas per record. Default 20 (paper: chosen so that k peers hardly all fail within an
    /// hour). At most 1,000.
    pub k: usize,
    /// Queries in flight per lookup. Default 3 (paper), Amino 10.
    pub alpha: usize,
    /// How many of the closest must have answered before a lookup is over. Default k (paper), Amino 3 with a follow-up to the rest.
    pub beta: usize,
    /// Disjoint paths per lookup (S/Kademlia). Default 1, which is an ordinary lookup.
    pub paths: usize,
    /// How long a silent peer holds one of the alpha slots. Default 2 s: twenty times a long round trip would be waste, less than one would flood.
    pub patience: Duration,
    /// Candidates remembered per lookup and path. Default 160 = 8k.
    pub shortlist: usize,
    /// Closer peers taken from one answer. Default 40 = 2k (go).
    pub per_answer: usize,

    /// When an unanswered request counts as failed. Default 10 s.
    pub request_timeout: Duration,
    /// When an operation ends with what it has. Default 60 s (rust-libp2p).
    pub operation_timeout: Duration,
    /// Operations that run at once; further ones wait. Default 64.
    pub operations: usize,
    /// Operations that wait; further ones end at once as [`Outcome::Busy`](crate::Outcome::Busy). Default 65,536.
    pub waiting: usize,
    /// Unanswered requests at once. Default 1,024.
    pub outstanding: usize,

    /// Buckets per table, at most 64. Default 40: enough for 2^40 · k peers.
    pub max_buckets: usize,
    /// Replacements kept per bucket. Default 2: the next lookup brings more, and a million peers keep them in some 16 buckets each.
    pub replacements: usize,
    /// Contacts that a far bucket takes from each sixteenth of its keys, so that they are spread. Default 2 for k = 20; 0: no such limit.
    pub per_sixteenth: usize,
    /// How long a contact may be silent before it is asked for a sign of life when its place is wanted, or at a refresh. Default 5 min (go).
    pub check_after: Duration,
    /// Failures in a row that do not cost a contact its place. Default 1.
    pub tolerated_failures: u32,
    /// Admission probes and liveness checks at once. Default 64 (go: 256).
    pub probes: usize,
    /// Contacts of one address group in the table. Default 10, Amino 3 (go).
    pub group_per_table: usize,
    /// Contacts of one address group in a bucket. Default 4, Amino 2 (go).
    pub group_per_bucket: usize,
    /// Whether a requester whose bucket has room is probed, and admitted if it answers. Default yes; on Amino no, because there identify tells who
    /// is a server ([`Kad::contact`](crate::Kad::contact)).
    pub admit_requesters: bool,
    /// Contacts given to [`Kad::join`](crate::Kad::join) that are remembered for joining again. Default 16.
    pub bootstrap: usize,
    /// Peers remembered as clients: not probed again, and named to whoever looks for exactly them. Default 64.
    pub clients: usize,

    /// Time between two refreshes of the table. Default 10 min, jittered by a tenth.
    pub refresh_interval: Duration,
    /// Time between two attempts to join while the table is empty. Default 2 min (go).
    pub rejoin_interval: Duration,
    /// Liveness checks per refresh. Default 64.
    pub checks_per_refresh: usize,
    /// Whether joining also looks up a random key in each bucket that is not full. Default yes (paper, section 2.3).
    pub refresh_on_join: bool,

    /// Values held for others. Default 1,024 (rust-libp2p).
    pub values: usize,
    /// Bytes per value. Default 65,536 (rust-libp2p: 65 KiB).
    pub value_bytes: usize,
    /// Bytes of all values held for others. Default 16 MiB.
    pub values_bytes: usize,
    /// When a value expires. Default 48 h.
    pub value_lifetime: Duration,
    /// Keys whose providers are held for others. Default 4,096.
    pub provider_keys: usize,
    /// Providers held per key. Default 64 (rust-libp2p: 20, which hides providers of what is popular).
    pub providers_per_key: usize,
    /// Keys that one peer may be held as provider of. Default 2,048.
    pub keys_per_provider: usize,
    /// When a provider record expires. Default 48 h.
    pub provider_lifetime: Duration,
    /// Time between two sweeps of expired records. Default 1 h. Expired records are not served in between either.
    pub expiry_interval: Duration,
    /// Valid values that end a GET. Default 8, Amino 16 (go). 0: the whole lookup.
    pub quorum: usize,
    /// Providers collected per search. Default 1,024.
    pub providers_found: usize,

    /// Keys and values of our own that are kept alive. Default 1,048,576.
    pub published: usize,
    /// Within which each key of our own is published again. Default 22 h (libp2p).
    pub republish_interval: Duration,
    /// Keys sent after one lookup. Default 64: some 20 messages to each peer of the region.
    pub republish_batch: usize,
    /// When a failed region is tried again. Default 5 min.
    pub republish_retry: Duration,
    /// How soon a record that too few peers keep (fewer than half of k) is published again at first; then twice as late each time, up to
    /// [`Config::republish_retry`].
    pub thin_retry: Duration,

    /// The rules for values, by namespace.
    pub validators: Validators,
    /// Names that fall into a wanted bucket.
    pub preimages: Preimages,
}

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

impl Default for Config {
    /// For swarms of our own.
    fn default() -> Self {
        Self {
            mode: Mode::Server,
            k: 20,
            alpha: 3,
            beta: 20,
            paths: 1,
            patience: Duration::from_secs(2),
            shortlist: 160,
            per_answer: 40,
            request_timeout: Duration::from_secs(10),
            operation_timeout: MINUTE,
            operations: 64,
            waiting: 65_536,
            outstanding: 1024,
            max_buckets: 40,
            replacements: 2,
            per_sixteenth: 2,
            check_after: 5 * MINUTE,
            tolerated_failures: 1,
            probes: 64,
            group_per_table: 10,
            group_per_bucket: 4,
            admit_requesters: true,
            bootstrap: 16,
            clients: 64,
            refresh_interval: 10 * MINUTE,
            rejoin_interval: 2 * MINUTE,
            checks_per_refresh: 64,
            refresh_on_join: true,
            values: 1024,
            value_bytes: 65_536,
            values_bytes: 16 << 20,
            value_lifetime: 48 * HOUR,
            provider_keys: 4096,
            providers_per_key: 64,
            keys_per_provider: 2048,
            provider_lifetime: 48 * HOUR,
            expiry_interval: HOUR,
            quorum: 8,
            providers_found: 1024,
            published: 1 << 20,
            republish_interval: 22 * HOUR,
            republish_batch: 64,
            republish_retry: 5 * MINUTE,
            thin_retry: Duration::from_secs(5),
            validators: Validators::own(),
            preimages: Preimages::default(),
        }
    }
}

impl Config {
    /// For the public network of IPFS.
    #[must_use]
    pub fn amino() -> Self {
        Self {
            alpha: 10,
            beta: 3,
            patience: Duration::from_secs(3),
            group_per_table: 3,
            group_per_bucket: 2,
            admit_requesters: false,
            quorum: 16,
            validators: Validators::amino(),
            ..Self::default()
        }
    }

    /// The shape of a lookup for the `k` closest. With fewer wanted than configured, beta shrinks with it.
    pub(crate) fn shape(&self, k: usize) -> Shape {
        Shape {
            k,
            alpha: self.alpha.max(1),
            beta: if self.beta >= self.k { k } else { self.beta.max(1) },
            patience: self.patience,
            shortlist: self.shortlist.max(2 * k),
            per_answer: self.per_answer,
        }
    }

    /// How many contacts a bucket holds.
    pub(crate) fn bucket_size(&self) -> usize {
        self.k.clamp(1, 1000)
    }
}
