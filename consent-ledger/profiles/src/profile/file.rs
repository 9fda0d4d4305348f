//! A network's own profile file, in TOML: how it corrects and completes what the surveys say of it.
//!
//! ```toml
//! form = 1
//! id = "mamenet"
//! name = "まめネット"
//! prefecture = "32"
//!
//! [consent]
//! acts = ["disclosing", "viewing"]   # which acts a patient is asked for
//! voids_earlier = false              # true: this policy ends the consents given under earlier ones
//!
//! [consent.disclosing]
//! scope = "all-facilities"
//! capture = ["written"]
//! new_facility = "not-covered"       # or { needs-consent = "written" }, { after-notice = { days = 30 } } …
//! withdrawal = ["written"]
//!
//! [consent.viewing]
//! scope = "each-facility"
//! # … as above
//!
//! [sharing]
//! categories = ["diagnosis", "prescription"]
//! viewing_kinds = ["hospital", "clinic"]
//! roles = ["physician"]              # these three narrow what a draft proposes
//! purposes = ["TREAT"]
//! emergency = ["allergy"]            # what its own facilities may break the glass for
//! ```
//! What is left out is not answered, and says so when an agreement is to be drawn up.

use super::report::{Words, new_facility};
use super::survey::narrowest;
use super::{Field, NetworkProfile, RuleFields, Said, Standing};
use crate::mapping::Way;
use crate::vocabulary::{Direction, State};
use sekisho_domain::{
    AreaCode, Capture, Category, Code, Codes, FacilityKind, Nature, NetworkId, NewFacility,
    Purpose, Role, Scope, Side, Withdrawal, check_name,
};
use serde::Deserialize;
use std::fmt::Write;

/// The largest profile file: a few kilobytes are usual.
pub const FILE_BYTES_MAX: usize = 64 * 1024;

