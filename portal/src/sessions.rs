//! Who is signed in: kept in memory, known to the browser by a random token only.
//!
//! A restart signs everybody out. A session ends when it is not used, after a day's work at the latest, and when its
//! owner signs out; its token changes at each step of signing in, so that a token planted before is worth nothing after.

use crate::accounts::{Account, Holder, Secret};
use sekisho_domain::TimeMs;
use sha2::{Digest, Sha256};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use webauthn_rs::prelude::{DiscoverableAuthentication, PasskeyRegistration};

/// Most sessions at once; the one not used for longest goes first.
pub const SESSIONS_MAX: usize = 20_000;
/// Most of those who have not shown who they are: whoever fills these turns nobody out who is signed in.
const STRANGERS_MAX: usize = 5_000;
/// Longest session: a shift with some hours over.
pub const SESSION_MS_MAX: u64 = 12 * 3_600_000;
/// How long signing in may take from the password to the end.
const SIGNING_IN_MS_MAX: u64 = 10 * 60_000;
/// For how long after a second factor somebody counts as having just shown who they are.
pub const FRESH_MS: u64 = 5 * 60_000;

/// A browser's token: 256 random bits, as hex. Kept only as its hash.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(pub String);

impl Token {
    /// A fresh one; none if the machine gives no random bytes.
    pub fn fresh() -> Option<Self> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).ok()?;
        Some(Self(hex::encode(bytes)))
    }

    fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }
}

/// How far somebody has come.
#[derive(Debug, Clone)]
pub enum Stage {
    /// Nothing was shown yet: on the way to the identity provider, or asked for a passkey.
    Stranger,
    /// The password was right and must be changed before anything else. Holds the account's name.
    Change(String),
    /// The password was right; a code is asked for. Holds the account's name.
    Code(String),
    /// The password was right and there is no second factor yet; this one is being set up.
    Enrol(String, Secret),
    /// Signed in.
    In(Arc<Person>),
}

/// By what somebody signed in.
#[derive(Debug, Clone)]
pub enum Way {
    /// A password or a passkey kept here.
    Here,
    /// The identity provider, which gave this token of who it is.
    Provider(Arc<str>),
}

/// What was asked of a browser and is not answered yet; an answer is taken once.
#[derive(Debug)]
pub enum Pending {
    /// To come back from the identity provider.
    Away(crate::signin::Away),
    /// To sign in with any passkey of ours.
    Passkey(DiscoverableAuthentication),
    /// To make a passkey.
    NewPasskey(PasskeyRegistration),
}

/// Somebody signed in.
#[derive(Debug, Clone)]
pub struct Person {
    /// The account's name.
    pub account: String,
    /// As others here know them.
    pub shown: String,
    /// What they are.
    pub holder: Holder,
}

impl Person {
    /// The person of an account.
    pub fn of(account: &Account) -> Self {
        Self {
            account: account.name.clone(),
            shown: account.shown.clone(),
            holder: account.holder.clone(),
        }
    }
}

/// One browser's session.
#[derive(Debug, Clone)]
pub struct Session {
    /// How far.
    pub stage: Stage,
    /// What every form of this session carries, so that no other page can post in its name.
    pub form_token: String,
    /// Since when.
    pub since: TimeMs,
    /// When a second factor was last shown.
    pub shown_at: TimeMs,
    /// Whose records a patient is at: 0 for their own, else one they speak for.
    pub chosen: usize,
    /// By what they signed in.
    pub way: Way,
    /// When it was last used.
    pub used: TimeMs,
    pending: Option<Arc<Pending>>,
}

/// One session as its owner is shown it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// Since when.
    pub since: TimeMs,
    /// When it was last used.
    pub used: TimeMs,
    /// Whether it is the one that asks.
    pub this: bool,
}

/// All of them.
#[derive(Debug)]
pub struct Sessions {
    idle_ms: u64,
    all: Mutex<All>,
}

#[derive(Debug, Default)]
struct All {
    by_token: HashMap<[u8; 32], Session>,
    /// In the order they came; some have gone on since.
    strangers: VecDeque<[u8; 32]>,
}

