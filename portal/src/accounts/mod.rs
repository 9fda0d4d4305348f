//! Accounts of people who sign in here, for networks without an identity provider.
//!
//! A name, one role, a password (Argon2id) and a second factor. Who somebody is and what they may do stands here and
//! nowhere on the ledger.

mod changes;
mod password;
mod questions;
mod store;
mod totp;

pub use changes::{By, Change, Done};
pub use password::{Hashed, PASSWORD_CHARS_MIN, PasswordFault, one_time};
pub use questions::{Answer, Question};
pub use store::{Accounts, AccountsFault, Part, Reading};
pub use totp::{Secret, TotpFault};

/// Of every account of a demo; shown on its sign-in page.
pub const DEMO_PASSWORD: &str = "sekisho-demo-2026";

use sekisho_documents::Patient;
use sekisho_domain::{FacilityId, Role, TimeMs};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What somebody is here. One account has one: who is two things has two accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Holder {
    /// Asks for patients' documents, at one of these facilities.
    Clinician {
        /// The network's local identifier of the practitioner; stays in the node.
        practitioner: String,
        /// In which profession.
        profession: Role,
        /// Where; not empty.
        facilities: BTreeSet<FacilityId>,
    },
    /// Sees what others saw, and what they agreed to.
    Patient {
        /// A chart of theirs.
        chart: Patient,
        /// A chart of each person they speak for.
        represents: Vec<Patient>,
    },
    /// Watches that all of it was lawful.
    Officer {
        /// The network's local identifier, under which reviews are signed.
        practitioner: String,
    },
    /// Keeps it running.
    Operator,
}

/// The four, without what belongs to each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// [`Holder::Clinician`].
    Clinician,
    /// [`Holder::Patient`].
    Patient,
    /// [`Holder::Officer`].
    Officer,
    /// [`Holder::Operator`].
    Operator,
}

impl Kind {
    /// All four.
    pub const ALL: [Self; 4] = [
        Self::Clinician,
        Self::Patient,
        Self::Officer,
        Self::Operator,
    ];

    /// In message ids and paths.
    pub fn code(self) -> &'static str {
        match self {
            Self::Clinician => "clinician",
            Self::Patient => "patient",
            Self::Officer => "officer",
            Self::Operator => "operator",
        }
    }

    /// The first page of these people.
    pub fn home(self) -> &'static str {
        match self {
            Self::Clinician => "/clinician",
            Self::Patient => "/patient",
            Self::Officer => "/officer",
            Self::Operator => "/operator",
        }
    }
}

impl Holder {
    /// Which of the four.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Clinician { .. } => Kind::Clinician,
            Self::Patient { .. } => Kind::Patient,
            Self::Officer { .. } => Kind::Officer,
            Self::Operator => Kind::Operator,
        }
    }
}

/// The second factor of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Second {
    /// Must be set up at the next sign-in.
    Missing,
    /// One-time codes (RFC 6238); the last step taken is not taken again.
    Totp {
        /// Shared with the person's device.
        secret: Secret,
        /// The last time step of which a code was taken.
        taken: Option<u64>,
    },
    /// None: accounts of a demo only.
    Waived,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// By which they sign in: 1 to [`Account::NAME_BYTES_MAX`] printable ASCII characters without spaces.
    pub name: String,
    /// As others here know them.
    pub shown: String,
    /// What they are.
    pub holder: Holder,
    /// The password; none: a passkey or the identity provider only.
    pub password: Option<Hashed>,
    /// Whether the password was given out and must be changed at the next sign-in.
    #[serde(default)]
    pub temporary: bool,
    /// The second factor of the password.
    pub second: Second,
    /// Nobody signs in with it any more.
    pub disabled: bool,
    /// Random, by which passkeys name the account (WebAuthn §14.6.1).
    #[serde(default)]
    pub handle: Option<Handle>,
    /// Up to [`PASSKEYS_MAX`]; each is both factors.
    #[serde(default)]
    pub passkeys: Vec<Passkey>,
}

/// An account's name among passkeys.
pub type Handle = [u8; 16];

/// Most passkeys of one account: a person's devices, and a spare one.
pub const PASSKEYS_MAX: usize = 10;

/// A passkey of an account.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Passkey {
    /// As its owner calls it.
    pub label: String,
    /// Since when.
    pub since: TimeMs,
    /// When somebody last signed in with it.
    pub used: Option<TimeMs>,
    /// Its public key, and how often it was used where it counts.
    pub key: webauthn_rs::prelude::Passkey,
}

impl std::fmt::Debug for Passkey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Passkey({})", self.id())
    }
}

impl Passkey {
    /// Its id, as hex.
    pub fn id(&self) -> String {
        hex::encode(self.key.cred_id())
    }
}

impl Account {
    /// Longest name, in bytes: an e-mail address, or [`Account::PROVIDER`] and a subject (OpenID Connect Core §2).
    pub const NAME_BYTES_MAX: usize = 260;
    /// Longest shown name, in bytes.
    pub const SHOWN_BYTES_MAX: usize = 200;
    /// What the name of somebody the identity provider knows begins with; its `sub` follows.
    pub const PROVIDER: &str = "oidc:";

    /// Somebody who has not set up anything yet.
    pub fn new(name: &str, shown: &str, holder: Holder, password: Option<Hashed>) -> Self {
        Self {
            name: name.to_owned(),
            shown: shown.to_owned(),
            holder,
            password,
            temporary: false,
            second: Second::Missing,
            disabled: false,
            handle: None,
            passkeys: Vec::new(),
        }
    }
}