/// A profile file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// Longer than [`FILE_BYTES_MAX`].
    #[error("it has {got_bytes} bytes, at most {FILE_BYTES_MAX} are read")]
    TooLong {
        /// How long it is.
        got_bytes: usize,
    },
    /// Not text.
    #[error("byte {at} is not UTF-8")]
    Utf8 {
        /// The first such byte, from 0.
        at: usize,
    },
    /// Not in the form, or a value that has no meaning.
    #[error("line {line}: {text:?}: {why}")]
    Form {
        /// The line, from 1.
        line: usize,
        /// The line's text, at most 80 characters of it.
        text: String,
        /// What is wrong.
        why: String,
    },
    /// The values do not fit each other.
    #[error("{field}: {why}")]
    Field {
        /// The field.
        field: &'static str,
        /// What is wrong.
        why: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    form: u32,
    id: NetworkId,
    name: String,
    prefecture: AreaCode,
    #[serde(default)]
    consent: RawConsent,
    #[serde(default)]
    sharing: RawSharing,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawConsent {
    acts: Option<Codes<Side>>,
    #[serde(default)]
    voids_earlier: bool,
    disclosing: Option<RawRule>,
    viewing: Option<RawRule>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawRule {
    scope: Option<Scope>,
    capture: Option<Codes<Capture>>,
    new_facility: Option<NewFacility>,
    withdrawal: Option<Codes<Withdrawal>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawSharing {
    categories: Option<Codes<Category>>,
    planned: Option<Codes<Category>>,
    disclosing_kinds: Option<Codes<FacilityKind>>,
    viewing_kinds: Option<Codes<FacilityKind>>,
    bidirectional: Option<bool>,
    roles: Option<Codes<Role>>,
    purposes: Option<Codes<Purpose>>,
    emergency: Option<Codes<Category>>,
}

/// Reads a profile file.
///
/// # Errors
/// [`FileError`], with the line and its text, or the field.
pub fn parse(bytes: &[u8]) -> Result<NetworkProfile, FileError> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err(FileError::TooLong {
            got_bytes: bytes.len(),
        });
    }
    let text = std::str::from_utf8(bytes).map_err(|e| FileError::Utf8 {
        at: e.valid_up_to(),
    })?;
    let raw: RawFile = toml::from_str(text).map_err(|e| of_toml(text, &e))?;
    if raw.form != 1 {
        let why = format!("form {} is not known here, only 1", raw.form);
        return Err(FileError::Field { field: "form", why });
    }
    check_name(&raw.name).map_err(|e| wrong("name", &e))?;
    if !raw.prefecture.is_prefecture() {
        return Err(wrong("prefecture", &"it must be the two digits of one"));
    }
    raw.profile()
}

fn wrong(field: &'static str, why: &dyn std::fmt::Display) -> FileError {
    FileError::Field {
        field,
        why: why.to_string(),
    }
}

/// Where in the text it went wrong: the line the parser names, or the last.
fn of_toml(text: &str, error: &toml::de::Error) -> FileError {
    let at = error.span().map_or(text.len(), |span| span.start);
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count();
    let shown = text.lines().nth(line).unwrap_or_default().trim();
    FileError::Form {
        line: line + 1,
        text: shown.chars().take(80).collect(),
        why: error.message().to_owned(),
    }
}

impl RawFile {
    fn profile(self) -> Result<NetworkProfile, FileError> {
        let RawConsent {
            acts,
            voids_earlier,
            disclosing,
            viewing,
        } = self.consent;
        if acts.is_some_and(|acts| acts.is_empty()) {
            return Err(wrong(
                "consent.acts",
                &"at least one act is asked for somewhere",
            ));
        }
        let side = |side: Side, field: &'static str, rule: Option<RawRule>| match (acts, rule) {
            (Some(acts), Some(_)) if !acts.contains(&side) => {
                Err(wrong(field, &format!("consent.acts does not name {side}")))
            }
            (Some(acts), None) if !acts.contains(&side) => Ok(None),
            (_, rule) => rule.unwrap_or_default().fields(field).map(Some),
        };
        let disclosing = side(Side::Disclosing, "consent.disclosing", disclosing)?;
        let viewing = side(Side::Viewing, "consent.viewing", viewing)?;
        let scope = |of: &Option<RuleFields>| of.as_ref().and_then(|r| r.scope.value);
        let known = |of: &Option<RuleFields>| of.is_none() || scope(of).is_some();
        let way = (acts.is_some() && known(&disclosing) && known(&viewing)).then(|| Way {
            disclosing: scope(&disclosing),
            viewing: scope(&viewing),
            capture: None,
        });
        let sharing = self.sharing;
        let ordinary = |p: Purpose| p.nature() == Nature::Ordinary;
        if let Some(odd) = sharing
            .purposes
            .and_then(|p| p.iter().find(|p| !ordinary(*p)))
        {
            let why = format!("{odd} does not rest on consent: it is not a profile's to say");
            return Err(wrong("sharing.purposes", &why));
        }
        Ok(NetworkProfile {
            id: self.id,
            name: self.name,
            prefecture: self.prefecture,
            members: Vec::new(),
            ways: Field::chosen(way),
            offered: way.into_iter().collect(),
            disclosing,
            viewing,
            voids_earlier,
            emergency: set("sharing.emergency", sharing.emergency)?,
            categories: set("sharing.categories", sharing.categories)?,
            planned: set("sharing.planned", sharing.planned)?,
            disclosing_kinds: set("sharing.disclosing_kinds", sharing.disclosing_kinds)?,
            viewing_kinds: set("sharing.viewing_kinds", sharing.viewing_kinds)?,
            direction: Field::chosen(sharing.bidirectional.map(|both| match both {
                true => Direction::Bidirectional,
                false => Direction::ViewOnly,
            })),
            roles: set("sharing.roles", sharing.roles)?,
            purposes: set("sharing.purposes", sharing.purposes)?,
            secondary: Field::not_asked(),
            aims: Field::not_asked(),
            background: Vec::new(),
        })
    }
}

impl RawRule {
    fn fields(self, field: &'static str) -> Result<RuleFields, FileError> {
        if let Some(NewFacility::AfterNotice { days }) = self.new_facility {
            let max = NewFacility::NOTICE_DAYS_MAX;
            if !(1..=max).contains(&days) {
                let why = format!("new_facility: a notice of {days} days; 1 to {max} are possible");
                return Err(wrong(field, &why));
            }
        }
        Ok(RuleFields {
            scope: Field::chosen(self.scope),
            capture: set(field, self.capture)?,
            new_facility: narrowest(Field::chosen(self.new_facility), self.scope),
            withdrawal: set(field, self.withdrawal)?,
        })
    }
}