impl Sessions {
    /// None yet; each ends when it is not used for so long.
    pub fn new(idle_ms: u64) -> Self {
        Self {
            idle_ms,
            all: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lives(&self, session: &Session, now: TimeMs) -> bool {
        let (age, idle) = (
            now.0.saturating_sub(session.since.0),
            now.0.saturating_sub(session.used.0),
        );
        match session.stage {
            Stage::In(_) => age < SESSION_MS_MAX && idle < self.idle_ms,
            _ => age < SIGNING_IN_MS_MAX,
        }
    }

    /// Begins a session, in the place of the one of `before`. None if the machine gives no random bytes.
    pub fn begin(
        &self,
        stage: Stage,
        before: Option<&Token>,
        now: TimeMs,
    ) -> Option<(Token, Session)> {
        self.begin_by(stage, (Way::Here, now), before, now)
    }

    /// [`Sessions::begin`] for who signed in in this way and showed a second factor then.
    pub fn begin_by(
        &self,
        stage: Stage,
        (way, shown_at): (Way, TimeMs),
        before: Option<&Token>,
        now: TimeMs,
    ) -> Option<(Token, Session)> {
        let (token, form) = (Token::fresh()?, Token::fresh()?);
        let session = Session {
            stage,
            form_token: form.0,
            since: now,
            shown_at,
            chosen: 0,
            way,
            used: now,
            pending: None,
        };
        let mut all = self.lock();
        if let Some(before) = before {
            all.by_token.remove(&before.hash());
        }
        if matches!(session.stage, Stage::Stranger) {
            all.strangers.push_back(token.hash());
            if all.strangers.len() > STRANGERS_MAX {
                all.forget_a_stranger();
            }
        }
        if all.by_token.len() >= SESSIONS_MAX {
            all.by_token.retain(|_, session| self.lives(session, now));
            let oldest = all
                .by_token
                .iter()
                .min_by_key(|(_, s)| s.used)
                .map(|(hash, _)| *hash);
            if let Some(oldest) = oldest.filter(|_| all.by_token.len() >= SESSIONS_MAX) {
                all.by_token.remove(&oldest);
            }
        }
        all.by_token.insert(token.hash(), session.clone());
        Some((token, session))
    }

    /// The session of a token, which is used by this.
    pub fn of(&self, token: &Token, now: TimeMs) -> Option<Session> {
        let (hash, mut all) = (token.hash(), self.lock());
        let session = all.by_token.get_mut(&hash)?;
        if !self.lives(session, now) {
            all.by_token.remove(&hash);
            return None;
        }
        session.used = session.used.max(now);
        Some(session.clone())
    }

    /// Notes that the owner has just shown a second factor again.
    pub fn refresh(&self, token: &Token, now: TimeMs) {
        if let Some(session) = self.lock().by_token.get_mut(&token.hash()) {
            session.shown_at = session.shown_at.max(now);
        }
    }

    /// Goes over to another person's records.
    pub fn choose(&self, token: &Token, chosen: usize) {
        if let Some(session) = self.lock().by_token.get_mut(&token.hash()) {
            session.chosen = chosen;
        }
    }

    /// Ends one.
    pub fn end(&self, token: &Token) {
        self.lock().by_token.remove(&token.hash());
    }

    /// Ends all of an account, as when it is disabled.
    pub fn end_all_of(&self, account: &str) {
        let mut all = self.lock();
        all.by_token.retain(|_, s| s.account() != Some(account));
    }

    /// Ends all of an account but the one of this token: its owner has just shown who they are.
    pub fn end_others_of(&self, account: &str, but: &Token) {
        let (but, mut all) = (but.hash(), self.lock());
        all.by_token
            .retain(|hash, s| *hash == but || s.account() != Some(account));
    }

    /// The living sessions of somebody signed in, last used first.
    pub fn list_of(&self, account: &str, this: &Token, now: TimeMs) -> Vec<Shown> {
        let (this, all) = (this.hash(), self.lock());
        let mine = all.by_token.iter().filter(|(_, session)| {
            let who = session.person().map(|person| person.account.as_str());
            who == Some(account) && self.lives(session, now)
        });
        let mut mine: Vec<_> = mine
            .map(|(hash, session)| Shown {
                since: session.since,
                used: session.used,
                this: *hash == this,
            })
            .collect();
        mine.sort_by_key(|shown| (!shown.this, std::cmp::Reverse(shown.used)));
        mine
    }

    /// Remembers what was asked of the browser, in the place of what was before.
    pub fn ask(&self, token: &Token, pending: Pending) {
        if let Some(session) = self.lock().by_token.get_mut(&token.hash()) {
            session.pending = Some(Arc::new(pending));
        }
    }

    /// What was asked of the browser; asked again, there is none.
    pub fn asked(&self, token: &Token) -> Option<Arc<Pending>> {
        let mut all = self.lock();
        all.by_token.get_mut(&token.hash())?.pending.take()
    }
}

impl All {
    /// The first to have come of those who are strangers still.
    fn forget_a_stranger(&mut self) {
        let Some(first) = self.strangers.pop_front() else {
            return;
        };
        let is = |session: &Session| matches!(session.stage, Stage::Stranger);
        if self.by_token.get(&first).is_some_and(is) {
            self.by_token.remove(&first);
        }
    }
}

impl Session {
    /// Who is signed in, if somebody is.
    pub fn person(&self) -> Option<&Arc<Person>> {
        match &self.stage {
            Stage::In(person) => Some(person),
            _ => None,
        }
    }

    /// The account it is of, however far it has come.
    fn account(&self) -> Option<&str> {
        match &self.stage {
            Stage::Stranger => None,
            Stage::Code(name) | Stage::Enrol(name, _) | Stage::Change(name) => Some(name),
            Stage::In(person) => Some(&person.account),
        }
    }

    /// Whether a second factor was shown so lately that an emergency may be declared.
    pub fn is_fresh(&self, now: TimeMs) -> bool {
        now.0.saturating_sub(self.shown_at.0) < FRESH_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(name: &str) -> Stage {
        Stage::In(Arc::new(Person {
            account: name.to_owned(),
            shown: name.to_owned(),
            holder: Holder::Operator,
        }))
    }

    #[test]
    fn a_session_ends_unused_or_old_or_when_told() {
        let sessions = Sessions::new(1000);
        let (token, _) = sessions.begin(person("a"), None, TimeMs(0)).unwrap();
        assert!(sessions.of(&token, TimeMs(999)).is_some());
        assert!(
            sessions.of(&token, TimeMs(1998)).is_some(),
            "using it keeps it"
        );
        assert!(sessions.of(&token, TimeMs(2998)).is_none(), "unused");
        assert!(
            sessions.of(&token, TimeMs(1998)).is_none(),
            "and gone for good"
        );
        let long = Sessions::new(u64::MAX);
        let (token, session) = long.begin(person("a"), None, TimeMs(0)).unwrap();
        assert!(session.is_fresh(TimeMs(FRESH_MS - 1)) && !session.is_fresh(TimeMs(FRESH_MS)));
        assert!(long.of(&token, TimeMs(SESSION_MS_MAX - 1)).is_some());
        assert!(long.of(&token, TimeMs(SESSION_MS_MAX)).is_none(), "old");
        let (token, _) = long.begin(person("a"), None, TimeMs(0)).unwrap();
        let (other, _) = long.begin(person("b"), None, TimeMs(0)).unwrap();
        long.end_all_of("a");
        assert!(long.of(&token, TimeMs(1)).is_none() && long.of(&other, TimeMs(1)).is_some());
        long.end(&other);
        assert!(long.of(&other, TimeMs(1)).is_none());
        assert!(long.of(&Token(String::new()), TimeMs(1)).is_none());
    }

    #[test]
    fn each_step_of_signing_in_has_a_token_of_its_own() {
        let sessions = Sessions::new(1000);
        let (planted, first) = sessions
            .begin(Stage::Code("a".into()), None, TimeMs(0))
            .unwrap();
        let (token, session) = sessions
            .begin(person("a"), Some(&planted), TimeMs(1))
            .unwrap();
        assert!(sessions.of(&planted, TimeMs(2)).is_none());
        assert!(
            sessions
                .of(&token, TimeMs(2))
                .is_some_and(|s| s.person().is_some())
        );
        assert_ne!(first.form_token, session.form_token);
        let (slow, _) = sessions
            .begin(Stage::Code("a".into()), None, TimeMs(0))
            .unwrap();
        assert!(sessions.of(&slow, TimeMs(SIGNING_IN_MS_MAX)).is_none());
    }

    #[test]
    fn there_are_never_more_than_so_many() {
        let sessions = Sessions::new(u64::MAX);
        let (first, _) = sessions.begin(person("a"), None, TimeMs(0)).unwrap();
        for n in 0..SESSIONS_MAX as u64 {
            sessions.begin(person("b"), None, TimeMs(n + 1)).unwrap();
        }
        assert_eq!(sessions.lock().by_token.len(), SESSIONS_MAX);
        assert!(
            sessions.of(&first, TimeMs(5)).is_none(),
            "the one not used for longest"
        );
    }

    #[test]
    fn strangers_turn_out_strangers_alone() {
        let sessions = Sessions::new(u64::MAX);
        let (owner, _) = sessions.begin(person("a"), None, TimeMs(0)).unwrap();
        let (first, _) = sessions.begin(Stage::Stranger, None, TimeMs(1)).unwrap();
        for n in 0..STRANGERS_MAX as u64 {
            sessions
                .begin(Stage::Stranger, None, TimeMs(n + 2))
                .unwrap();
        }
        let all = sessions.lock();
        assert_eq!(all.by_token.len(), STRANGERS_MAX + 1);
        assert_eq!(all.strangers.len(), STRANGERS_MAX);
        drop(all);
        assert!(sessions.of(&owner, TimeMs(3)).is_some());
        assert!(sessions.of(&first, TimeMs(3)).is_none());
    }
}
