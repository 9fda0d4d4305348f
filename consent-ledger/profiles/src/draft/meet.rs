//! The consent rule that satisfies both policies.
//!
//! A network's own rule of disclosing governs how its documents leave, its rule of viewing how its facilities look.
//! Documents of D seen in V need both acts where both networks ask for one. Where one of them asks for no act of its
//! own, it relies on the other side's act, as it does inside its own network: then that act must be at least as
//! strict as the one it relies on at home. So a draft allows nothing that D's disclosing rule, or V's viewing rule,
//! does not.

use crate::profile::{NetworkProfile, Words, codes_in_words as codes};
use sekisho_domain::{Capture, Codes, ConsentRule, NetworkId, NewFacility, Rule, Scope, Side};

/// What two policies have in common in one direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meet {
    /// The rule.
    pub rule: ConsentRule,
    /// Why.
    pub reasons: Vec<Words>,
    /// Where one network's acts are less strict than the other's own: allowed by both policies, but to be known.
    pub differences: Vec<Words>,
}

/// Why two policies do not meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoMeet {
    /// The network that would have to ask for an act of its own.
    pub network: NetworkId,
    /// Which act.
    pub side: Side,
}

impl NoMeet {
    /// In both languages.
    pub fn words(&self) -> Words {
        let Self { network, side } = self;
        Words::new(
            format!(
                "{network}：{}の同意を独自に求めておらず、相手方の同意は自ネットワークのきまりより緩やかです（{}の規則の公表が必要）",
                side.ja(),
                side.ja()
            ),
            format!(
                "{network}: asks for no {} act of its own, and the other side's act is less strict than its own policy relies on: it must publish a rule of {}",
                side.en(),
                side.en()
            ),
        )
    }
}

/// The meet of both policies where documents of `disclosing` are seen in `viewing`.
///
/// # Errors
/// [`NoMeet`]: neither side's act satisfies both.
pub fn meet(disclosing: &NetworkProfile, viewing: &NetworkProfile) -> Result<Meet, NoMeet> {
    let out = disclosing.rule(Side::Disclosing);
    let look = viewing.rule(Side::Viewing);
    let no_meet = |network: &NetworkProfile, side| NoMeet {
        network: network.id.clone(),
        side,
    };
    let (d, v) = (&disclosing.id, &viewing.id);
    let reason = |ja: String, en: String| vec![Words::new(ja, en)];
    let meet = |rule, reasons| Meet {
        rule,
        reasons,
        differences: differences(disclosing, viewing),
    };
    match (&out, &look) {
        (Some(out), Some(look)) if by_posting(out) && at_visit(look) => Ok(meet(
            ConsentRule::RecipientConsentWithProviderReservation,
            reason(
                format!(
                    "{d} は掲示による黙示の同意、{v} は受診時の明示の同意による（厚生労働省の2020年の考え方）"
                ),
                format!(
                    "{d} relies on posted purposes, {v} takes an explicit consent at the visit (the ministry's rule of 2020)"
                ),
            ),
        )),
        (Some(_), Some(_)) => Ok(meet(
            ConsentRule::Both,
            reason(
                format!("{d} は開示の同意を、{v} は閲覧の同意を求めるため、双方の同意を要する"),
                format!(
                    "{d} asks for an act of disclosing, {v} for one of viewing: both are needed"
                ),
            ),
        )),
        (Some(out), None) => match viewing.rule(Side::Disclosing) {
            Some(at_home) if is_as_strict(out, &at_home) => Ok(meet(
                ConsentRule::Disclosing,
                reason(
                    format!(
                        "{v} は閲覧の同意を別に求めず、{d} の開示の同意は {v} のきまりより緩やかではない"
                    ),
                    format!(
                        "{v} asks for no act of viewing, and {d}'s act of disclosing is as strict as {v}'s own"
                    ),
                ),
            )),
            _ => Err(no_meet(viewing, Side::Viewing)),
        },
        (None, Some(look)) => match disclosing.rule(Side::Viewing) {
            Some(at_home) if is_as_strict(look, &at_home) => Ok(meet(
                ConsentRule::Viewing,
                reason(
                    format!(
                        "{d} は開示の同意を別に求めず、{v} の閲覧の同意は {d} のきまりより緩やかではない"
                    ),
                    format!(
                        "{d} asks for no act of disclosing, and {v}'s act of viewing is as strict as {d}'s own"
                    ),
                ),
            )),
            _ => Err(no_meet(disclosing, Side::Disclosing)),
        },
        (None, None) => Err(no_meet(disclosing, Side::Disclosing)),
    }
}

