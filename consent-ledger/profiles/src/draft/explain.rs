//! What a patient must have done for a facility to see something, in plain words.

use super::{Direction, Draft, Exception, Granted};
use crate::profile::{
    Named, NetworkProfile, Words, codes_in_words as codes, new_facility_in_words,
};
use sekisho_domain::{Code, Codes, ConsentRule, Disaster, Grant, Review, Rule, Side};

/// One direction, step by step.
pub(super) fn direction(draft: &Draft, of: &Direction, granted: &Granted) -> Option<Words> {
    let disclosing = draft.party(&of.disclosing)?;
    let viewing = draft.party(&of.viewing)?;
    let (d, v) = (&disclosing.name, &viewing.name);
    let mut ja =
        format!("{d} の患者の文書を {v} の施設が閲覧できるのは、次のすべてを満たすときです。\n");
    let mut en =
        format!("A facility of {v} sees documents of a patient of {d} when all of this holds:\n");
    let mut steps = Steps::default();
    let mut step = |words: Words| steps.add(&words);
    let acts: &[(&NetworkProfile, Side)] = match granted.rule {
        ConsentRule::Disclosing => &[(disclosing, Side::Disclosing)],
        ConsentRule::Viewing => &[(viewing, Side::Viewing)],
        ConsentRule::Both | ConsentRule::Either => {
            &[(disclosing, Side::Disclosing), (viewing, Side::Viewing)]
        }
        ConsentRule::RecipientConsentWithProviderReservation | ConsentRule::NotNeeded => &[],
    };
    if granted.rule == ConsentRule::RecipientConsentWithProviderReservation {
        step(Words::new(
            format!(
                "{d} が、この目的で文書を提供することを施設に掲示している。{d} での患者の手続きは要らない。"
            ),
            format!(
                "{d} has posted at its facilities that it provides documents for this purpose; there the patient need do nothing."
            ),
        ));
        if let Some(rule) = viewing.rule(Side::Viewing) {
            step(at_visit(viewing, &rule));
        }
    }
    for (party, side) in acts {
        if let Some(rule) = party.rule(*side) {
            step(act(party, *side, &rule));
        }
    }
    step(same_person(d, v));
    step(Words::new(
        "患者が、この閲覧を留保（拒否）していない。留保は常に同意に優先する。",
        "The patient has made no reservation against it; a reservation always wins.",
    ));
    ja.push_str(&steps.0.ja);
    en.push_str(&steps.0.en);
    for grant in granted.consented() {
        let (kinds, roles) = (inline(&grant.facility_kinds), inline(&grant.roles));
        let (what, why) = (codes(&grant.categories), inline(&grant.purposes));
        ja.push_str(&format!(
            "- {}の{}が、{}のために閲覧できる情報：{}\n",
            kinds.ja, roles.ja, why.ja, what.ja
        ));
        en.push_str(&format!(
            "- {} at {}, for {}: {}\n",
            roles.en, kinds.en, why.en, what.en
        ));
    }
    for on in Exception::ALL {
        if let Some(grant) = granted.exception(on) {
            let words = exception(on, grant, d, v);
            ja.push_str(&words.ja);
            en.push_str(&words.en);
        }
    }
    Some(Words { ja, en })
}

/// A list inside a sentence.
fn inline<T: Code + Named>(of: &Codes<T>) -> Words {
    let words = codes(of);
    Words::new(words.ja.replace('、', "・"), words.en)
}

/// Numbered lines.
#[derive(Default)]
struct Steps(Words, usize);

impl Steps {
    fn add(&mut self, words: &Words) {
        self.1 += 1;
        let n = self.1;
        self.0.ja.push_str(&format!("{n}. {}\n", words.ja));
        self.0.en.push_str(&format!("{n}. {}\n", words.en));
    }
}

fn same_person(d: &str, v: &str) -> Words {
    Words::new(
        format!("{d} と {v} が、それぞれの番号の患者が同じ人であると双方で確認している。"),
        format!("{d} and {v} have both confirmed that the two numbers are one patient's."),
    )
}

/// The explicit consent taken by the facility that looks, when the patient is there.
fn at_visit(party: &NetworkProfile, rule: &Rule) -> Words {
    let name = &party.name;
    let (by, out) = (codes(&rule.capture), codes(&rule.withdrawal));
    Words::new(
        format!(
            "患者が、受診した {name} の施設で、その施設が閲覧することに、受診のときに同意している（同意の方法：{}、撤回の方法：{}）。",
            by.ja, out.ja
        ),
        format!(
            "The patient has consented, at the visit and at the facility of {name} visited, to that facility looking (taken: {}; withdrawn: {}).",
            by.en, out.en
        ),
    )
}

