//! Passwords, kept as Argon2id hashes (RFC 9106) in the PHC string format.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use serde::{Deserialize, Serialize};

/// Shortest password, in characters (NIST SP 800-63B rev. 4 §3.1.1.2: 8 beside a second factor; we ask for more).
pub const PASSWORD_CHARS_MIN: usize = 12;
/// Longest, in bytes: a sentence; more would only keep the processor busy.
pub const PASSWORD_BYTES_MAX: usize = 1024;

/// What one-time passwords are made of: nothing that is mistaken for something else when it is read aloud.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// How many: 100 bits.
const MADE_CHARS: usize = 20;

/// A new password to be given out once, in groups of five letters.
///
/// # Errors
/// The machine gave no random bytes.
pub fn one_time() -> Result<String, getrandom::Error> {
    let mut bytes = [0; MADE_CHARS];
    getrandom::fill(&mut bytes)?;
    let letters = bytes.map(|b| char::from(LETTERS[usize::from(b % 32)]));
    let groups: Vec<String> = letters.chunks(5).map(|g| g.iter().collect()).collect();
    Ok(groups.join("-"))
}

/// A password that is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordFault {
    /// Too short.
    #[error("a password has at least {PASSWORD_CHARS_MIN} characters")]
    TooShort,
    /// Too long.
    #[error("a password has at most {PASSWORD_BYTES_MAX} bytes")]
    TooLong,
    /// The machine gave no random bytes for the salt.
    #[error("the password cannot be hashed: {0}")]
    Hash(String),
}

/// A password's hash.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hashed(String);

impl std::fmt::Debug for Hashed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hashed(withheld)")
    }
}

impl Hashed {
    /// Hashes a password. Takes tens of milliseconds and 19 MiB.
    ///
    /// # Errors
    /// [`PasswordFault`].
    pub fn of(password: &str) -> Result<Self, PasswordFault> {
        if password.chars().count() < PASSWORD_CHARS_MIN {
            return Err(PasswordFault::TooShort);
        }
        if password.len() > PASSWORD_BYTES_MAX {
            return Err(PasswordFault::TooLong);
        }
        let hash = Argon2::default().hash_password(password.as_bytes());
        hash.map(|hash| Self(hash.to_string()))
            .map_err(|e| PasswordFault::Hash(e.to_string()))
    }

    /// Whether this is the password. Takes as long whether it is or not.
    pub fn is(&self, password: &str) -> bool {
        if password.len() > PASSWORD_BYTES_MAX {
            return false;
        }
        PasswordHash::new(&self.0).is_ok_and(|hash| {
            Argon2::default()
                .verify_password(password.as_bytes(), &hash)
                .is_ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_made_here_is_long_and_new_each_time() {
        let (one, two) = (one_time().unwrap(), one_time().unwrap());
        assert_ne!(one, two);
        assert_eq!(one.len(), MADE_CHARS + 3);
        assert!(Hashed::of(&one).is_ok());
    }

    #[test]
    fn a_password_is_known_again_and_no_other_is() {
        let hashed = Hashed::of("correct horse battery").unwrap();
        assert!(hashed.is("correct horse battery"));
        assert!(!hashed.is("correct horse battery "));
        assert!(!hashed.is(&"x".repeat(PASSWORD_BYTES_MAX + 1)));
        assert_ne!(
            hashed,
            Hashed::of("correct horse battery").unwrap(),
            "salted"
        );
        assert_eq!(Hashed::of("short"), Err(PasswordFault::TooShort));
        // Twelve characters, not bytes.
        assert_eq!(Hashed::of("あいうえ"), Err(PasswordFault::TooShort));
        assert_eq!(format!("{hashed:?}"), "Hashed(withheld)");
    }
}
