//! [`Geographic`]: peers live in the cities of the world.
//!
//! ```text
//!   peer ── last mile ── city ═══════ great circle · stretch / 200,000 km/s ═══════ city ── last mile ── peer
//! ```
//!
//! Light in glass covers 200,000 km a second, two thirds of its speed in vacuum. Cables do not follow great circles, and routers queue: a common
//! rule of thumb for the Internet is 2.1 times the great circle (Bozkurt, Aqeel, Bhattacherjee, Chandrasekaran, Godfrey, Laughlin, Maggs and
//! Singla: *Dissecting Latency in the Internet's Fiber Infrastructure*, arXiv 1811.10737, 2018). On top comes the last mile of both ends,
//! log-normal and the same for all packets of a peer.
//!
//! Which city a peer lives in follows from (seed, peer) with the populations as weights, and so does its last mile. Both are looked up and not
//! computed, because this happens for every packet: the ways between all cities stand in a table, cities are chosen in constant time
//! (`alias`), and the last mile is one of 1,024 equally likely values, the centres of as many slices of the distribution. So the smallest
//! latency is known exactly, and is not next to nothing as the end of an uncut distribution would be.

use std::sync::Arc;

use core::time::Duration;

use peerglass_core::{Peer, Rng};

use super::alias::Alias;
use super::cities::{CITIES, City};
use super::in_nanos;
use crate::SetupError;
use crate::network::check::{positive_delay, range};
use crate::network::normal::quantile;

/// What lies between a peer and the backbone of its city, log-normal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LastMile {
    /// Half of all peers have less.
    pub median: Duration,
    /// The standard deviation of the natural logarithm.
    pub sigma: f64,
}

impl Default for LastMile {
    /// 5 ms one way, as a cable or DSL line has, and a sigma of 0.5.
    fn default() -> Self {
        Self { median: Duration::from_millis(5), sigma: 0.5 }
    }
}

/// A world of cities. Clones share its tables.
#[derive(Clone, Debug, PartialEq)]
pub struct Geographic {
    tables: Arc<Tables>,
}

#[derive(Debug, PartialEq)]
struct Tables {
    choice: Alias,
    /// From each city to each, in nanoseconds: 28 KB.
    ways: Box<[u32]>,
    /// In rising order, in nanoseconds: 8 KB.
    last_miles: Box<[u64]>,
}

/// Sets the dice of cities apart.
const CITY: u64 = 0x6369_7469_6573_2121;

/// How many values a last mile can have.
const SLICES: u32 = 1024;

/// The mean radius of the Earth.
const EARTH_KM: f64 = 6_371.009;

/// How far light gets in glass in a nanosecond.
const GLASS_KM_PER_NANO: f64 = 200_000e-9;

impl Geographic {
    /// The rule of thumb for the Internet: ways are 2.1 times as long as the great circle.
    pub const STRETCH: f64 = 2.1;

    /// A world whose ways are `stretch` times as long as the great circle (0 to 20), with these last miles.
    ///
    /// # Errors
    ///
    /// [`SetupError`] names the parameter that cannot be, and what it can be.
    pub fn new(stretch: f64, last_mile: LastMile) -> Result<Self, SetupError> {
        range("path stretch", stretch, 0.0, 20.0)?;
        positive_delay("median of the last mile", last_mile.median)?;
        range("sigma of the last mile", last_mile.sigma, 0.0, 5.0)?;
        Ok(Self::build(stretch, last_mile))
    }

    fn build(stretch: f64, last_mile: LastMile) -> Self {
        let way = |a, b| (distance_km(a, b) * stretch / GLASS_KM_PER_NANO) as u32;
        let slice = |i| quantile((f64::from(i) + 0.5) / f64::from(SLICES));
        let median = in_nanos(last_mile.median);
        let tables = Tables {
            choice: Alias::new(&CITIES.map(|city| city.population)),
            ways: CITIES.iter().flat_map(|a| CITIES.iter().map(move |b| way(a, b))).collect(),
            last_miles: (0..SLICES).map(|i| (median * libm::exp(last_mile.sigma * slice(i))) as u64).collect(),
        };
        Self { tables: Arc::new(tables) }
    }

    /// The city of `peer` in the run of `seed`.
    #[must_use]
    pub fn city(&self, seed: u64, peer: Peer) -> &'static City {
        &CITIES[self.home(seed, peer).0]
    }

    /// The index of a peer's city, and its last mile in nanoseconds.
    #[inline]
    fn home(&self, seed: u64, peer: Peer) -> (usize, u64) {
        let mut dice = Rng::for_step(seed ^ CITY, peer, 0);
        (self.tables.choice.choose(dice.bits()), self.tables.last_miles[dice.index(SLICES as usize)])
    }

    /// How long packets from `a` to `b` take, and back.
    #[must_use]
    pub fn between(&self, seed: u64, a: Peer, b: Peer) -> Duration {
        let ((a, a_mile), (b, b_mile)) = (self.home(seed, a), self.home(seed, b));
        let way = u64::from(self.tables.ways[a * CITIES.len() + b]);
        Duration::from_nanos(way.saturating_add(a_mile).saturating_add(b_mile))
    }

    /// Two neighbours with the shortest last miles.
    pub(super) fn min(&self) -> Duration {
        Duration::from_nanos(2 * self.tables.last_miles[0])
    }
}

