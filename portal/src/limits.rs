//! How often somebody may try to sign in: by account, so that a password is not guessed, and by address, so that many are
//! not either. Bounded in memory; what is forgotten first was tried longest ago.

use sekisho_domain::TimeMs;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Wrong tries of one account before it waits.
const ACCOUNT_TRIES: u32 = 5;
/// Its first wait; each further wrong try doubles it.
const ACCOUNT_WAIT_MS: u64 = 30_000;
/// The longest wait: somebody who knows the password again gets in within the hour.
const ACCOUNT_WAIT_MS_MAX: u64 = 3_600_000;
/// Tries of one address within [`ADDRESS_MS`]: a hospital may be behind one.
const ADDRESS_TRIES: u32 = 300;
const ADDRESS_MS: u64 = 600_000;
/// Accounts and addresses remembered.
const REMEMBERED_MAX: usize = 50_000;
/// Passwords hashed at once, 19 MiB each.
const HASHES_MAX: usize = 2;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Who {
    /// By its name's hash: a name somebody types may be as long as a form.
    Account([u8; 32]),
    Address(IpAddr),
}

#[derive(Debug, Clone, Copy)]
struct Tries {
    wrong: u32,
    last: TimeMs,
}

/// Who tried how often.
#[derive(Debug)]
pub struct Limits {
    tries: Mutex<HashMap<Who, Tries>>,
    hashes: Semaphore,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            tries: Mutex::default(),
            hashes: Semaphore::new(HASHES_MAX),
        }
    }
}

impl Who {
    fn account(name: &str) -> Self {
        Self::Account(Sha256::digest(name).into())
    }
}

/// Milliseconds to wait after so many wrong tries, the last just now.
fn wait_ms(wrong: u32) -> u64 {
    match wrong.checked_sub(ACCOUNT_TRIES) {
        None => 0,
        Some(over) => ACCOUNT_WAIT_MS
            .checked_shl(over)
            .unwrap_or(u64::MAX)
            .clamp(ACCOUNT_WAIT_MS, ACCOUNT_WAIT_MS_MAX),
    }
}

impl Limits {
    /// Whether this account may be tried from this address now; else the seconds until it may. A try from the address is
    /// counted.
    pub fn may_try(&self, account: &str, address: Option<IpAddr>, now: TimeMs) -> Result<(), u64> {
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        Self::make_room(&mut tries, now)?;
        if let Some(known) = tries.get(&Who::account(account)) {
            let until = known.last.0.saturating_add(wait_ms(known.wrong));
            if let Some(left) = until.checked_sub(now.0).filter(|left| *left > 0) {
                return Err(left.div_ceil(1000));
            }
        }
        Self::come(&mut tries, address, now)
    }

    /// Whether somebody may come from this address, who does not say who they are; it is counted.
    pub fn may_come(&self, address: Option<IpAddr>, now: TimeMs) -> Result<(), u64> {
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        Self::make_room(&mut tries, now)?;
        Self::come(&mut tries, address, now)
    }

    /// Forgets what was long ago; if that is not enough, the seconds until it may be.
    fn make_room(tries: &mut HashMap<Who, Tries>, now: TimeMs) -> Result<(), u64> {
        if tries.len() >= REMEMBERED_MAX {
            let since = TimeMs(now.0.saturating_sub(ADDRESS_MS));
            tries.retain(|_, t| t.last > since);
            if tries.len() >= REMEMBERED_MAX {
                return Err(ADDRESS_MS / 1000);
            }
        }
        Ok(())
    }

    fn come(
        tries: &mut HashMap<Who, Tries>,
        address: Option<IpAddr>,
        now: TimeMs,
    ) -> Result<(), u64> {
        if let Some(address) = address {
            let counted = tries.entry(Who::Address(address)).or_insert(Tries {
                wrong: 0,
                last: now,
            });
            if now.0.saturating_sub(counted.last.0) >= ADDRESS_MS {
                *counted = Tries {
                    wrong: 0,
                    last: now,
                };
            }
            if counted.wrong >= ADDRESS_TRIES {
                let left = ADDRESS_MS.saturating_sub(now.0.saturating_sub(counted.last.0));
                return Err(left.div_ceil(1000));
            }
            counted.wrong += 1;
        }
        Ok(())
    }

    /// A try of the account was wrong.
    pub fn wrong(&self, account: &str, now: TimeMs) {
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = tries.entry(Who::account(account)).or_insert(Tries {
            wrong: 0,
            last: now,
        });
        counted.wrong = counted.wrong.saturating_add(1);
        counted.last = now;
    }

    /// Somebody signed in: earlier tries are forgotten.
    pub fn right(&self, account: &str) {
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        tries.remove(&Who::account(account));
    }

    /// A place to hash a password in.
    pub async fn hash(&self) -> Option<SemaphorePermit<'_>> {
        self.hashes.acquire().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_waits_longer_each_time_and_not_for_ever() {
        let limits = Limits::default();
        let mut now = TimeMs(0);
        for _ in 0..ACCOUNT_TRIES {
            limits.may_try("a", None, now).unwrap();
            limits.wrong("a", now);
        }
        assert_eq!(limits.may_try("a", None, now), Err(ACCOUNT_WAIT_MS / 1000));
        limits.may_try("b", None, now).unwrap();
        now = TimeMs(ACCOUNT_WAIT_MS);
        limits.may_try("a", None, now).unwrap();
        limits.wrong("a", now);
        assert_eq!(
            limits.may_try("a", None, now),
            Err(2 * ACCOUNT_WAIT_MS / 1000)
        );
        for _ in 0..100 {
            limits.wrong("a", now);
        }
        assert_eq!(
            limits.may_try("a", None, now),
            Err(ACCOUNT_WAIT_MS_MAX / 1000)
        );
        limits.right("a");
        limits.may_try("a", None, now).unwrap();
    }

    #[test]
    fn an_address_may_try_so_often_in_ten_minutes() {
        let limits = Limits::default();
        let address = Some("192.0.2.1".parse().unwrap());
        for n in 0..ADDRESS_TRIES {
            limits
                .may_try(&n.to_string(), address, TimeMs(1000))
                .unwrap();
        }
        assert_eq!(
            limits.may_try("new", address, TimeMs(1000)),
            Err(ADDRESS_MS / 1000)
        );
        limits
            .may_try("new", Some("192.0.2.2".parse().unwrap()), TimeMs(1000))
            .unwrap();
        limits
            .may_try("new", address, TimeMs(1000 + ADDRESS_MS))
            .unwrap();
    }
}
