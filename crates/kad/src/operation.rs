//! [`Running`]: one operation, from its first query to its event.
//!
//! Every operation is a lookup with something done before, during or after it:
//!
//! | operation | asks | during | after |
//! |---|---|---|---|
//! | find node | FIND_NODE | | tell the closest |
//! | join | FIND_NODE for the own key | contacts come in | a lookup in each bucket with room |
//! | refresh | FIND_NODE | contacts come in | |
//! | find providers | GET_PROVIDERS | tell new ones | |
//! | get value | GET_VALUE | keep the best | correct who had none or worse |
//! | provide | FIND_NODE | | ADD_PROVIDER to the k closest |
//! | put value | FIND_NODE | | PUT_VALUE to the k closest, count acknowledgements |
//! | sweep | FIND_NODE | | publish all keys of a region again |
//!
//! ```text
//!            begin                launch               search over            all acknowledged
//!   asked ────────▶ (waiting) ──────────▶ searching ─────────────▶ (storing) ────────────────▶ event
//!                                             └── deadline: event with what there is ──▶
//! ```

use peerglass_core::{Key, Operation, Peer, Time};

use crate::event::{Outcome, Report};
use crate::message::{Record, Request};
use crate::paths::Paths;
use crate::republish::Sweep;
use crate::values::Get;
use crate::{Name, Target};

/// What the operation is for.
#[derive(Clone, Debug)]
pub(crate) enum Job {
    Find,
    Join { contacts: Vec<Peer>, next_bucket: Option<usize> },
    Refresh,
    Providers { key: Name, wanted: usize, found: Vec<Peer> },
    Provide { key: Name },
    Put { record: Record, storing: Option<Storing> },
    Get(Box<Get>),
    Sweep(Sweep),
}

/// Acknowledgements of PUT_VALUE.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Storing {
    pub(crate) pending: u32,
    pub(crate) stored: u32,
}

/// An operation that has not begun.
#[derive(Clone, Debug)]
pub(crate) struct Queued {
    pub(crate) number: u32,
    pub(crate) job: Job,
    pub(crate) target: Target,
    /// How many closest peers are wanted.
    pub(crate) k: usize,
    pub(crate) asked: Time,
}

/// An operation under way.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) number: u32,
    pub(crate) job: Job,
    pub(crate) target: Target,
    pub(crate) key: Key,
    pub(crate) search: Paths,
    pub(crate) started: Time,
    pub(crate) deadline: Time,
    pub(crate) requests: u32,
    pub(crate) answers: u32,
    pub(crate) failures: u32,
}

impl Job {
    /// The field's word for it.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Job::Find => "find node",
            Job::Join { .. } => "join",
            Job::Refresh => "refresh",
            Job::Providers { .. } => "find providers",
            Job::Provide { .. } => "provide",
            Job::Put { .. } => "put value",
            Job::Get(_) => "get value",
            Job::Sweep(_) => "sweep",
        }
    }
}

impl Running {
    /// What the lookup asks of each peer.
    pub(crate) fn request(&self) -> Request {
        match &self.job {
            Job::Providers { key, .. } => Request::GetProviders { key: key.clone() },
            Job::Get(get) => Request::GetValue { key: get.key.clone() },
            _ => Request::FindNode { target: self.target.clone() },
        }
    }

    /// Whether the search is over and acknowledgements are awaited.
    pub(crate) const fn is_storing(&self) -> bool {
        matches!(self.job, Job::Put { storing: Some(_), .. })
    }

    pub(crate) const fn operation(&self) -> Operation {
        operation(self.number)
    }

    pub(crate) fn report(&self, outcome: Outcome) -> Report {
        Report { outcome, hops: self.search.hops(), requests: self.requests, answers: self.answers, failures: self.failures, started: self.started }
    }

    /// When something has to be done about it although nothing came.
    pub(crate) fn wakes(&self) -> Time {
        if self.is_storing() { self.deadline } else { self.search.patience_ends().map_or(self.deadline, |end| end.min(self.deadline)) }
    }

    /// Reads a word of each cache line that the next step will need.
    pub(crate) fn touch(&self) -> u64 {
        let target = if let Target::Name(name) = &self.target { name.key().high() } else { 0 };
        self.search.touch() ^ target ^ u64::from(self.answers)
    }

    /// Every handle it holds.
    pub(crate) fn peers(&self, visit: &mut dyn FnMut(Peer)) {
        self.search.peers().for_each(&mut *visit);
        self.job.peers(visit);
        if let Target::Peer(peer) = self.target {
            visit(peer);
        }
    }
}

impl Job {
    /// Whether nobody asked for it.
    pub(crate) const fn is_internal(&self) -> bool {
        matches!(self, Job::Refresh | Job::Sweep(_))
    }

    pub(crate) fn peers(&self, visit: &mut dyn FnMut(Peer)) {
        match self {
            Job::Join { contacts, .. } => contacts.iter().copied().for_each(visit),
            Job::Providers { found, .. } => found.iter().copied().for_each(visit),
            Job::Sweep(sweep) => sweep.near.iter().copied().for_each(visit),
            _ => {}
        }
    }
}

/// The operation with this number. Number 0 stands for the upkeep of the table, which belongs to no operation.
pub(crate) const fn operation(number: u32) -> Operation {
    Operation { protocol: crate::PROTOCOL, number }
}

/// Under which steps of the table itself are recorded.
pub(crate) const UPKEEP: Operation = operation(0);
