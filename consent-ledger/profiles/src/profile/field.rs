//! One field of a profile: its value, how it stands, and everything that was said of it.

use crate::facts::Row;
use crate::mapping::Assumption;
use crate::vocabulary::State;

/// A field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field<T> {
    /// The value to act on; none where there is none, see `standing`.
    pub value: Option<T>,
    /// How it stands.
    pub standing: Standing,
    /// Everything that was said of it, in the order of the surveys.
    pub said: Vec<Said>,
}

/// One answer, as printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The code.
    pub code: &'static str,
    /// Its label in Japanese.
    pub ja: &'static str,
    /// Its label in English.
    pub en: &'static str,
    /// In use, or planned.
    pub state: State,
    /// Where.
    pub row: Row,
}

/// How a field stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// A survey says so, and none says otherwise.
    Stated,
    /// The network itself says so, in its profile file.
    Chosen,
    /// It follows from how far a consent reaches.
    Follows,
    /// The narrowest meaning of an open answer, to be confirmed.
    Assumed(Assumption),
    /// No survey asks for it.
    NotAsked,
    /// Asked, not answered.
    NotAnswered,
    /// Answered in words only, or by a code that decides nothing.
    InWords,
    /// Planned, not in use.
    PlannedOnly,
    /// Several ways are offered side by side: the network must choose the one it signs for.
    SeveralWays,
    /// Two surveys say different things: the network must say which holds.
    Contradicted,
}

impl Standing {
    /// In Japanese.
    pub fn ja(self) -> String {
        match self {
            Self::Stated => "回答あり".to_owned(),
            Self::Chosen => "自らの申告".to_owned(),
            Self::Follows => "同意の及ぶ範囲から定まる".to_owned(),
            Self::Assumed(rule) => format!("仮定（要確認）：{}", rule.ja()),
            Self::NotAsked => "どの調査でも問われていない".to_owned(),
            Self::NotAnswered => "未回答".to_owned(),
            Self::InWords => "文章のみの回答、または決まっていない".to_owned(),
            Self::PlannedOnly => "予定のみ".to_owned(),
            Self::SeveralWays => "複数の方式が並存（一つを選ぶ必要あり）".to_owned(),
            Self::Contradicted => "調査により回答が異なる（確認が必要）".to_owned(),
        }
    }
    /// In English.
    pub fn en(self) -> String {
        match self {
            Self::Stated => "stated".to_owned(),
            Self::Chosen => "said by the network itself".to_owned(),
            Self::Follows => "follows from how far a consent reaches".to_owned(),
            Self::Assumed(rule) => format!("assumed, to be confirmed: {}", rule.en()),
            Self::NotAsked => "no survey asks for it".to_owned(),
            Self::NotAnswered => "not answered".to_owned(),
            Self::InWords => "answered in words only, or not decided".to_owned(),
            Self::PlannedOnly => "planned only".to_owned(),
            Self::SeveralWays => "several ways side by side, one must be chosen".to_owned(),
            Self::Contradicted => "the surveys contradict each other, to be confirmed".to_owned(),
        }
    }
    /// The code in JSON.
    pub fn code(self) -> &'static str {
        match self {
            Self::Stated => "stated",
            Self::Chosen => "chosen",
            Self::Follows => "follows",
            Self::Assumed(_) => "assumed",
            Self::NotAsked => "not-asked",
            Self::NotAnswered => "not-answered",
            Self::InWords => "in-words",
            Self::PlannedOnly => "planned-only",
            Self::SeveralWays => "several-ways",
            Self::Contradicted => "contradicted",
        }
    }
}

impl<T> Field<T> {
    /// A field no survey asks for.
    pub fn not_asked() -> Self {
        Self {
            value: None,
            standing: Standing::NotAsked,
            said: Vec::new(),
        }
    }
    /// What the network itself says; nothing said means not answered.
    pub fn chosen(value: Option<T>) -> Self {
        let standing = match value {
            Some(_) => Standing::Chosen,
            None => Standing::NotAnswered,
        };
        Self {
            value,
            standing,
            said: Vec::new(),
        }
    }
}