impl Default for Geographic {
    fn default() -> Self {
        Self::build(Self::STRETCH, LastMile::default())
    }
}

/// The great-circle distance of two cities, by the haversine formula, which is exact for near points too.
#[must_use]
pub fn distance_km(a: &City, b: &City) -> f64 {
    let half_chord = |degrees: f64| libm::pow(libm::sin(degrees.to_radians() / 2.0), 2.0);
    let slant = libm::cos(a.latitude.to_radians()) * libm::cos(b.latitude.to_radians());
    let haversine = half_chord(a.latitude - b.latitude) + slant * half_chord(a.longitude - b.longitude);
    2.0 * EARTH_KM * libm::asin(libm::sqrt(haversine.min(1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> &'static City {
        CITIES.iter().find(|city| city.name == name).expect("a city of the table")
    }

    #[test]
    fn distances_are_those_of_an_atlas() {
        for (a, b, km) in
            [("London", "New York", 5_570.0), ("Sydney", "London", 16_990.0), ("Tokyo", "San Francisco", 8_270.0), ("Paris", "Paris", 0.0)]
        {
            let found = distance_km(named(a), named(b));
            assert!((found - km).abs() <= km * 0.005, "{a} to {b}: {found} km, the atlas has {km}");
            assert!((found - distance_km(named(b), named(a))).abs() < 1e-6);
        }
    }

    #[test]
    fn the_cities_are_on_the_globe_and_named_once() {
        let mut names: Vec<&str> = CITIES.iter().map(|city| city.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), CITIES.len());
        assert!(CITIES.iter().all(|city| city.latitude.abs() < 70.0 && city.longitude.abs() <= 180.0 && city.population > 0));
        // No two so near that one of them is a slip.
        for (i, a) in CITIES.iter().enumerate() {
            assert!(CITIES[..i].iter().all(|b| distance_km(a, b) > 25.0), "{} is next to another", a.name);
        }
    }

    #[test]
    fn peers_live_where_people_live() {
        let (world, n) = (Geographic::default(), 200_000);
        let mut counts = vec![0u32; CITIES.len()];
        (0..n).for_each(|peer| counts[world.home(3, Peer(peer)).0] += 1);
        let all: u32 = CITIES.iter().map(|city| city.population).sum();
        let chi: f64 = counts
            .iter()
            .zip(&CITIES)
            .map(|(count, city)| {
                let expected = f64::from(n) * f64::from(city.population) / f64::from(all);
                (f64::from(*count) - expected).powi(2) / expected
            })
            .sum();
        // The 99.9 % quantile of chi-squared by Wilson and Hilferty's approximation.
        let freedom = (CITIES.len() - 1) as f64;
        let bound = freedom * (1.0 - 2.0 / (9.0 * freedom) + 3.09 * (2.0 / (9.0 * freedom)).sqrt()).powi(3);
        assert!(chi < bound, "chi-squared {chi}, bound {bound}");
    }

    #[test]
    fn the_last_mile_is_log_normal() {
        let (median, sigma) = (Duration::from_millis(8), 0.7);
        let world = Geographic::new(1.0, LastMile { median, sigma }).unwrap();
        let logs: Vec<f64> = (0..100_000).map(|peer| (world.home(1, Peer(peer)).1 as f64 / 8e6).ln()).collect();
        let n = logs.len() as f64;
        let mean = logs.iter().sum::<f64>() / n;
        let deviation = (logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / n).sqrt();
        assert!(mean.abs() < 4.0 * sigma / n.sqrt(), "{mean}");
        assert!((deviation / sigma - 1.0).abs() < 0.01, "{deviation}");
    }

    #[test]
    fn a_packet_takes_both_last_miles_and_the_stretched_great_circle() {
        // Without spread every last mile is the median.
        let world = Geographic::new(2.0, LastMile { median: Duration::from_millis(3), sigma: 0.0 }).unwrap();
        for (a, b) in (0..100).map(|i| (Peer(i), Peer(i + 1))) {
            let km = distance_km(world.city(5, a), world.city(5, b));
            let expected = 0.006 + 2.0 * km / 200_000.0;
            let found = world.between(5, a, b).as_secs_f64();
            assert!((found - expected).abs() < 1e-8, "{found}, expected {expected}");
        }
    }

    #[test]
    fn the_smallest_latency_is_reached_and_not_next_to_nothing() {
        let world = Geographic::default();
        assert!(world.min() > Duration::from_millis(1), "{:?}", world.min());
        let lowest = (0..20_000).map(|peer| world.home(1, Peer(peer)).1).min().unwrap();
        assert_eq!(2 * Duration::from_nanos(lowest), world.min());
    }

    #[test]
    fn impossible_worlds_are_refused_by_name() {
        let refused =
            |stretch, median, sigma| Geographic::new(stretch, LastMile { median: Duration::from_millis(median), sigma }).unwrap_err().to_string();
        assert!(refused(-1.0, 5, 0.5).contains("path stretch is -1: give a number from 0 to 20"));
        assert!(refused(2.0, 0, 0.5).contains("median of the last mile is zero"));
        assert!(refused(2.0, 5, f64::NAN).contains("sigma of the last mile is NaN"));
    }
}