/// What may be seen without consent, when, and what follows.
fn exception(on: Exception, grant: &Grant, d: &str, v: &str) -> Words {
    let (kinds, roles) = (inline(&grant.facility_kinds), inline(&grant.roles));
    let what = codes(&grant.categories);
    let mut steps = Steps::default();
    let (head, tail) = match on {
        Exception::Emergency => {
            steps.add(&Words::new(
                "患者の意識がない、意思を伝えられない、生命や身体に危険が迫っていて尋ねる時間がない、又は保護者と連絡のつかない未成年者である。",
                "The patient is unconscious or cannot make themselves understood, or life or body is in danger and there is no time to ask, or is a minor whose parents cannot be reached.",
            ));
            steps.add(&Words::new(
                format!(
                    "{v} の{}の{}が、その理由を示す。理由は台帳に記録される。",
                    kinds.ja, roles.ja
                ),
                format!(
                    "{} at {} of {v} states which of these it is; the reason goes on the ledger.",
                    roles.en, kinds.en
                ),
            ));
            let hours = Review::DUE_MS / 3_600_000;
            (
                Words::new(
                    "緊急のときは、次のすべてを満たせば、同意がなくても閲覧できます。",
                    "In an emergency it is seen without consent when all of this holds:",
                ),
                Words::new(
                    format!(
                        "閲覧の後、{hours}時間以内に、閲覧した人とは別の人が適切だったかどうかを確認します。閲覧したことは、患者（本人に伝えられないときは家族や代理人）に知らせます。"
                    ),
                    format!(
                        "Within {hours} hours somebody other than who looked judges whether it was right. The patient (or family or a proxy, where the patient cannot be told) is told that it was seen."
                    ),
                ),
            )
        }
        Exception::Disaster => {
            let days = Disaster::PERIOD_MS_MAX / 86_400_000;
            steps.add(&Words::new(
                format!("参加ネットワークの過半数が認めた災害対策当局が、区域と期間を定めて災害を宣言している。宣言は一度に{days}日までで、延長されなければ自動的に終わる。"),
                format!("An authority admitted by a majority of the networks has declared a disaster, for an area and a period of at most {days} days at a time; unless extended it ends by itself."),
            ));
            steps.add(&Words::new(
                format!("閲覧する施設がその区域にある、又は {d} の施設のどれかがその区域にある。"),
                format!("The facility that looks is in the area, or a facility of {d} is."),
            ));
            steps.add(&Words::new(
                format!("{v} の{}の{}が、患者に尋ねられるときは口頭で同意を得る。意識がないなどで尋ねられないときは、そのことを記録する。", kinds.ja, roles.ja),
                format!("{} at {} of {v} asks the patient, who consents orally; where the patient cannot be asked, that is recorded.", roles.en, kinds.en),
            ));
            (
                Words::new(
                    "災害のときは、次のすべてを満たせば、前もっての同意がなくても閲覧できます。",
                    "In a disaster it is seen without a consent given beforehand when all of this holds:",
                ),
                Words::new(
                    "訓練では、災害時に文書を開示することに前もって同意した患者の文書だけを閲覧でき、訓練であることが記録されます。",
                    "In a drill only documents of patients who consented beforehand to disclosing them in disasters are seen, and it is recorded as a drill.",
                ),
            )
        }
    };
    steps.add(&same_person(d, v));
    steps.add(&Words::new(
        "患者が、この閲覧を留保（拒否）していない。緊急時・災害時に見せたくない情報は、前もって留保を申し出ることができ、留保は常に優先する。",
        "The patient has made no reservation against it. What shall not be seen even then can be reserved beforehand; a reservation always wins.",
    ));
    Words::new(
        format!(
            "\n{}\n{}- 閲覧できる情報：{}\n{}\n",
            head.ja, steps.0.ja, what.ja, tail.ja
        ),
        format!(
            "\n{}\n{}- What is seen: {}\n{}\n",
            head.en, steps.0.en, what.en, tail.en
        ),
    )
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
            "患者が {name} で、{what_ja}に同意している（{}。同意の方法：{}、新しい施設：{}、撤回の方法：{}）。",
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
