//! Absolute deadlines across hops.
//!
//! Two headers carry one: `sekisho-deadline-ms` (milliseconds since 1970, the same instant at every
//! hop, whatever time the request spent waiting) and gRPC's own `grpc-timeout` (relative, so it holds
//! where clocks differ). The earlier of the two is the deadline, and never later than
//! [`DEADLINE_MAX`] from now.

use crate::limits::DEADLINE_MAX;
use sekisho_domain::TimeMs;
use std::future::Future;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tonic::Status;
use tonic::metadata::{AsciiMetadataValue, MetadataMap};

/// The header of the absolute deadline, milliseconds since 1970-01-01T00:00:00Z.
pub const DEADLINE_HEADER: &str = "sekisho-deadline-ms";

/// The header of the relative one (gRPC over HTTP/2, "Timeout").
pub const TIMEOUT_HEADER: &str = "grpc-timeout";

/// The instant after which nobody waits for the answer.
///
/// Set on a request, it ends the wait for the first of the answer on both sides (tonic's own timers run
/// until the response's headers); the rest of a stream is bounded by whoever reads it ([`Deadline::bound`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(TimeMs);

impl Deadline {
    /// A deadline that long from now, at most [`DEADLINE_MAX`].
    pub fn after(timeout: Duration) -> Self {
        Self::at(now().plus_ms(millis(timeout)))
    }

    /// A deadline at an instant, at most [`DEADLINE_MAX`] from now.
    pub fn at(time: TimeMs) -> Self {
        Self::capped(time, now())
    }

    /// The deadline a request carries; [`DEADLINE_MAX`] from now where it carries none.
    ///
    /// # Errors
    /// `InvalidArgument` if a header does not parse: a caller's limit that is not understood must not
    /// be taken for none. `DeadlineExceeded` if it has passed already.
    pub fn of(metadata: &MetadataMap) -> Result<Self, Status> {
        let now = now();
        let deadline = read(metadata, now)?;
        if deadline.0 <= now {
            return Err(Status::deadline_exceeded(
                "the deadline passed before the request arrived",
            ));
        }
        Ok(deadline)
    }

    /// Puts the deadline on an outgoing request, in both headers.
    pub fn set(self, metadata: &mut MetadataMap) {
        self.write(metadata, now());
    }

    /// The instant.
    pub fn time(self) -> TimeMs {
        self.0
    }

    /// Time left; zero once it has passed.
    pub fn remaining(self) -> Duration {
        Duration::from_millis(self.0.0.saturating_sub(now().0))
    }

    /// The earlier of two.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        Ord::min(self, other)
    }

    /// Runs a future until the deadline.
    ///
    /// # Errors
    /// `DeadlineExceeded` if it is not done by then; the future is dropped, and what it asked of others
    /// may or may not have happened.
    pub async fn bound<F: Future>(self, future: F) -> Result<F::Output, Status> {
        tokio::time::timeout(self.remaining(), future)
            .await
            .map_err(|_| Status::deadline_exceeded("no answer before the deadline"))
    }

    fn capped(time: TimeMs, now: TimeMs) -> Self {
        Self(time.min(now.plus_ms(millis(DEADLINE_MAX))))
    }

    fn write(self, metadata: &mut MetadataMap, now: TimeMs) {
        metadata.insert(DEADLINE_HEADER, AsciiMetadataValue::from(self.0.0));
        // At most DEADLINE_MAX in milliseconds: within the eight digits gRPC allows.
        let left_ms = self.0.0.saturating_sub(now.0);
        if let Ok(value) = format!("{left_ms}m").parse() {
            metadata.insert(TIMEOUT_HEADER, value);
        }
    }
}

/// This machine's clock.
fn now() -> TimeMs {
    #[cfg(feature = "simulation")]
    if let Some(now) = crate::simulation::now() {
        return now;
    }
    TimeMs(
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, millis),
    )
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn read(metadata: &MetadataMap, now: TimeMs) -> Result<Deadline, Status> {
    let absolute = header(metadata, DEADLINE_HEADER, |text| {
        digits(text, 20).map(TimeMs)
    })?;
    let relative = header(metadata, TIMEOUT_HEADER, |text| {
        Some(now.plus_ms(grpc_timeout_ms(text)?))
    })?;
    let earlier = absolute.into_iter().chain(relative).min();
    Ok(Deadline::capped(earlier.unwrap_or(TimeMs(u64::MAX)), now))
}

