//! A profile line by line, in words: each field, its value, how it stands, and where that comes from.

use super::{Field, Missing, NetworkProfile, RuleFields, Said, Standing};
use crate::facts::{NetworkFacts, Row};
use crate::mapping::Way;
use crate::vocabulary::{Direction, Join, State, Survey, SurveyCode};
use sekisho_domain::{Capture, Code, Codes, NewFacility, Scope, Withdrawal};
pub use sekisho_words::Words;
use sekisho_words::listed;
use serde_json::{Value, json};

/// One line of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it is about.
    pub field: Words,
    /// The value; none where there is none to act on.
    pub value: Option<Words>,
    /// How it stands.
    pub standing: Standing,
    /// What was said, and where.
    pub said: Vec<Said>,
    /// Where the value comes from, for lines without codes.
    pub rows: Vec<Row>,
}

impl Line {
    fn of<T>(field: (&str, &str), of: &Field<T>, words: impl Fn(&T) -> Words) -> Self {
        Self {
            field: Words::new(field.0, field.1),
            value: of.value.as_ref().map(words),
            standing: of.standing,
            said: of.said.clone(),
            rows: Vec::new(),
        }
    }
    /// The line in both languages, with its sources.
    pub fn words(&self) -> Words {
        let none = Words::new("―", "-");
        let value = self.value.as_ref().unwrap_or(&none);
        let mut out = Words::new(
            format!("{}：{}〔{}〕", self.field.ja, value.ja, self.standing.ja()),
            format!("{}: {} [{}]", self.field.en, value.en, self.standing.en()),
        );
        for of_row in self.said.chunk_by(|a, b| a.row == b.row) {
            let Some(row) = of_row.first().map(|said| &said.row) else {
                continue;
            };
            let codes = listed(of_row.iter().map(|said| match said.state {
                State::InUse => Words::new(said.ja, said.en),
                State::Planned => Words::new(
                    format!("{}（予定）", said.ja),
                    format!("{} (planned)", said.en),
                ),
            }));
            out.ja
                .push_str(&format!("\n      {}：{}", row.ja(), codes.ja));
            out.en
                .push_str(&format!("\n      {}: {}", row.en(), codes.en));
        }
        for row in &self.rows {
            out.ja.push_str(&format!("（{}）", row.ja()));
            out.en.push_str(&format!(" ({})", row.en()));
        }
        out
    }
    /// The line for machines.
    pub fn json(&self) -> Value {
        let said = self.said.iter().map(|said| {
            json!({ "code": said.code, "state": said.state.code(), "row": said.row.to_string() })
        });
        json!({
            "field": self.field.en,
            "field_ja": self.field.ja,
            "value": self.value.as_ref().map(|v| &v.en),
            "value_ja": self.value.as_ref().map(|v| &v.ja),
            "standing": self.standing.code(),
            "standing_en": self.standing.en(),
            "said": said.collect::<Vec<_>>(),
            "rows": self.rows.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    }
}

impl NetworkProfile {
    /// The profile, line by line.
    pub fn report(&self) -> Vec<Line> {
        let mut lines = vec![Line::of(
            ("同意の方式", "Way of consenting"),
            &self.ways,
            way,
        )];
        if self.offered.len() > 1 {
            lines.push(Line {
                field: Words::new("並存する方式", "Ways side by side"),
                value: Some(listed(self.offered.iter().map(|offered| {
                    let words = way(offered);
                    Words::new(
                        format!("{}（{offered}）", words.ja),
                        format!("{} ({offered})", words.en),
                    )
                }))),
                standing: self.ways.standing,
                said: Vec::new(),
                rows: Vec::new(),
            });
        }
        if self.disclosing == self.viewing {
            lines.extend(of_side(("", ""), &self.disclosing, false));
        } else {
            lines.extend(of_side(("開示：", "Disclosing: "), &self.disclosing, true));
            lines.extend(of_side(("閲覧：", "Viewing: "), &self.viewing, true));
        }
        lines.extend([
            Line::of(("共有する情報", "Shared"), &self.categories, codes),
            Line::of(("共有予定の情報", "Planned besides"), &self.planned, codes),
            Line::of(
                ("開示する施設", "Disclosing facilities"),
                &self.disclosing_kinds,
                codes,
            ),
            Line::of(
                ("参加する施設", "Participating facilities"),
                &self.viewing_kinds,
                codes,
            ),
            Line::of(
                ("共有の方向", "Direction"),
                &self.direction,
                |d: &Direction| Words::new(d.ja(), d.en()),
            ),
            Line::of(
                ("閲覧できる職種", "Professions that may look"),
                &self.roles,
                codes,
            ),
            Line::of(("利用目的", "Purposes of use"), &self.purposes, codes),
            Line::of(("二次利用", "Secondary use"), &self.secondary, codes),
            Line::of(
                ("ネットワークの目的", "What the network is for"),
                &self.aims,
                |aims| listed(aims.iter().map(|aim| Words::new(aim.ja(), aim.en()))),
            ),
            Line::of(
                ("緊急時に閲覧できる情報", "Emergency access"),
                &self.emergency,
                codes,
            ),
        ]);
        lines.extend(self.background.iter().cloned());
        lines
    }
    /// The profile for machines.
    pub fn json(&self) -> Value {
        let list = |missing: &[Missing]| {
            let one = |m: &Missing| json!({ "need": m.need.code(), "standing": m.standing.code(), "ja": m.ja(), "en": m.en() });
            missing.iter().map(one).collect::<Vec<_>>()
        };
        json!({
            "id": self.id,
            "name": self.name,
            "prefecture": self.prefecture,
            "members": self.members,
            "missing": list(&self.missing()),
            "missing_policy": list(&self.missing_policy()),
            "to_confirm": list(&self.to_confirm()),
            "disclosing": self.rule(sekisho_domain::Side::Disclosing),
            "viewing": self.rule(sekisho_domain::Side::Viewing),
            "categories": self.categories.value,
            "viewing_kinds": self.viewing_kinds.value,
            "lines": self.report().iter().map(Line::json).collect::<Vec<_>>(),
        })
    }
}

fn of_side(name: (&str, &str), side: &Option<RuleFields>, with_scope: bool) -> Vec<Line> {
    let Some(side) = side else {
        return vec![Line {
            field: Words::new(format!("{}同意", name.0), format!("{}consent", name.1)),
            value: Some(Words::new("手続きなし", "no such act is asked for")),
            standing: Standing::Chosen,
            said: Vec::new(),
            rows: Vec::new(),
        }];
    };
    let named = |ja: &str, en: &str| (format!("{}{ja}", name.0), format!("{}{en}", name.1));
    let line = |field: (String, String), line: Line| Line {
        field: Words::new(field.0, field.1),
        ..line
    };
    let none = ("", "");
    let mut lines = Vec::new();
    if with_scope {
        let scope = Line::of(none, &side.scope, |s: &Scope| Words::new(s.ja(), s.en()));
        lines.push(Line {
            // The way of consenting, just above, has the sources.
            said: Vec::new(),
            ..line(named("同意の及ぶ範囲", "how far a consent reaches"), scope)
        });
    }
    let withdrawal = |w: &Codes<Withdrawal>| codes(w);
    lines.extend([
        line(
            named("同意の取得", "how a consent is taken"),
            Line::of(none, &side.capture, |c: &Codes<Capture>| codes(c)),
        ),
        line(
            named("新しい施設", "new facilities"),
            Line::of(none, &side.new_facility, new_facility),
        ),
        line(
            named("撤回", "how it is withdrawn"),
            Line::of(none, &side.withdrawal, withdrawal),
        ),
    ]);
    lines
}

/// What decides nothing but says who the network is.
pub(super) fn background(facts: &NetworkFacts) -> Vec<Line> {
    let mut lines = Vec::new();
    for sheet in &facts.sheets {
        let mut add = |field: (&str, &str), ja: String, en: String| {
            lines.push(Line {
                field: Words::new(field.0, field.1),
                value: Some(Words::new(ja, en)),
                standing: Standing::Stated,
                said: Vec::new(),
                rows: vec![sheet.row.clone()],
            });
        };
        if sheet.join != Join::Own || sheet.row.survey == Survey::Nationwide2016 {
            add(
                ("調査票", "Sheet"),
                sheet.join.ja().into(),
                sheet.join.en().into(),
            );
        }
        if let Some(year) = sheet.since {
            add(("開始", "Since"), format!("{year}年"), year.to_string());
        }
        for (area, ..) in &sheet.answers.area.marks {
            add(("対象地域", "Area"), area.ja().into(), area.en().into());
        }
        for (status, ..) in &sheet.answers.status.marks {
            add(
                ("2016年の状況", "Status in 2016"),
                status.ja().into(),
                status.en().into(),
            );
        }
        for count in &sheet.counts {
            let mut figure = |ja: &str, en: &str, n: Option<u64>| {
                if let Some(n) = n {
                    let of = &count.as_of;
                    add((ja, en), format!("{n}（{of}）"), format!("{n} ({of})"));
                }
            };
            figure("登録患者数", "Registered patients", count.patients);
            figure(
                "参加医療機関",
                "Participating institutions",
                count.participating,
            );
            figure("開示医療機関", "Disclosing institutions", count.disclosing);
            figure(
                "月間閲覧医療機関",
                "Institutions looking in a month",
                count.accessing,
            );
        }
    }
    lines
}

/// A way of consenting in words.
pub(crate) fn way(way: &Way) -> Words {
    let act = |scope: Option<Scope>| match scope {
        Some(scope) => Words::new(scope.ja(), scope.en()),
        None => Words::new("手続きなし", "no act"),
    };
    let (d, v) = (act(way.disclosing), act(way.viewing));
    let reach = if way.disclosing == way.viewing {
        d
    } else {
        Words::new(
            format!("開示は{}、閲覧は{}", d.ja, v.ja),
            format!("disclosing: {}; viewing: {}", d.en, v.en),
        )
    };
    match way.capture {
        None => reach,
        Some(by) => Words::new(
            format!("{}（{}）", reach.ja, by.ja()),
            format!("{} ({})", reach.en, by.en()),
        ),
    }
}

/// What a new facility may expect, in words.
pub(crate) fn new_facility(of: &NewFacility) -> Words {
    match of {
        NewFacility::NeedsConsent(by) => Words::new(
            format!("改めて同意が必要（{}）", by.ja()),
            format!("needs a consent of its own ({})", by.en()),
        ),
        NewFacility::NotCovered => Words::new("以前の同意は及ばない", "not covered"),
        NewFacility::AfterNotice { days } => Words::new(
            format!("{days}日間の周知の後に及ぶ"),
            format!("covered after {days} days of notice"),
        ),
        NewFacility::WhenCardPresented => {
            Words::new("カードの提示が必要", "needs the card to be presented")
        }
        NewFacility::FacilityChoice => Words::new(
            "施設が方法を選んで同意を取得",
            "takes a consent in a way it chooses",
        ),
    }
}

/// A value with a name in both languages.
pub(crate) trait Named {
    /// Its name.
    fn named(self) -> Words;
}

macro_rules! named {
    ($($of:ty),+) => {
        $(impl Named for $of {
            fn named(self) -> Words {
                Words::new(self.ja(), self.en())
            }
        })+
    };
}
named!(
    sekisho_domain::Category,
    sekisho_domain::FacilityKind,
    sekisho_domain::Role,
    sekisho_domain::Purpose,
    Capture,
    Withdrawal
);

/// A set in words.
pub(crate) fn codes<T: Code + Named>(of: &Codes<T>) -> Words {
    listed(of.iter().map(Named::named))
}
