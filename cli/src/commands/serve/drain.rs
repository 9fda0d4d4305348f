//! The end of a process: what is under way ends, nothing new is taken.
//!
//! ```text
//! signal ─▶ health NOT_SERVING ─▶ people, then queries, then answers: closed, and waited for ─▶ connections closed
//!           balancers look away    a refusal says "not taken"; health, ledger and consensus      requests to the
//!                                  go on, since what is under way needs them                     ledger end
//! ```

use super::door::{Door, Part};
use std::time::Duration;
use tokio::time::timeout;

/// Time for what is under way of each part: the ten seconds people wait for a list. Of each, so that one long call of
/// people takes nothing from other networks' requests, which were taken meanwhile.
pub(super) const DRAIN_GRACE: Duration = Duration::from_secs(10);

/// Time for calls to the ledger, and for connections to be closed: an entry takes some round trips, and whoever only
/// watches (health, leaves) would never end by itself.
pub(super) const CLOSE_GRACE: Duration = Duration::from_secs(3);

/// Tells health first, then part by part, each waited for before the next is closed, at most `grace` each; or until the
/// operator asks `again`.
pub(super) async fn drain(
    door: &Door,
    tell_health: impl Future<Output = ()>,
    grace: Duration,
    again: impl Future<Output = ()>,
) {
    tell_health.await;
    let emptied = async {
        let mut emptied = true;
        for part in Part::CLOSED_FIRST {
            door.close(part);
            emptied &= timeout(grace, door.empty(part)).await.is_ok();
        }
        emptied
    };
    let emptied = tokio::select! {
        emptied = emptied => emptied,
        () = again => false,
    };
    // Where the operator asked again, what was not closed yet is closed now.
    for part in Part::CLOSED_FIRST {
        door.close(part);
    }
    let left: usize = Part::CLOSED_FIRST.map(|p| door.under_way(p)).iter().sum();
    if emptied {
        tracing::info!("nothing is under way");
    } else {
        tracing::warn!(
            left,
            grace_s = grace.as_secs(),
            "not everything under way has ended"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};
    use std::sync::atomic::{AtomicBool, Ordering};

    /// Longer than any test waits: it ends for another reason.
    const LONG: Duration = Duration::from_secs(600);

    #[tokio::test]
    async fn people_end_first_and_what_they_need_is_open_until_then() {
        let (door, told) = (Door::new(None), AtomicBool::new(false));
        let person = door.enter(Part::People);
        assert!(person.is_some());
        let tell = async { told.store(true, Ordering::SeqCst) };
        let people_closed = async {
            while door.enter(Part::People).is_some() {
                tokio::task::yield_now().await;
            }
        };
        let mut draining = Box::pin(drain(&door, tell, LONG, pending()));
        tokio::select! {
            () = &mut draining => assert!(door.enter(Part::People).is_none(), "a person is still served"),
            () = people_closed => {}
        }
        assert!(told.load(Ordering::SeqCst), "health comes first");
        assert_eq!(door.under_way(Part::People), 1);
        // The person's request goes on through broker and node.
        let query = door.enter(Part::Queries);
        assert!(query.is_some() && door.enter(Part::Answers).is_some());
        drop(person);
        let queries_closed = async {
            while door.enter(Part::Queries).is_some() {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = &mut draining => assert!(door.enter(Part::Queries).is_none(), "a query is still served"),
            () = queries_closed => {}
        }
        assert!(door.enter(Part::Answers).is_some());
        drop(query);
        draining.await;
        for part in Part::CLOSED_FIRST {
            assert!(door.enter(part).is_none(), "{part:?}");
        }
        assert!(door.enter(Part::Ledger).is_some() && door.enter(Part::Consensus).is_some());
    }

    #[tokio::test]
    async fn what_does_not_end_is_waited_for_so_long_and_not_longer() {
        let door = Door::new(None);
        let _stuck = door.enter(Part::People);
        let short = Duration::from_millis(20);
        drain(&door, ready(()), short, pending()).await;
        for part in Part::CLOSED_FIRST {
            assert!(door.enter(part).is_none(), "{part:?}");
        }
    }

    #[tokio::test]
    async fn one_long_call_of_people_takes_no_time_from_other_networks() {
        let door = Door::new(None);
        let _long = door.enter(Part::People);
        let query = door.enter(Part::Queries);
        let short = Duration::from_millis(50);
        let mut draining = Box::pin(drain(&door, ready(()), short, pending()));
        let queries_closed = async {
            while door.enter(Part::Queries).is_some() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            // It is still waited for when the people's time is over.
            tokio::time::sleep(short / 5).await;
            assert!(door.enter(Part::Answers).is_some(), "the query may need it");
            drop(query);
        };
        tokio::select! {
            () = &mut draining => panic!("a query under way was not waited for"),
            () = queries_closed => {}
        }
        draining.await;
    }

    #[tokio::test]
    async fn the_operator_may_ask_a_second_time() {
        let door = Door::new(None);
        let _stuck = door.enter(Part::Queries);
        drain(&door, ready(()), LONG, ready(())).await;
        assert!(door.enter(Part::Answers).is_none());
    }
}
