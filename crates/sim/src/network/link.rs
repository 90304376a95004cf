//! [`Link`]: one direction of an access link, a queue that serves first come, first served.
//!
//! A packet of `b` bytes keeps a link of rate `r` bits a second busy for `8·b / r` seconds, rounded up to a whole nanosecond. What comes meanwhile
//! waits in a buffer; what finds the buffer full is dropped (tail drop). Because the service time is known on arrival, one number is the whole
//! state: the instant at which all that was taken in will have left.
//!
//! ```text
//!   arrivals  ──▶ ▒▒▒▒▒▒▒▒▒▒▒▒▒ ──▶ ████ ──▶
//!                 waiting ≤ buffer   in service, 8·b / r
//!   now ├──────────── backlog ─────────────┤ busy until
//! ```
//!
//! With Poisson arrivals of equal packets this is the M/D/1 queue, whose mean wait is known: a test compares.

use peerglass_core::Time;

use crate::SetupError;

/// The two directions of a peer's access to the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// From the peer into the network.
    pub up: Link,
    /// From the network to the peer.
    pub down: Link,
}

impl Access {
    /// Both directions at these rates in bits a second, with the default buffer.
    #[must_use]
    pub fn of(up: u64, down: u64) -> Self {
        Self { up: Link::of(up), down: Link::of(down) }
    }

    pub(crate) fn check(&self) -> Result<(), SetupError> {
        self.up.check()?;
        self.down.check()
    }
}

/// One direction of an access link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Bits a second. `None` for a link that is never the bottleneck.
    pub rate: Option<u64>,
    /// How many bytes may wait or be in service. A packet that finds the link idle is taken whatever its size.
    pub buffer: u64,
}

impl Link {
    /// The default buffer: 64 MiB, large enough that losses are rare and delays are what is seen.
    pub const BUFFER: u64 = 64 << 20;

    /// A link of this rate in bits a second, with the default buffer.
    #[must_use]
    pub fn of(rate: u64) -> Self {
        Self { rate: Some(rate), ..Self::default() }
    }

    fn check(&self) -> Result<(), SetupError> {
        match (self.rate, self.buffer) {
            (Some(0), _) => Err(SetupError::ZeroLink { what: "rate" }),
            (Some(_), 0) => Err(SetupError::ZeroLink { what: "buffer" }),
            _ => Ok(()),
        }
    }

    /// Takes a packet in at `now`. Gives the instant at which its last bit has left, or `None` when the buffer is full.
    #[inline]
    pub fn admit(&self, busy_until: &mut Time, now: Time, bytes: u64) -> Option<Time> {
        let Some(rate) = self.rate else { return Some(now) };
        let start = now.max(*busy_until);
        let backlog = bytes_in(start.since(now).as_nanos(), rate);
        if backlog > 0 && backlog.saturating_add(u128::from(bytes)) > u128::from(self.buffer) {
            return None;
        }
        *busy_until = start + service(bytes, rate);
        Some(*busy_until)
    }
}

impl Default for Link {
    fn default() -> Self {
        Self { rate: None, buffer: Self::BUFFER }
    }
}

/// How long `bytes` keep a link busy, at least a nanosecond: so no two packets leave at one instant, and their order is kept.
fn service(bytes: u64, rate: u64) -> core::time::Duration {
    const BIT_NANOS: u64 = 8_000_000_000;
    let nanos = match bytes.checked_mul(BIT_NANOS) {
        Some(work) => work.div_ceil(rate),
        None => u64::try_from((u128::from(bytes) * u128::from(BIT_NANOS)).div_ceil(u128::from(rate))).unwrap_or(u64::MAX),
    };
    core::time::Duration::from_nanos(nanos.max(1))
}

/// How many bytes leave within `nanos`, rounded up.
fn bytes_in(nanos: u128, rate: u64) -> u128 {
    (nanos * u128::from(rate)).div_ceil(8_000_000_000)
}
