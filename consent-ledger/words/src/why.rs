//! Why a decision was made, in words: the checks in their order, and what each looked at.

use crate::Words;
use crate::{Names, decision, listed, moment, names_of, period, remedy};
use sekisho_domain::{
    Category, DenyReason, DisasterKind, EntryIndex, FacilityKind, Footing, Language, NetworkId,
    Purpose, Side,
};
use sekisho_ledger::history::{Fact, StageKind, Standing, Why};
use std::collections::BTreeMap;

/// One network's decision, with every check.
pub fn why(why: &Why, names: &Names, language: Language) -> Words {
    let said = decision(&why.network, &why.decision);
    let mut words = Words::new(format!("■ {}\n", said.ja), format!("{}\n", said.en));
    for stage in &why.stages {
        let title = title(stage.stage);
        let (mark, ended) = match stage.standing {
            Standing::Passed => ("○", Words::new("問題なし", "passed")),
            Standing::Failed(reason) => ("×", Words::new(reason.ja(), reason.en())),
            Standing::NotNeeded => (
                "－",
                Words::new("この利用目的では問われない", "not asked for"),
            ),
            Standing::NotReached => ("－", Words::new("調べるに至らず", "not reached")),
        };
        words
            .ja
            .push_str(&format!("  {mark} {}：{}\n", title.ja, ended.ja));
        let mark = match stage.standing {
            Standing::Passed => "+",
            Standing::Failed(_) => "x",
            _ => "-",
        };
        words
            .en
            .push_str(&format!("  {mark} {}: {}\n", title.en, ended.en));
        for fact in &stage.facts {
            let said = self::fact(fact, names, language);
            words.ja.push_str(&format!("      {}\n", said.ja));
            words.en.push_str(&format!("      {}\n", said.en));
        }
        if let Standing::Failed(reason) = stage.standing {
            let needed = remedy(reason);
            words
                .ja
                .push_str(&format!("      必要だったもの：{}\n", needed.ja));
            words
                .en
                .push_str(&format!("      what was needed: {}\n", needed.en));
        }
    }
    words
}

fn title(stage: StageKind) -> Words {
    let (ja, en) = match stage {
        StageKind::Members => ("参加と施設の登録（検査 1〜2）", "membership (checks 1-2)"),
        StageKind::Agreements => ("協定（3〜12）", "agreement (3-12)"),
        StageKind::Disaster => ("災害の宣言（13〜14）", "declaration (13-14)"),
        StageKind::Patient => ("患者（15〜16）", "patient (15-16)"),
        StageKind::Policies => (
            "同意のきまりと掲示（17〜19）",
            "policies and notices (17-19)",
        ),
        StageKind::Consents => ("同意（20〜30）", "consents (20-30)"),
        StageKind::Reservations => ("留保（31）", "reservations (31)"),
    };
    Words::new(ja, en)
}

/// What stood against something, or that nothing did.
fn against(reason: Option<DenyReason>) -> Words {
    match reason {
        None => Words::new("これで足りる", "suffices"),
        Some(reason) => Words::new(reason.ja(), reason.en()),
    }
}

fn at(index: Option<EntryIndex>, ja: &str, en: &str) -> Words {
    match index {
        Some(index) => Words::new(
            format!("、{index} 番で{ja}"),
            format!("; {en} at index {index}"),
        ),
        None => Words::new("", ""),
    }
}

fn said_by(said: &BTreeMap<NetworkId, EntryIndex>) -> Words {
    listed(said.iter().map(|(network, index)| {
        Words::new(
            format!("{network}（{index} 番）"),
            format!("{network} ({index})"),
        )
    }))
}