fn set<T: Code>(field: &'static str, of: Option<Codes<T>>) -> Result<Field<Codes<T>>, FileError> {
    match of {
        Some(of) if of.is_empty() => Err(wrong(
            field,
            &"an empty list says nothing: leave it out, or name one",
        )),
        of => Ok(Field::chosen(of)),
    }
}

/// The profile as a file of its own, for the network to correct and complete: what has no value stands in it as a
/// comment, with what was said and the codes there are.
pub fn write(profile: &NetworkProfile) -> String {
    let mut out = Writer(String::new());
    out.line("# 未回答・要確認の項目は「# 名前 = …」の行にあります。行頭の # を外し、… を右に並ぶ値に書き換えてください。");
    out.line("# 書き終えたら `sekisho profile show このファイル` で確かめ、`sekisho agreement draft` で ID の代わりに指定します。");
    out.line("# What is not answered or to be confirmed stands in lines \"# name = …\": remove the leading #, and put one of the");
    out.line("# values listed at the right for …. Check it with `sekisho profile show THIS-FILE`, and name it in place of the id.");
    out.line("form = 1");
    let (name, prefecture) = (&profile.name, &profile.prefecture);
    out.line(&format!("id = {}", quoted(profile.id.as_str())));
    out.line(&format!("name = {}", quoted(name)));
    out.line(&format!("prefecture = {}", quoted(prefecture.as_str())));
    out.line("\n[consent]");
    out.said(&profile.ways.said, profile.ways.standing);
    let acts = [
        profile.disclosing.as_ref().map(|_| Side::Disclosing),
        profile.viewing.as_ref().map(|_| Side::Viewing),
    ];
    let acts = Codes::from_iter(acts.into_iter().flatten());
    let known = profile.ways.value.is_some() || acts.len() == 1;
    out.label(
        "患者に求める同意（開示・閲覧）",
        "which acts a patient is asked for",
    );
    let sides = named::<Side>(Side::ja);
    out.value("acts", known.then(|| list(&acts)), LIST, &sides);
    if profile.voids_earlier {
        out.line("voids_earlier = true");
    }
    for (name, side) in [
        ("disclosing", &profile.disclosing),
        ("viewing", &profile.viewing),
    ] {
        if let Some(side) = side {
            out.line(&format!("\n[consent.{name}]"));
            out.rule(side);
        }
    }
    out.line("\n[sharing]");
    out.label("共有する情報の種類", "kinds of information shared");
    out.field("categories", &profile.categories, &named(Category::ja));
    out.label("共有を予定する情報", "planned to be shared");
    out.field("planned", &profile.planned, &named(Category::ja));
    let kinds = named(FacilityKind::ja);
    out.label("開示する施設の種類", "kinds of facility that disclose");
    out.field("disclosing_kinds", &profile.disclosing_kinds, &kinds);
    out.label(
        "参加し、閲覧できる施設の種類",
        "kinds of facility that take part, and may look",
    );
    out.field("viewing_kinds", &profile.viewing_kinds, &kinds);
    out.label(
        "双方向に共有しているか",
        "whether facilities share in both directions",
    );
    out.said(&profile.direction.said, profile.direction.standing);
    let both = profile
        .direction
        .value
        .map(|d| (d == Direction::Bidirectional).to_string());
    out.value("bidirectional", both, "…", "true, false");
    out.label(
        "閲覧できる職種（なければ協定案が提案）",
        "professions that may look; else the draft proposes them",
    );
    out.field("roles", &profile.roles, &named(Role::ja));
    out.label(
        "利用目的（なければ協定案が提案）",
        "purposes of use; else the draft proposes them",
    );
    let consented = Purpose::ALL
        .iter()
        .filter(|p| p.nature() == Nature::Ordinary);
    let consented = consented.map(|p| format!("{p} {}", p.ja()));
    let consented: Vec<_> = consented.collect();
    out.field("purposes", &profile.purposes, &consented.join(", "));
    out.label(
        "緊急時に、自ネットワークの施設が同意なく閲覧できる情報（なければ閲覧できない）",
        "what its own facilities may see in an emergency without consent; else nothing",
    );
    out.field("emergency", &profile.emergency, &named(Category::ja));
    out.0
}