/// Why the ministry's rule of 2020 cannot be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoRecipientRule {
    /// The network whose policy does not admit it.
    pub network: NetworkId,
    /// Which of its rules.
    pub side: Side,
    /// What that rule says instead.
    why: Words,
}

impl NoRecipientRule {
    /// In both languages.
    pub fn words(&self) -> Words {
        let Self { network, why, .. } = self;
        Words::new(
            format!(
                "厚生労働省の2020年の考え方によることはできません。{network}：{}",
                why.ja
            ),
            format!(
                "the ministry's rule of 2020 does not fit. {network}: {}",
                why.en
            ),
        )
    }
}

/// The ministry's rule of 2020, asked for: the viewing network takes an explicit consent at the visit, the disclosing
/// one posts its purposes, and the patient has made no reservation. Its own policy must let documents out by posting;
/// or it asks for no act of disclosing, and the explicit consent is as strict as the one it relies on at home.
///
/// # Errors
/// For each policy that does not admit it, why.
pub(super) fn recipient(
    disclosing: &NetworkProfile,
    viewing: &NetworkProfile,
) -> Result<Meet, Vec<NoRecipientRule>> {
    let (d, v) = (&disclosing.id, &viewing.id);
    let look = viewing.rule(Side::Viewing);
    let mut against = Vec::new();
    let mut no = |network: &NetworkId, side, ja: String, en: String| {
        against.push(NoRecipientRule {
            network: network.clone(),
            side,
            why: Words::new(ja, en),
        });
    };
    match disclosing.rule(Side::Disclosing) {
        Some(out) if lets_out_by_posting(&out) => {}
        Some(out) => {
            let (scope, by) = (out.scope, codes(&out.capture));
            no(
                d,
                Side::Disclosing,
                format!(
                    "文書の開示に患者の同意（{}、{}）を求めており、利用目的の掲示だけでは開示できない",
                    scope.ja(),
                    by.ja
                ),
                format!(
                    "lets documents out by the patient's consent ({}, {}), not by posting its purposes",
                    scope.en(),
                    by.en
                ),
            );
        }
        None => {
            let at_home = disclosing.rule(Side::Viewing);
            let strict = |look: &Rule| at_home.as_ref().is_some_and(|h| is_as_strict(look, h));
            if !look.as_ref().is_some_and(strict) {
                no(
                    d,
                    Side::Disclosing,
                    format!(
                        "開示の同意を独自に求めておらず、{v} の閲覧の同意は {d} のきまりより緩やかである"
                    ),
                    format!(
                        "asks for no act of disclosing, and {v}'s act of viewing is less strict than its own"
                    ),
                );
            }
        }
    }
    match &look {
        None => no(
            v,
            Side::Viewing,
            "受診時に閲覧の同意を取るきまりがない".to_owned(),
            "has no rule of taking a consent to look at the visit".to_owned(),
        ),
        Some(look) if !look.capture.iter().all(Capture::is_explicit) => {
            let by = codes(&look.capture);
            no(
                v,
                Side::Viewing,
                format!(
                    "閲覧に明示の同意を必ず求めるきまりではない（取得方法：{}）",
                    by.ja
                ),
                format!(
                    "does not always take an explicit consent to look (taken: {})",
                    by.en
                ),
            );
        }
        Some(_) => {}
    }
    if !against.is_empty() {
        return Err(against);
    }
    Ok(Meet {
        rule: ConsentRule::RecipientConsentWithProviderReservation,
        reasons: vec![Words::new(
            format!(
                "当事者の求めにより、厚生労働省の2020年の考え方による：{d} の施設が利用目的を掲示し、患者の留保がなく、{v} の施設が受診時に明示の同意を取る"
            ),
            format!(
                "as the parties asked, the ministry's rule of 2020: {d}'s facilities post their purposes of use, the patient has made no reservation, {v}'s facility takes an explicit consent at the visit"
            ),
        )],
        differences: differences(disclosing, viewing),
    })
}

