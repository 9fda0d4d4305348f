//! What may be called beyond one call for each request.

use crate::limits::{EXTRA_CALLS_BURST, EXTRA_CALLS_PER_MILLE};

/// Thousandths of a call.
const CALL: u32 = 1_000;
const FULL: u32 = EXTRA_CALLS_BURST * CALL;

/// A token bucket that is filled by first calls and not by time: however long a fault lasts and however few
/// requests there are, the calls made are at most 1.05 for each first one, and the burst.
#[derive(Debug)]
pub(super) struct Account {
    thousandths: u32,
}

impl Account {
    /// A full one.
    pub(super) fn new() -> Self {
        Self { thousandths: FULL }
    }

    /// A first call is made.
    pub(super) fn earn(&mut self) {
        self.thousandths = (self.thousandths + EXTRA_CALLS_PER_MILLE).min(FULL);
    }

    /// Whether an extra call can be paid for.
    pub(super) fn can_pay(&self) -> bool {
        self.thousandths >= CALL
    }

    /// Pays for an extra call, if it can.
    pub(super) fn pay(&mut self) -> bool {
        let can = self.can_pay();
        if can {
            self.thousandths -= CALL;
        }
        can
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    proptest! {
        /// At every moment, and counted from any moment on: no more than earned since and the burst.
        #[test]
        fn extra_calls_stay_within_a_twentieth_and_the_burst(
            demands in vec(0u32..12, 1..400),
            from in 0usize..400,
        ) {
            let mut account = Account::new();
            let (mut first, mut extra) = (0u32, 0u32);
            for (request, demand) in demands.into_iter().enumerate() {
                let paid = (0..demand).filter(|_| account.pay()).count();
                if request >= from {
                    extra += u32::try_from(paid).unwrap_or(u32::MAX);
                    prop_assert!(extra * CALL <= first * EXTRA_CALLS_PER_MILLE + FULL);
                    first += 1;
                }
                account.earn();
            }
        }

        #[test]
        fn what_is_not_spent_does_not_pile_up(calm in 0u32..100_000) {
            let mut account = Account::new();
            (0..calm).for_each(|_| account.earn());
            let paid = (0..calm + 100).filter(|_| account.pay()).count();
            prop_assert_eq!(paid, EXTRA_CALLS_BURST as usize);
        }
    }

    #[test]
    fn an_empty_account_pays_for_one_more_after_twenty_first_calls() {
        let mut account = Account::new();
        while account.pay() {}
        for first_calls in 1..=20 {
            account.earn();
            assert_eq!(account.can_pay(), first_calls == 20, "{first_calls}");
        }
    }
}