/// How a value that is to be filled in is written.
const ONE: &str = "\"…\"";
const LIST: &str = "[\"…\"]";

/// Every code of a list, with its meaning.
fn named<T: Code + std::fmt::Display>(ja: fn(T) -> &'static str) -> String {
    let all: Vec<_> = T::ALL.iter().map(|c| format!("{c} {}", ja(*c))).collect();
    all.join(", ")
}

struct Writer(String);

impl Writer {
    fn line(&mut self, text: &str) {
        // Writing into a String cannot fail.
        let _ = writeln!(self.0, "{text}");
    }
    fn said(&mut self, said: &[Said], standing: Standing) {
        match standing {
            Standing::Stated | Standing::Chosen => {}
            _ => self.line(&format!("# {} / {}", standing.ja(), standing.en())),
        }
        for said in said {
            let planned = if said.state == State::Planned {
                " (planned)"
            } else {
                ""
            };
            self.line(&format!("# {}: {}{planned}", said.row, said.code));
        }
    }
    fn label(&mut self, ja: &str, en: &str) {
        self.line(&format!("\n# {ja} / {en}"));
    }
    fn value(&mut self, key: &str, value: Option<String>, form: &str, codes: &str) {
        match value {
            Some(value) => self.line(&format!("{key} = {value}")),
            None => self.line(&format!("# {key} = {form}  # {codes}")),
        }
    }
    fn field<T: Code + std::fmt::Display>(
        &mut self,
        key: &str,
        field: &Field<Codes<T>>,
        codes: &str,
    ) {
        self.said(&field.said, field.standing);
        self.stands(key, field, list, LIST, codes);
    }
    /// A value; one that was only assumed, or follows, stays a comment.
    fn stands<T>(
        &mut self,
        key: &str,
        field: &Field<T>,
        of: fn(&T) -> String,
        form: &str,
        codes: &str,
    ) {
        let value = field.value.as_ref().map(of);
        match (value, field.standing) {
            (Some(value), Standing::Assumed(_) | Standing::Follows) => {
                self.line(&format!("# {key} = {value}"))
            }
            (value, _) => self.value(key, value, form, codes),
        }
    }
    fn rule(&mut self, rule: &RuleFields) {
        // The sources of the scope stand above, with the acts.
        self.label("同意の及ぶ範囲", "how far one consent reaches");
        let scope = rule.scope.value.map(|s| quoted(s.code()));
        self.value("scope", scope, ONE, &named(Scope::ja));
        self.label("同意の方法", "how a consent is taken");
        self.field("capture", &rule.capture, &named(Capture::ja));
        self.label(
            "新しく参加した施設の扱い",
            "what a facility that joins later may expect",
        );
        self.said(&rule.new_facility.said, rule.new_facility.standing);
        if let Some(of) = &rule.new_facility.value {
            let Words { ja, en } = new_facility(of);
            self.line(&format!("# {ja} / {en}"));
        }
        let codes = "\"not-covered\" 及ばない, \"when-card-presented\" カードの提示, \"facility-choice\" 施設が方法を選ぶ, { needs-consent = \"written\" } 改めて同意, { after-notice = { days = 30 } } 周知の後";
        self.stands(
            "new_facility",
            &rule.new_facility,
            of_new_facility,
            "…",
            codes,
        );
        self.label("撤回の方法", "how it is withdrawn");
        self.field("withdrawal", &rule.withdrawal, &named(Withdrawal::ja));
    }
}

fn of_new_facility(of: &NewFacility) -> String {
    match of {
        NewFacility::NeedsConsent(by) => format!("{{ needs-consent = {} }}", quoted(by.code())),
        NewFacility::AfterNotice { days } => format!("{{ after-notice = {{ days = {days} }} }}"),
        NewFacility::NotCovered => quoted("not-covered"),
        NewFacility::WhenCardPresented => quoted("when-card-presented"),
        NewFacility::FacilityChoice => quoted("facility-choice"),
    }
}

fn list<T: Code + std::fmt::Display>(of: &Codes<T>) -> String {
    let codes: Vec<_> = of.iter().map(|code| quoted(&code.to_string())).collect();
    format!("[{}]", codes.join(", "))
}

/// A TOML basic string. Names hold no control characters.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
#[path = "file_test.rs"]
mod tests;
