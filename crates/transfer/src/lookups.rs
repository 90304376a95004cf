//! Questions to the driver that are under way: "is this block here?"
//!
//! A fetch may ask (to resume, or to learn the links of what arrived) and clients may ask, all about the same block: the driver is asked once.

use std::collections::BTreeSet;

use peerglass_core::Cx;
use peerglass_store::Cid;

use crate::{Event, Transfer};

/// Which lookups are pending. Bounded by those who ask: a number per fetch, and one for all clients.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lookups {
    pending: BTreeSet<Cid>,
}

impl Lookups {
    /// Asks the driver about `cid`, unless that is under way.
    pub(crate) fn ask(&mut self, cid: Cid, cx: &mut Cx<'_, Transfer>) {
        if self.pending.insert(cid) {
            cx.emit(Event::Lookup { cid });
        }
    }

    /// The driver answered.
    pub(crate) fn answered(&mut self, cid: &Cid) {
        self.pending.remove(cid);
    }

    pub(crate) fn len(&self) -> usize {
        self.pending.len()
    }
}
