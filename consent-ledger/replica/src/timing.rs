//! How long replicas wait for each other: everything that follows from how far apart they are.
//!
//! One number is set, the round trip expected between the two replicas farthest apart; the rest follows, so that no
//! two of these can contradict each other. `docs/operate/wide-area.md` shows what comes of it.

use crate::config::BATCHES_IN_FLIGHT_MAX;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Round trips that can be expected, in milliseconds: from one room to a satellite with a bad line behind it.
pub const EXPECTED_RTT_MS: RangeInclusive<u64> = 1..=1000;
/// What is expected where nothing is said: the ends of the country.
pub const EXPECTED_RTT_DEFAULT_MS: u64 = 40;

/// Share of a replication message's time limit that is not the line's: a follower checks a full batch's signatures in
/// about 15 ms and makes it durable, for which a busy disk may take several times that.
const FOLLOWER_MS: u64 = 100;
/// Round trips in a replication message's time limit. A full batch of 1 MiB on a line that was idle takes seven, since
/// TCP begins with some 14 KiB and doubles; the rest is one packet lost and sent again.
const HEARTBEAT_RTTS: u64 = 10;
/// Heartbeats in the shortest wait for a leader: four may be lost or late before anybody calls an election.
const ELECTION_MIN_HEARTBEATS: u64 = 5;
/// Heartbeats in the longest one: the wider the range, the less often two call at once.
const ELECTION_MAX_HEARTBEATS: u64 = 10;
/// Batches under way where nothing is far: one travels while the next one fills the disk's queue.
const BATCHES_NEAR: usize = 2;
/// Round trip, in milliseconds, that one more batch is worth.
const BATCH_MORE_EACH_MS: u64 = 10;

/// When a replica believes its leader dead, and how much is sent at once. The same on all replicas of a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// The round trip between the two replicas farthest apart, as expected; milliseconds.
    pub expected_rtt_ms: u64,
    /// Time between a leader's heartbeats; also the time limit of each replication message.
    pub heartbeat: Duration,
    /// Shortest time without a heartbeat before an election.
    pub election_min: Duration,
    /// Longest one. A follower that knew a leader waits up to twice this long.
    pub election_max: Duration,
    /// Batches proposed and not yet applied: on a long line more of them, so that what comes in while one message
    /// travels is in the log when the next one leaves.
    pub batches_in_flight: usize,
}

const fn batches_in_flight(expected_rtt_ms: u64) -> usize {
    let more = expected_rtt_ms / BATCH_MORE_EACH_MS;
    let room = BATCHES_IN_FLIGHT_MAX - BATCHES_NEAR;
    if more < room as u64 {
        BATCHES_NEAR + more as usize
    } else {
        BATCHES_IN_FLIGHT_MAX
    }
}

/// A round trip nobody can set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RttOutOfRange(pub u64);

impl fmt::Display for RttOutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, most) = (EXPECTED_RTT_MS.start(), EXPECTED_RTT_MS.end());
        write!(
            f,
            "a round trip of {} ms was expected; it is a number of milliseconds from {least} to {most}",
            self.0
        )
    }
}

impl std::error::Error for RttOutOfRange {}

impl Timing {
    /// Between the ends of the country, 40 ms apart and back: 500 ms and 2.5 to 5 s.
    pub const WIDE_AREA: Self = Self::of(EXPECTED_RTT_DEFAULT_MS);
    /// Within one site: 110 ms and 550 to 1,100 ms.
    pub const LOOPBACK: Self = Self::of(*EXPECTED_RTT_MS.start());

    /// What follows from an expected round trip.
    ///
    /// # Errors
    /// [`RttOutOfRange`] outside [`EXPECTED_RTT_MS`].
    pub fn for_rtt(expected_rtt_ms: u64) -> Result<Self, RttOutOfRange> {
        if EXPECTED_RTT_MS.contains(&expected_rtt_ms) {
            Ok(Self::of(expected_rtt_ms))
        } else {
            Err(RttOutOfRange(expected_rtt_ms))
        }
    }

