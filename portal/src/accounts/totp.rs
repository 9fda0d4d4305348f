//! One-time codes of an authenticator app (RFC 6238): SHA-1, six digits, thirty seconds, what every app has.

use serde::{Deserialize, Serialize};
use totp_rs::{Algorithm, Builder, Totp};

/// RFC 4226 §4 R6 asks for 160 bits.
const SECRET_BYTES: usize = 20;
/// Steps a clock may be off either way.
const SKEW: u16 = 1;

/// Why there are no codes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TotpFault {
    /// The machine gave no random bytes.
    #[error("the system gave no random bytes")]
    NoRandomness,
    /// The secret is not one.
    #[error("the one-time code's secret is not valid: {0}")]
    Secret(String),
}

/// What a person's device and this one share.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(Vec<u8>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(withheld)")
    }
}

impl Secret {
    /// A fresh one.
    ///
    /// # Errors
    /// [`TotpFault::NoRandomness`].
    pub fn fresh() -> Result<Self, TotpFault> {
        let mut bytes = vec![0; SECRET_BYTES];
        getrandom::fill(&mut bytes).map_err(|_| TotpFault::NoRandomness)?;
        Ok(Self(bytes))
    }

    /// As somebody typed it into their device.
    #[cfg(test)]
    pub fn typed(text: &str) -> Self {
        Self(totp_rs::Secret::try_from_base32(text).unwrap().to_vec())
    }

    fn totp(&self, issuer: &str, account: &str) -> Result<Totp, TotpFault> {
        // A colon would end the issuer within the label of the URL.
        let plain = |text: &str| text.replace(':', " ");
        let built = Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(6)
            .with_step_duration(30)
            .with_skew(SKEW)
            .with_secret(self.0.clone())
            .with_issuer(Some(plain(issuer)))
            .with_account_name(plain(account))
            .build();
        built.map_err(|e| TotpFault::Secret(e.to_string()))
    }

    /// For an authenticator app: an `otpauth` URL, and the same secret for typing.
    ///
    /// # Errors
    /// [`TotpFault::Secret`].
    pub fn enrolment(&self, issuer: &str, account: &str) -> Result<(String, String), TotpFault> {
        let totp = self.totp(issuer, account)?;
        Ok((
            totp.to_url()
                .map_err(|e| TotpFault::Secret(e.to_string()))?,
            totp.secret().to_base32(),
        ))
    }

    /// The time step a code is of, if it is one of now that was not taken before.
    ///
    /// # Errors
    /// [`TotpFault::Secret`].
    pub fn check(
        &self,
        code: &str,
        now_s: u64,
        taken: Option<u64>,
    ) -> Result<Option<u64>, TotpFault> {
        let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
        let step = self.totp("-", "-")?.check(&code, now_s);
        Ok(step.filter(|step| taken.is_none_or(|taken| taken < *step)))
    }

    /// The code of a moment.
    ///
    /// # Errors
    /// [`TotpFault::Secret`].
    pub fn code(&self, now_s: u64) -> Result<String, TotpFault> {
        Ok(self.totp("-", "-")?.generate(now_s).to_string())
    }
}
