//! Joining a network.
//!
//! A newcomer knows one or a few peers. It looks up *its own key*: everybody on the way answers, and so becomes a contact, and hears of it in turn;
//! and the peers closest to it, which its last buckets need most, are found. Then it looks up a random key in each bucket that still has room, so
//! that it also knows peers far away (Kademlia, section 2.3).
//!
//! ```text
//!   contacts ──▶ lookup(own key) ──▶ lookup(random key in bucket 0) ──▶ … bucket 1 ──▶ … ──▶ joined
//!                  near peers          far peers, only where there is room
//! ```

use peerglass_core::{Cx, Operation, Peer};

use crate::Target;
use crate::event::{Event, Outcome};
use crate::kad::Kad;
use crate::operation::{Job, Running};
use crate::preimage::Preimages;

impl Kad {
    /// Joins the network through `contacts`, or once more through those it knows. Ends with [`Event::Joined`].
    pub fn join(&mut self, contacts: &[Peer], cx: &mut Cx<'_, Self>) -> Operation {
        let me = cx.me();
        let mut through: Vec<Peer> = contacts.iter().copied().filter(|peer| *peer != me).collect();
        through.truncate(cx.config().shortlist);
        self.remember_bootstrap(&through, cx);
        self.begin(Job::Join { contacts: through, next_bucket: None }, Target::Peer(me), cx.config().k, cx)
    }

    /// A lookup of a join is over: on to the next bucket with room, or done.
    pub(crate) fn joined(&mut self, mut running: Box<Running>, outcome: Outcome, cx: &mut Cx<'_, Self>) {
        let Job::Join { next_bucket, .. } = &running.job else { return };
        let from = next_bucket.unwrap_or(0);
        let go_on = outcome == Outcome::Done && cx.config().refresh_on_join;
        let Some(bucket) = (from..self.table.buckets().saturating_sub(1)).find(|b| go_on && self.has_room(*b, cx)) else {
            let contacts = self.table.len();
            return cx.emit(Event::Joined { operation: running.operation(), contacts, report: running.report(outcome) });
        };
        let Some(name) = cx.config().preimages.in_bucket(self.table.own(), bucket as u32, cx.rng()) else {
            let contacts = self.table.len();
            return cx.emit(Event::Joined { operation: running.operation(), contacts, report: running.report(outcome) });
        };
        running.job = Job::Join { contacts: Vec::new(), next_bucket: Some(bucket + 1) };
        running.key = name.key();
        running.target = Target::Name(name);
        running.deadline = cx.now() + cx.config().operation_timeout;
        self.seed(&mut running, cx);
        self.advance(running, cx);
    }

    fn has_room(&self, bucket: usize, cx: &Cx<'_, Self>) -> bool {
        bucket < Preimages::BITS as usize && self.table.bucket(bucket).len() < cx.config().bucket_size()
    }
}
