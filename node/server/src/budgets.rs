//! How much one practitioner, one facility and the whole network may ask in an hour: a stolen account, or a curious one,
//! must not read a region's charts. Emergencies are counted and never refused.
//!
//! Each budget is full at first and refills evenly: asked for everything at once it lasts an hour. What was spent is
//! kept in memory; a restart forgives it. An officer sees what was asked on the ledger, whatever a budget allowed.

use crate::NodeError;
use sekisho_domain::{Nature, Purpose, TimeMs};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The time a budget is for, in milliseconds.
const HOUR_MS: u64 = 60 * 60 * 1000;
/// Practitioners and facilities whose budgets are kept; beyond it those that have most left are forgotten.
const KEPT_MAX: usize = 8_192;

/// Requests an hour: lists and documents alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budgets {
    /// By one practitioner. A busy outpatient morning is forty patients with five documents each.
    pub practitioner: u32,
    /// From one facility: a large hospital's.
    pub facility: u32,
    /// From the whole network.
    pub network: u32,
}

impl Default for Budgets {
    fn default() -> Self {
        Self {
            practitioner: 300,
            facility: 5_000,
            network: 20_000,
        }
    }
}

/// Whose budget it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Whose {
    Practitioner(String),
    Facility(String),
    Network,
}

impl Whose {
    fn en(&self) -> &'static str {
        match self {
            Self::Practitioner(_) => "this practitioner",
            Self::Facility(_) => "this facility",
            Self::Network => "this network",
        }
    }
}

/// Budgets and what was spent of them.
#[derive(Debug)]
pub(crate) struct Spending {
    budgets: Budgets,
    /// When each is full again, in microseconds.
    full_at: Mutex<BTreeMap<Whose, u64>>,
}

impl Spending {
    pub fn of(budgets: Budgets) -> Self {
        Self {
            budgets,
            full_at: Mutex::default(),
        }
    }

    /// Spends one request of each budget it counts against, or of none.
    ///
    /// # Errors
    /// [`NodeError::Budget`], the first that is spent; never in an emergency.
    pub fn spend(
        &self,
        practitioner: &str,
        facility: &str,
        purpose: Purpose,
        now: TimeMs,
    ) -> Result<(), NodeError> {
        const HOUR_US: u64 = HOUR_MS * 1000;
        let now_us = now.0.saturating_mul(1000);
        let of = [
            (
                Whose::Practitioner(practitioner.to_owned()),
                self.budgets.practitioner,
            ),
            (Whose::Facility(facility.to_owned()), self.budgets.facility),
            (Whose::Network, self.budgets.network),
        ];
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let mut after = Vec::with_capacity(of.len());
        let refusable = matches!(purpose.nature(), Nature::Ordinary | Nature::Law);
        for (whose, an_hour) in of {
            let one_us = HOUR_US / u64::from(an_hour.max(1));
            let full = full_at.get(&whose).copied().unwrap_or(0).max(now_us) + one_us;
            let over_us = full.saturating_sub(now_us + HOUR_US);
            if over_us > 0 && refusable {
                return Err(NodeError::Budget {
                    whose: whose.en(),
                    an_hour,
                    wait_s: over_us.div_ceil(1_000_000),
                });
            }
            // However many emergencies there were, an hour later all is as before.
            after.push((whose, full.min(now_us + HOUR_US)));
        }
        full_at.extend(after);
        if full_at.len() > KEPT_MAX {
            full_at.retain(|_, full| *full > now_us);
        }
        while full_at.len() > KEPT_MAX {
            let most_left = full_at.iter().min_by_key(|(_, full)| **full);
            let Some(whose) = most_left.map(|(whose, _)| whose.clone()) else {
                break;
            };
            full_at.remove(&whose);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: TimeMs = TimeMs(1_700_000_000_000);

    fn few() -> Spending {
        Spending::of(Budgets {
            practitioner: 3,
            facility: 5,
            network: 6,
        })
    }

    fn spend(of: &Spending, who: &str, facility: &str, minutes: u64) -> Result<(), String> {
        let now = NOW.plus_ms(minutes * 60_000);
        of.spend(who, facility, Purpose::Treat, now)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn each_budget_refuses_with_its_own_reason_and_refills() {
        let of = few();
        for _ in 0..3 {
            spend(&of, "a", "x", 0).unwrap();
        }
        let refused = spend(&of, "a", "x", 0).unwrap_err();
        assert_eq!(
            refused,
            "this practitioner has asked 3 times within the hour, the most this network allows; again in 1200 s"
        );
        for _ in 0..2 {
            spend(&of, "b", "x", 0).unwrap();
        }
        assert!(
            spend(&of, "c", "x", 0)
                .unwrap_err()
                .starts_with("this facility has asked 5")
        );
        spend(&of, "c", "y", 0).unwrap();
        assert!(
            spend(&of, "d", "z", 0)
                .unwrap_err()
                .starts_with("this network has asked 6")
        );
        // What was refused was spent of no budget.
        assert!(spend(&of, "a", "x", 19).is_err());
        spend(&of, "a", "x", 20).unwrap();
        assert!(spend(&of, "a", "x", 20).is_err());
        for _ in 0..3 {
            spend(&of, "a", "x", 200).unwrap();
        }
    }

    #[test]
    fn an_emergency_is_never_refused_and_is_forgiven_within_the_hour() {
        let of = few();
        for _ in 0..20 {
            of.spend("a", "x", Purpose::BreakGlass, NOW).unwrap();
        }
        assert!(spend(&of, "a", "x", 0).is_err());
        spend(&of, "a", "x", 20).unwrap();
    }

    #[test]
    fn what_is_kept_is_bounded_and_those_who_spent_most_are_not_forgotten() {
        let of = Spending::of(Budgets {
            network: u32::MAX,
            facility: u32::MAX,
            practitioner: 2,
        });
        spend(&of, "much", "x", 0).unwrap();
        spend(&of, "much", "x", 0).unwrap();
        for n in 0..KEPT_MAX + 50 {
            spend(&of, &format!("p{n}"), "x", 0).unwrap();
        }
        assert!(of.full_at.lock().unwrap().len() <= KEPT_MAX);
        assert!(spend(&of, "much", "x", 0).is_err());
    }
}