/// Posting is one of the ways documents may leave, for everything.
fn lets_out_by_posting(rule: &Rule) -> bool {
    rule.scope == Scope::AllFacilities && rule.capture.contains(&Capture::NoticeWithOptOut)
}

/// Consent by posting alone, for everything: what the ministry's rule asks of the provider.
fn by_posting(rule: &Rule) -> bool {
    rule.scope == Scope::AllFacilities && rule.capture == Codes::from([Capture::NoticeWithOptOut])
}

/// An explicit consent taken by the facility that looks, for itself.
fn at_visit(rule: &Rule) -> bool {
    matches!(rule.scope, Scope::EachFacility | Scope::EachPractitioner)
        && rule.capture.iter().all(Capture::is_explicit)
}

/// Whether everything an act under `rule` reaches, one under `other` could reach as well: no wider, taken in no way
/// the other does not know, and no more open to facilities that join later.
pub(crate) fn is_as_strict(rule: &Rule, other: &Rule) -> bool {
    is_within(rule.scope, other.scope)
        && rule.capture.is_subset(&other.capture)
        && is_no_more_open(rule, other)
}

fn is_within(scope: Scope, other: Scope) -> bool {
    use Scope::{AllFacilities, EachFacility, EachPractitioner, FacilityPair, ListedFacilities};
    match other {
        AllFacilities => true,
        ListedFacilities => scope != AllFacilities,
        EachFacility => matches!(scope, EachFacility | EachPractitioner | FacilityPair),
        EachPractitioner => scope == EachPractitioner,
        FacilityPair => scope == FacilityPair,
    }
}

/// Only a notice lets an earlier consent reach a facility that joins. The other ways are consents of their own, which
/// must be taken in a way the other rule knows.
fn is_no_more_open(rule: &Rule, other: &Rule) -> bool {
    let knows = |capture: Capture| {
        other.capture.contains(&capture)
            || match other.new_facility {
                NewFacility::NeedsConsent(known) => known == capture,
                NewFacility::WhenCardPresented => capture == Capture::CardPresented,
                _ => false,
            }
    };
    match rule.new_facility {
        NewFacility::AfterNotice { days } => match other.new_facility {
            NewFacility::AfterNotice { days: at_least } => days >= at_least,
            _ => false,
        },
        NewFacility::NeedsConsent(capture) => knows(capture),
        NewFacility::WhenCardPresented => knows(Capture::CardPresented),
        NewFacility::NotCovered | NewFacility::FacilityChoice => true,
    }
}

/// Where facilities of one network look, or let documents out, by acts less strict than the other's own.
fn differences(disclosing: &NetworkProfile, viewing: &NetworkProfile) -> Vec<Words> {
    let mut differences = Vec::new();
    let mut compare = |side: Side, here: &NetworkProfile, there: &NetworkProfile| {
        let (Some(theirs), Some(ours)) = (there.rule(side), here.rule(side)) else {
            return;
        };
        if is_as_strict(&theirs, &ours) {
            return;
        }
        let (h, t, s) = (&here.id, &there.id, (side.ja(), side.en()));
        let said = |rule: &Rule| {
            let by = codes(&rule.capture);
            let (ja, en) = (rule.scope.ja(), rule.scope.en());
            Words::new(format!("{ja}、{}", by.ja), format!("{en}, {}", by.en))
        };
        let (ours, theirs) = (said(&ours), said(&theirs));
        differences.push(Words::new(
            format!(
                "{}の同意は {h} の内部では「{}」、{t} では「{}」です。この方向では {t} のきまりによることを {h} が了承する必要があります",
                s.0, ours.ja, theirs.ja,
            ),
            format!(
                "an act of {} is \"{}\" inside {h} and \"{}\" in {t}: {h} must agree that {t}'s holds in this direction",
                s.1, ours.en, theirs.en,
            ),
        ));
    };
    compare(Side::Viewing, disclosing, viewing);
    compare(Side::Disclosing, viewing, disclosing);
    differences
}
