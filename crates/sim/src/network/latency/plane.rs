//! [`Plane`]: peers are points of a plane, and packets take as long as the points are apart.
//!
//! The simplest world in which near and far mean something: whoever is near two peers finds them near each other, which independent draws for
//! each pair do not give (they break the triangle inequality at will, and so flatter or punish protocols that look for near neighbours). Synthetic
//! coordinates of real hosts are of this kind (Dabek, Cox, Kaashoek and Morris: *Vivaldi*, SIGCOMM 2004).
//!
//! ```text
//!   side ┌──────────────────┐
//!        │  a               │      latency of a, b  =  base + |ab| · per_unit
//!        │    ╲             │
//!        │      ╲           │      two points by dice are 0.52 sides apart on average
//!        │        b         │
//!        └──────────────────┘
//! ```
//!
//! Points by dice are computed from (seed, peer) whenever they are needed: that is faster than a table that a million peers do not have in the
//! cache.

use std::sync::Arc;

use core::time::Duration;

use peerglass_core::{Peer, Rng};

use super::{in_nanos, nanos};
use crate::SetupError;
use crate::network::check::{delay, range};

/// A world of points in a plane.
#[derive(Clone, Debug, PartialEq)]
pub struct Plane {
    /// What every packet takes, however near.
    pub base: Duration,
    /// What it takes for each unit of distance on top.
    pub per_unit: Duration,
    /// Where peers are.
    pub places: Places,
}

/// Where the peers of a [`Plane`] are.
#[derive(Clone, Debug, PartialEq)]
pub enum Places {
    /// Anywhere in a square with this side, by dice from (seed, peer).
    Square(f64),
    /// In these places: peer `i` in the `i`-th, and from the beginning again when they are used up.
    Given(Arc<[(f64, f64)]>),
}

/// Sets the dice of places apart.
const PLACES: u64 = 0x706c_6163_6573_2121;

/// How far out a place may be.
const FARTHEST: f64 = 1e12;

impl Plane {
    pub(super) fn check(&self) -> Result<(), SetupError> {
        delay("base latency of the plane", self.base)?;
        delay("latency per unit of the plane", self.per_unit)?;
        match &self.places {
            Places::Square(side) => range("side of the square", *side, 0.0, FARTHEST),
            Places::Given(places) if places.is_empty() => Err(SetupError::NoPlaces),
            Places::Given(places) => places.iter().try_for_each(|(x, y)| {
                range("x of a place", *x, -FARTHEST, FARTHEST)?;
                range("y of a place", *y, -FARTHEST, FARTHEST)
            }),
        }
    }

    /// Where `peer` is in the run of `seed`.
    #[must_use]
    pub fn place(&self, seed: u64, peer: Peer) -> (f64, f64) {
        match &self.places {
            Places::Square(side) => {
                let mut dice = Rng::for_step(seed ^ PLACES, peer, 0);
                (side * dice.unit(), side * dice.unit())
            }
            Places::Given(places) => places[peer.index() % places.len()],
        }
    }

    /// How long packets from `a` to `b` take, and back.
    #[must_use]
    pub fn between(&self, seed: u64, a: Peer, b: Peer) -> Duration {
        let ((ax, ay), (bx, by)) = (self.place(seed, a), self.place(seed, b));
        let (dx, dy) = (ax - bx, ay - by);
        self.base.saturating_add(nanos((dx * dx + dy * dy).sqrt() * in_nanos(self.per_unit)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_by_dice_are_as_far_apart_as_geometry_says() {
        let plane = Plane { base: Duration::from_secs(1), per_unit: Duration::from_secs(1), places: Places::Square(10.0) };
        let n = 100_000;
        let distances: Vec<f64> = (0..n).map(|i| plane.between(3, Peer(2 * i), Peer(2 * i + 1)).as_secs_f64() - 1.0).collect();
        let mean = distances.iter().sum::<f64>() / f64::from(n);
        // The mean distance of two points of a unit square is (2 + √2 + 5 ln(1 + √2)) / 15, the mean square 1/3.
        let root = 2f64.sqrt();
        let expected = 10.0 * (2.0 + root + 5.0 * (1.0 + root).ln()) / 15.0;
        let error = (100.0 / 3.0 - expected * expected).sqrt() / f64::from(n).sqrt();
        assert!((mean - expected).abs() < 4.0 * error, "mean {mean}, expected {expected} ± {error}");
    }

    #[test]
    fn given_places_are_taken_in_turn() {
        let ms = Duration::from_millis(1);
        let plane = Plane { base: 2 * ms, per_unit: ms, places: Places::Given([(0.0, 0.0), (3.0, 4.0), (-1.0, 0.0)].into()) };
        assert_eq!(plane.between(1, Peer(0), Peer(1)), 7 * ms);
        assert_eq!(plane.between(9, Peer(3), Peer(5)), 3 * ms);
        assert_eq!(plane.between(9, Peer(1), Peer(4)), 2 * ms);
    }

    #[test]
    fn impossible_planes_are_refused_by_name() {
        let ms = Duration::from_millis(1);
        let refused = |places| Plane { base: ms, per_unit: ms, places }.check().unwrap_err().to_string();
        assert!(refused(Places::Square(f64::NAN)).contains("side of the square is NaN"));
        assert!(refused(Places::Square(-1.0)).contains("from 0 to"));
        assert!(refused(Places::Given([].into())).contains("at least one place"));
        assert!(refused(Places::Given([(0.0, 0.0), (0.0, f64::INFINITY)].into())).contains("y of a place is inf"));
    }
}
