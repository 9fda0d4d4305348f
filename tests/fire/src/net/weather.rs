//! What happens to packets between the places.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Five cities with regional networks, from south to north: name, latitude and longitude in degrees.
pub const CITIES: [(&str, f64, f64); 5] = [
    ("Naha", 26.212, 127.681),
    ("Saga", 33.249, 130.299),
    ("Matsue", 35.472, 133.051),
    ("Tokyo", 35.690, 139.692),
    ("Sapporo", 43.064, 141.347),
];
/// Kilometres light travels in glass in a millisecond.
const GLASS_KM_PER_MS: f64 = 200.0;
/// How much longer cables are than the great circle.
const DETOUR: f64 = 1.6;
/// Time in machines on the way, both ways.
const MACHINES_MS: f64 = 2.0;
const EARTH_KM: f64 = 6_371.0;

/// Round trip between two of [`CITIES`]: 5 to 40 ms.
fn round_trip(a: usize, b: usize) -> Duration {
    let ((_, lat_a, lon_a), (_, lat_b, lon_b)) = (CITIES[a], CITIES[b]);
    let half = |x: f64, y: f64| ((y - x).to_radians() / 2.0).sin().powi(2);
    let haversine = half(lat_a, lat_b)
        + lat_a.to_radians().cos() * lat_b.to_radians().cos() * half(lon_a, lon_b);
    let km = 2.0 * EARTH_KM * haversine.sqrt().asin();
    Duration::from_secs_f64((2.0 * km * DETOUR / GLASS_KM_PER_MS + MACHINES_MS) / 1_000.0)
}

#[derive(Debug, Default)]
struct Inner {
    jitter: Duration,
    /// Packets lost, in a million.
    loss: u32,
    /// From, to.
    cut: BTreeSet<(usize, usize)>,
    flapping: BTreeMap<(usize, usize), (Instant, Duration)>,
    carried: u64,
    dropped: u64,
}

/// The state of all links. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Weather(Arc<Mutex<Inner>>);

impl Weather {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Time to the other end, without jitter.
    pub fn one_way(from: usize, to: usize) -> Duration {
        round_trip(from, to) / 2
    }

    /// Each packet is late by up to this much more.
    pub fn jitter(&self, jitter: Duration) {
        self.inner().jitter = jitter;
    }

    /// This many packets in a million are lost.
    pub fn loss(&self, per_million: u32) {
        self.inner().loss = per_million;
    }

    /// Nothing gets from one place to the other any more; what is on its way is lost.
    pub fn cut_one_way(&self, from: usize, to: usize) {
        self.inner().cut.insert((from, to));
    }

    /// Cuts every link between the two sides, both ways.
    pub fn cut_between(&self, one: &[usize], other: &[usize]) {
        let mut inner = self.inner();
        for a in one {
            for b in other {
                inner.cut.extend([(*a, *b), (*b, *a)]);
            }
        }
    }

    /// The links between the two sides are up for a while, then down for as long, again and again.
    pub fn flap_between(&self, one: &[usize], other: &[usize], every: Duration) {
        let mut inner = self.inner();
        let began = Instant::now();
        for a in one {
            for b in other {
                inner.flapping.insert((*a, *b), (began, every));
                inner.flapping.insert((*b, *a), (began, every));
            }
        }
    }

    /// Every link carries, without loss or jitter.
    pub fn heal(&self) {
        let mut inner = self.inner();
        inner.cut.clear();
        inner.flapping.clear();
        (inner.loss, inner.jitter) = (0, Duration::ZERO);
    }

    /// Packets carried and dropped so far.
    pub fn counts(&self) -> (u64, u64) {
        let inner = self.inner();
        (inner.carried, inner.dropped)
    }

    pub(super) fn chances(&self) -> (Duration, u32) {
        let inner = self.inner();
        (inner.jitter, inner.loss)
    }

    /// Whether a packet gets through now; counted.
    pub(super) fn passes(&self, from: usize, to: usize, lost: bool) -> bool {
        let mut inner = self.inner();
        let down = |(began, every): &(Instant, Duration)| {
            let turns = began.elapsed().as_nanos() / every.as_nanos().max(1);
            turns % 2 == 1
        };
        let blocked =
            inner.cut.contains(&(from, to)) || inner.flapping.get(&(from, to)).is_some_and(down);
        if blocked || lost {
            inner.dropped += 1;
            false
        } else {
            true
        }
    }

    pub(super) fn carried(&self) {
        self.inner().carried += 1;
    }

    pub(super) fn dropped(&self) {
        self.inner().dropped += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distances_are_those_between_prefectures() {
        let ms = |a, b| round_trip(a, b).as_millis();
        for a in 0..CITIES.len() {
            for b in 0..CITIES.len() {
                assert_eq!(ms(a, b), ms(b, a));
                assert!(
                    a == b || (5..=40).contains(&ms(a, b)),
                    "{a} {b}: {}",
                    ms(a, b)
                );
            }
        }
        // Saga to Sapporo is some 1,420 km.
        assert_eq!(ms(1, 4), 25);
    }
}