    const fn of(expected_rtt_ms: u64) -> Self {
        let heartbeat_ms = FOLLOWER_MS + HEARTBEAT_RTTS * expected_rtt_ms;
        Self {
            expected_rtt_ms,
            heartbeat: Duration::from_millis(heartbeat_ms),
            election_min: Duration::from_millis(ELECTION_MIN_HEARTBEATS * heartbeat_ms),
            election_max: Duration::from_millis(ELECTION_MAX_HEARTBEATS * heartbeat_ms),
            batches_in_flight: batches_in_flight(expected_rtt_ms),
        }
    }

    /// Longest time from a leader's end to the next one, if the first election has a winner: the first to notice waits
    /// out the leader's lease, then its own patience, each `election_max` at most; looks at the clock one and a half
    /// heartbeats later at most; asks for votes, and tells that it won.
    pub fn leaderless_max(&self) -> Duration {
        self.election_max * 2
            + self.heartbeat * 3 / 2
            + Duration::from_millis(2 * self.expected_rtt_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = include_str!("../../../docs/operate/wide-area.md");

    fn ms(duration: Duration) -> u64 {
        duration.as_millis() as u64
    }

    #[test]
    fn the_points_that_were_measured_hold() {
        for (rtt, heartbeat, min, max) in [(1, 110, 550, 1_100), (40, 500, 2_500, 5_000)] {
            let timing = Timing::for_rtt(rtt).unwrap();
            let got = (
                ms(timing.heartbeat),
                ms(timing.election_min),
                ms(timing.election_max),
            );
            assert_eq!(got, (heartbeat, min, max), "{rtt} ms");
        }
        assert_eq!(Timing::for_rtt(1), Ok(Timing::LOOPBACK));
        assert_eq!(Timing::for_rtt(40), Ok(Timing::WIDE_AREA));
    }

    #[test]
    fn a_longer_way_never_shortens_a_wait_and_each_keeps_its_proportion() {
        let mut before: Option<Timing> = None;
        for rtt in EXPECTED_RTT_MS {
            let timing = Timing::for_rtt(rtt).unwrap();
            assert!(ms(timing.heartbeat) >= 4 * rtt, "{rtt} ms: {timing:?}");
            assert!(timing.election_min >= timing.heartbeat * 4, "{timing:?}");
            assert!(timing.election_max >= timing.election_min * 2, "{timing:?}");
            assert!(timing.leaderless_max() >= timing.election_max * 2);
            assert!((BATCHES_NEAR..=BATCHES_IN_FLIGHT_MAX).contains(&timing.batches_in_flight));
            if let Some(before) = before.replace(timing) {
                assert!(
                    before.heartbeat < timing.heartbeat
                        && before.election_min < timing.election_min
                        && before.election_max < timing.election_max
                        && before.batches_in_flight <= timing.batches_in_flight,
                    "{rtt} ms"
                );
            }
        }
    }

    #[test]
    fn what_nobody_can_have_measured_is_refused() {
        for rtt in [0, 1_001, u64::MAX] {
            assert_eq!(Timing::for_rtt(rtt), Err(RttOutOfRange(rtt)));
        }
        let said = RttOutOfRange(0).to_string();
        assert!(said.contains("from 1 to 1000"), "{said}");
    }

    /// What operators read is what the program does.
    #[test]
    fn the_table_in_the_handbook_is_this_function() {
        let rows: Vec<Vec<u64>> = TABLE
            .lines()
            .filter_map(|line| {
                let cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ");
                let numbers = cells.map(|cell| cell.replace(',', "").parse().ok());
                numbers.take(6).collect::<Option<Vec<u64>>>()
            })
            .collect();
        assert!(rows.len() >= 6, "{rows:?}");
        for row in rows {
            let timing = Timing::for_rtt(row[0]).unwrap();
            let says = [
                timing.expected_rtt_ms,
                ms(timing.heartbeat),
                ms(timing.election_min),
                ms(timing.election_max),
                ms(timing.leaderless_max()),
                timing.batches_in_flight as u64,
            ];
            assert_eq!(row, says);
        }
    }
}