fn header<T>(
    metadata: &MetadataMap,
    name: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, Status> {
    match metadata.get(name) {
        None => Ok(None),
        Some(value) => value
            .to_str()
            .ok()
            .and_then(parse)
            .map(Some)
            .ok_or_else(|| Status::invalid_argument(format!("header {name} does not parse"))),
    }
}

/// `TimeoutValue TimeoutUnit`: 1 to 8 digits and one of `H M S m u n`, rounded down to milliseconds.
fn grpc_timeout_ms(text: &str) -> Option<u64> {
    let unit = text.chars().next_back()?;
    let value = digits(text.strip_suffix(unit)?, 8)?;
    Some(match unit {
        'H' => value * 3_600_000,
        'M' => value * 60_000,
        'S' => value * 1_000,
        'm' => value,
        'u' => value / 1_000,
        'n' => value / 1_000_000,
        _ => return None,
    })
}

/// A decimal number of 1 to `max` digits, without sign.
fn digits(text: &str, max: usize) -> Option<u64> {
    ((1..=max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok())?
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use tonic::Code;

    const NOW: TimeMs = TimeMs(1_700_000_000_000);

    fn metadata(headers: &[(&'static str, &str)]) -> MetadataMap {
        let mut metadata = MetadataMap::new();
        for (name, value) in headers {
            metadata.insert(*name, value.parse().unwrap());
        }
        metadata
    }

    #[test]
    fn the_earlier_header_holds_within_the_cap() {
        let cap = NOW.plus_ms(60_000);
        let cases: [(&[(&'static str, &str)], TimeMs); 11] = [
            (&[], cap),
            (&[(DEADLINE_HEADER, "1700000005000")], NOW.plus_ms(5_000)),
            (&[(TIMEOUT_HEADER, "3S")], NOW.plus_ms(3_000)),
            (
                &[(DEADLINE_HEADER, "1700000005000"), (TIMEOUT_HEADER, "3S")],
                NOW.plus_ms(3_000),
            ),
            (
                &[(DEADLINE_HEADER, "1700000002000"), (TIMEOUT_HEADER, "3S")],
                NOW.plus_ms(2_000),
            ),
            (&[(TIMEOUT_HEADER, "1M")], cap),
            (&[(TIMEOUT_HEADER, "99999999H")], cap),
            (&[(TIMEOUT_HEADER, "250000u")], NOW.plus_ms(250)),
            (&[(TIMEOUT_HEADER, "99999999n")], NOW.plus_ms(99)),
            (&[(DEADLINE_HEADER, "18446744073709551615")], cap),
            (&[(DEADLINE_HEADER, "0")], TimeMs(0)),
        ];
        for (headers, expected) in cases {
            assert_eq!(
                read(&metadata(headers), NOW).unwrap().time(),
                expected,
                "{headers:?}"
            );
        }
    }

    #[test]
    fn a_header_that_does_not_parse_is_refused() {
        for value in [
            "",
            "x",
            "-1",
            "+5",
            "1.5",
            " 1",
            "18446744073709551616",
            "000000000000000000001",
        ] {
            let status = read(&metadata(&[(DEADLINE_HEADER, value)]), NOW).unwrap_err();
            assert_eq!(status.code(), Code::InvalidArgument, "{value:?}");
        }
        for value in ["", "S", "5", "5s", "123456789m", "-5S", "+5S", "5 S", "5SS"] {
            let status = read(&metadata(&[(TIMEOUT_HEADER, value)]), NOW).unwrap_err();
            assert_eq!(status.code(), Code::InvalidArgument, "{value:?}");
        }
        let mut bytes = MetadataMap::new();
        bytes.insert(
            TIMEOUT_HEADER,
            AsciiMetadataValue::try_from(&b"5\xe7\xa7\x92"[..]).unwrap(),
        );
        assert_eq!(read(&bytes, NOW).unwrap_err().code(), Code::InvalidArgument);
    }

    #[test]
    fn what_is_written_is_read_back() {
        for (left_ms, relative) in [(0, "0m"), (1, "1m"), (1_234, "1234m"), (60_000, "60000m")] {
            let deadline = Deadline(NOW.plus_ms(left_ms));
            let mut metadata = MetadataMap::new();
            deadline.write(&mut metadata, NOW);
            assert_eq!(metadata.get(TIMEOUT_HEADER).unwrap(), relative);
            assert_eq!(read(&metadata, NOW).unwrap(), deadline);
        }
    }

    #[test]
    fn a_request_that_is_late_already_is_refused() {
        let status = Deadline::of(&metadata(&[(DEADLINE_HEADER, "1")])).unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded);
        assert!(Deadline::after(Duration::from_secs(3600)).remaining() <= DEADLINE_MAX);
        assert_eq!(Deadline::at(TimeMs(1)).remaining(), Duration::ZERO);
    }

    #[tokio::test]
    async fn work_ends_at_the_deadline() {
        let late = Deadline::after(Duration::from_millis(20))
            .bound(std::future::pending::<()>())
            .await;
        assert_eq!(late.unwrap_err().code(), Code::DeadlineExceeded);
        assert_eq!(
            Deadline::after(Duration::from_secs(20))
                .bound(async { 7 })
                .await
                .unwrap(),
            7
        );
    }
}
