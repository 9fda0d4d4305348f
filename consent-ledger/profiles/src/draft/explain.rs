//! What a patient must have done for a facility to see something, in plain words.

use super::{Direction, Draft, Granted};
use crate::profile::{NetworkProfile, Words, codes_in_words as codes, new_facility_in_words};
use sekisho_domain::{ConsentRule, Rule, Side};

/// One direction, step by step.
pub(super) fn direction(draft: &Draft, of: &Direction, granted: &Granted) -> Option<Words> {
    let disclosing = draft.party(&of.disclosing)?;
    let viewing = draft.party(&of.viewing)?;
    let (d, v) = (&disclosing.name, &viewing.name);
    let mut ja =
        format!("{d} の患者の文書を {v} の施設が閲覧できるのは、次のすべてを満たすときです。\n");
    let mut en =
        format!("A facility of {v} sees documents of a patient of {d} when all of this holds:\n");
    let mut n = 0;
    let mut step = |words: Words| {
        n += 1;
        ja.push_str(&format!("{n}. {}\n", words.ja));
        en.push_str(&format!("{n}. {}\n", words.en));
    };
    let acts: &[(&NetworkProfile, Side)] = match granted.rule {
        ConsentRule::Disclosing => &[(disclosing, Side::Disclosing)],
        ConsentRule::Viewing => &[(viewing, Side::Viewing)],
        ConsentRule::Both | ConsentRule::Either => {
            &[(disclosing, Side::Disclosing), (viewing, Side::Viewing)]
        }
        ConsentRule::RecipientConsentWithProviderReservation => &[(viewing, Side::Viewing)],
        ConsentRule::NotNeeded => &[],
    };
    if granted.rule == ConsentRule::RecipientConsentWithProviderReservation {
        step(Words::new(
            format!("{d} の施設が、この利用目的を掲示している（患者の手続きは不要）。"),
            format!(
                "{d}'s facility has posted this purpose of use (nothing for the patient to do)."
            ),
        ));
    }
    for (party, side) in acts {
        if let Some(rule) = party.rule(*side) {
            step(act(party, *side, &rule));
        }
    }
    step(Words::new(
        format!("{d} と {v} が、それぞれの番号の患者が同じ人であると双方で確認している。"),
        format!("{d} and {v} have both confirmed that the two numbers are one patient's."),
    ));
    step(Words::new(
        "患者が、この閲覧を留保（拒否）していない。留保は常に同意に優先する。",
        "The patient has made no reservation against it; a reservation always wins.",
    ));
    for grant in &granted.grants {
        let (kinds, roles) = (codes(&grant.facility_kinds), codes(&grant.roles));
        let (what, why) = (codes(&grant.categories), codes(&grant.purposes));
        ja.push_str(&format!(
            "- {}の{}が、{}のために閲覧できる情報：{}\n",
            kinds.ja, roles.ja, why.ja, what.ja
        ));
        en.push_str(&format!(
            "- {} at {}, for {}: {}\n",
            roles.en, kinds.en, why.en, what.en
        ));
    }
    Some(Words { ja, en })
}

/// One act of consent.
fn act(party: &NetworkProfile, side: Side, rule: &Rule) -> Words {
    let name = &party.name;
    let (by, out) = (codes(&rule.capture), codes(&rule.withdrawal));
    let new = new_facility_in_words(&rule.new_facility);
    let (what_ja, what_en) = match side {
        Side::Disclosing => ("文書を開示すること", "letting documents out"),
        Side::Viewing => ("施設が閲覧すること", "a facility looking"),
    };
    Words::new(
        format!(
            "患者が {name} で、{what_ja}に同意している（{}。取得：{}、新しい施設：{}、撤回：{}）。",
            rule.scope.ja(),
            by.ja,
            new.ja,
            out.ja
        ),
        format!(
            "The patient has consented in {name} to {what_en} ({}; taken: {}; new facilities: {}; withdrawn: {}).",
            rule.scope.en(),
            by.en,
            new.en,
            out.en
        ),
    )
}