fn fact(fact: &Fact, names: &Names, language: Language) -> Words {
    match fact {
        Fact::Member { network, by } => {
            let name = names.name(network);
            let by: Vec<_> = by.iter().map(ToString::to_string).collect();
            match by.is_empty() {
                true => Words::new(
                    format!("{name} は創設時からの参加者"),
                    format!("{name} founded the ledger"),
                ),
                false => Words::new(
                    format!("{name} は台帳 {} 番で加入", by.join(", ")),
                    format!("{name} was admitted at index {}", by.join(", ")),
                ),
            }
        }
        Fact::Facility {
            facility,
            kind,
            network,
            registered,
            left,
        } => {
            let left = at(*left, "脱退", "left");
            Words::new(
                format!(
                    "照会元の施設 {facility}（{}）：{network} の施設として台帳 {registered} 番で登録{}",
                    FacilityKind::ja(*kind),
                    left.ja
                ),
                format!(
                    "asking facility {facility} ({}): registered by {network} at index {registered}{}",
                    FacilityKind::en(*kind),
                    left.en
                ),
            )
        }
        Fact::Own { emergency } => {
            let ceiling = match emergency {
                Some(set) => {
                    let set = names_of!(Category, set);
                    Words::new(
                        format!("。緊急時・災害時に認めるもの：{}", set.ja),
                        format!("; in emergencies and disasters: {}", set.en),
                    )
                }
                None => Words::new(
                    "。緊急時・災害時の定めはない",
                    "; nothing in emergencies and disasters",
                ),
            };
            Words::new(
                format!("自ネットワークの文書なので協定は不要{}", ceiling.ja),
                format!("its own documents: no agreement needed{}", ceiling.en),
            )
        }
        Fact::Agreement {
            agreement,
            signed,
            unsigned,
            valid,
            suspended,
            terminated,
        } => {
            let (valid, signed) = (period(valid), said_by(signed));
            let waiting: Vec<_> = unsigned.iter().map(ToString::to_string).collect();
            let waiting = match waiting.is_empty() {
                true => Words::new("", ""),
                false => Words::new(
                    format!("、未署名 {}", waiting.join("、")),
                    format!("; not by {}", waiting.join(", ")),
                ),
            };
            let suspended = at(*suspended, "停止", "suspended");
            let terminated = at(*terminated, "終了", "terminated");
            let (id, version) = (&agreement.id, agreement.version);
            Words::new(
                format!(
                    "協定 {id} 第{version}版（{}）：署名 {}{}{}{}",
                    valid.ja, signed.ja, waiting.ja, suspended.ja, terminated.ja
                ),
                format!(
                    "agreement {id} version {version} ({}): signed by {}{}{}{}",
                    valid.en, signed.en, waiting.en, suspended.en, terminated.en
                ),
            )
        }
        Fact::Grant {
            agreement,
            grant,
            rule,
            against: reason,
        } => {
            let against = against(*reason);
            let (id, number) = (&agreement.id, grant + 1);
            Words::new(
                format!(
                    "  {id} 第{number}項（必要な同意：{}）だけなら：{}",
                    rule.ja(),
                    against.ja
                ),
                format!(
                    "  {id}, grant {number} (needs {}), by itself: {}",
                    rule.en(),
                    against.en
                ),
            )
        }
        Fact::Disaster {
            declaration,
            authority,
            kind,
            area,
            from,
            until,
            drill,
            ended,
        } => {
            let areas: Vec<_> = area.iter().map(ToString::to_string).collect();
            let areas = areas.join(", ");
            let what = match drill {
                true => Footing::DisasterDrill,
                false => Footing::Disaster,
            };
            let ended = at(*ended, "終了", "ended");
            let (from, until) = (moment(*from, language), moment(*until, language));
            Words::new(
                format!(
                    "【{}】宣言 {declaration} 番（{authority}）：{}、区域 {areas}、{from} から {until} まで{}",
                    what.ja(),
                    DisasterKind::ja(*kind),
                    ended.ja
                ),
                format!(
                    "[{}] declaration {declaration} by {authority}: {}, area {areas}, from {from} until {until}{}",
                    what.en(),
                    DisasterKind::en(*kind),
                    ended.en
                ),
            )
        }
        Fact::Link {
            own,
            other,
            said_by: said,
        } => {
            let holds = said.len() == 2;
            let said = said_by(said);
            let (ja, en) = match holds {
                true => ("双方が記録", "said by both"),
                false => ("一方だけが記録", "said by one only"),
            };
            Words::new(
                format!("{own} と {other} の対応づけ：{ja}（{}）", said.ja),
                format!("{own} and {other} are one patient: {en} ({})", said.en),
            )
        }
        Fact::Death { subject, recorded } => Words::new(
            format!("{subject} の死亡が台帳 {recorded} 番で記録されている"),
            format!("the death of {subject} is recorded at index {recorded}"),
        ),
        Fact::Policy {
            network,
            side,
            version,
            effective_from,
            rule,
        } => {
            let since = moment(*effective_from, language);
            let rule = match rule {
                Some(rule) => super::agreements::rule(rule),
                None => Words::new("この側の手続きはない", "no act of this side"),
            };
            Words::new(
                format!(
                    "{network} の同意ポリシー第{version}版（{since} から）、{}：{}",
                    Side::ja(*side),
                    rule.ja
                ),
                format!(
                    "consent policy {version} of {network} (since {since}), {}: {}",
                    Side::en(*side),
                    rule.en
                ),
            )
        }
        Fact::Notice {
            notice,
            network,
            facility,
            purposes,
        } => {
            let purposes = names_of!(Purpose, purposes);
            let place = facility
                .as_ref()
                .map_or_else(|| network.to_string(), ToString::to_string);
            Words::new(
                format!("掲示 {notice} 番（{place}）：{}", purposes.ja),
                format!("notice {notice} at {place}: {}", purposes.en),
            )
        }
        Fact::Consent {
            consent,
            subject,
            side,
            policy_version,
            withdrawn,
            against: reason,
            ..
        } => {
            let (against, withdrawn) = (against(*reason), at(*withdrawn, "撤回", "withdrawn"));
            let network = &subject.network;
            Words::new(
                format!(
                    "同意 {consent} 番（{network}、{}、ポリシー第{policy_version}版{}）：{}",
                    Side::ja(*side),
                    withdrawn.ja,
                    against.ja
                ),
                format!(
                    "consent {consent} ({network}, {}, policy {policy_version}{}): {}",
                    Side::en(*side),
                    withdrawn.en,
                    against.en
                ),
            )
        }
        Fact::Reservation {
            reservation,
            subject,
            narrows,
        } => {
            let (ja, en) = match narrows {
                true => ("この照会を制限した", "narrowed this request"),
                false => ("この照会には関わらない", "does not bear on this request"),
            };
            let network = &subject.network;
            Words::new(
                format!("留保 {reservation} 番（{network}）：{ja}"),
                format!("reservation {reservation} ({network}): {en}"),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_said_with_what_would_have_been_needed() {
        let mut said = Vec::new();
        for reason in DenyReason::ALL {
            let needed = remedy(*reason);
            assert!(needed.ja.chars().count() > 8 && needed.en.len() > 20);
            said.push(needed.ja);
        }
        said.sort();
        said.dedup();
        assert_eq!(said.len(), DenyReason::ALL.len(), "no two alike");
    }
}
