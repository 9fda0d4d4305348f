//! What an agreement allows and what a consent policy says, in sentences, for those who sign them.

use crate::Words;
use crate::{Names, listed, names_of, period};
use sekisho_domain::{
    Agreement, Capture, Category, ConsentPolicy, FacilityKind, Grant, NetworkId, NewFacility,
    Purpose, Retention, Role, Rule, Withdrawal,
};
use sekisho_ledger::record::{AgreementHead, AgreementVersion};

/// Up to so many parties the directions nobody granted are listed; beyond, they would hide the others.
const PARTIES_LISTED_MAX: usize = 6;

/// Everything an agreement allows, direction by direction, and the directions it does not.
pub fn agreement(agreement: &Agreement, names: &Names) -> Words {
    let parties = listed(agreement.parties.iter().map(|p| same(&names.name(p))));
    let valid = period(&agreement.valid);
    let Agreement { id, version, .. } = agreement;
    let mut ja = format!(
        "協定 {id} 第{version}版\n  当事者：{}\n  有効期間：{}\n",
        parties.ja, valid.ja
    );
    let mut en = format!(
        "Agreement {id}, version {version}\n  Parties: {}\n  Valid: {}\n",
        parties.en, valid.en
    );
    for (n, of) in agreement.grants.iter().enumerate() {
        let text = grant(of, n + 1, names);
        ja.push_str(&text.ja);
        en.push_str(&text.en);
    }
    for (disclosing, viewing) in not_granted(agreement) {
        let (disclosing, viewing) = (names.name(disclosing), names.name(viewing));
        ja.push_str(&format!(
            "  ×  {viewing} は {disclosing} の文書を閲覧できません\n"
        ));
        en.push_str(&format!(
            "  x  {viewing} may not see documents of {disclosing}\n"
        ));
    }
    let (kept, settlement) = (retention(agreement.retention), agreement.settlement);
    ja.push_str(&format!(
        "  受け取った文書の保存：{}\n  費用：{}\n  協定書のSHA-256：{}\n",
        kept.ja,
        settlement.ja(),
        agreement.text_hash
    ));
    en.push_str(&format!(
        "  What was received is {}\n  Costs: {}\n  SHA-256 of the signed text: {}\n",
        kept.en,
        settlement.en(),
        agreement.text_hash
    ));
    Words { ja, en }
}

/// How long the viewing side keeps what it got.
fn retention(retention: Retention) -> Words {
    match retention {
        Retention::NotKept => Words::new("閲覧のみ、保存しない", "shown, not kept"),
        Retention::Days(days) => Words::new(
            format!("{days}日以内に消去"),
            format!("erased within {days} days"),
        ),
        Retention::AsOwnRecord => Words::new(
            "自らの診療録の一部として法定期間",
            "kept as part of the viewer's own record",
        ),
    }
}

fn grant(grant: &Grant, n: usize, names: &Names) -> Words {
    let (disclosing, viewing) = (names.name(&grant.disclosing), names.name(&grant.viewing));
    let categories = names_of!(Category, &grant.categories);
    let purposes = names_of!(Purpose, &grant.purposes);
    let kinds = names_of!(FacilityKind, &grant.facility_kinds);
    let roles = names_of!(Role, &grant.roles);
    let (rule, valid) = (grant.consent_rule, period(&grant.valid));
    Words::new(
        format!(
            "  {n}. {viewing} は {disclosing} の文書を閲覧できます\n     情報の種類：{}\n     利用目的：{}\n     \
             閲覧する施設：{}\n     職種：{}\n     必要な同意：{}\n     期間：{}\n",
            categories.ja,
            purposes.ja,
            kinds.ja,
            roles.ja,
            rule.ja(),
            valid.ja
        ),
        format!(
            "  {n}. {viewing} may see documents of {disclosing}\n     Categories: {}\n     Purposes: {}\n     \
             Asked from: {}\n     Asked by: {}\n     Consent needed: {}\n     Valid: {}\n",
            categories.en,
            purposes.en,
            kinds.en,
            roles.en,
            rule.en(),
            valid.en
        ),
    )
}

fn not_granted(agreement: &Agreement) -> Vec<(&NetworkId, &NetworkId)> {
    if agreement.parties.len() > PARTIES_LISTED_MAX {
        return Vec::new();
    }
    let granted = |d: &NetworkId, v: &NetworkId| {
        agreement
            .grants
            .iter()
            .any(|g| g.disclosing == *d && g.viewing == *v)
    };
    let pairs = agreement
        .parties
        .iter()
        .flat_map(|d| agreement.parties.iter().map(move |v| (d, v)));
    pairs.filter(|(d, v)| d != v && !granted(d, v)).collect()
}

/// Where an agreement stands: in force, waiting for whom, suspended or ended.
pub fn standing(head: &AgreementHead, latest: &AgreementVersion, names: &Names) -> Words {
    if let Some(index) = head.terminated {
        return Words::new(
            format!("終了（台帳 {index} 番）"),
            format!("terminated at ledger index {index}"),
        );
    }
    if let Some(index) = head.suspended {
        return Words::new(
            format!("停止中（台帳 {index} 番）"),
            format!("suspended at ledger index {index}"),
        );
    }
    let waiting = latest
        .agreement
        .parties
        .iter()
        .filter(|p| !latest.signed.contains_key(p));
    let waiting = listed(waiting.map(|p| same(&names.name(p))));
    let wait = |ja: &str, en: &str| match waiting.ja.is_empty() {
        true => Words::new(ja, en),
        false => Words::new(
            format!(
                "{ja}第{}版は {} の署名待ち",
                latest.agreement.version, waiting.ja
            ),
            format!(
                "{en}version {} waits for {}",
                latest.agreement.version, waiting.en
            ),
        ),
    };
    match head.signed.last() {
        Some(version) if waiting.ja.is_empty() => Words::new(
            format!("第{version}版に全当事者が署名済み"),
            format!("version {version} signed by all"),
        ),
        Some(version) => wait(
            &format!("第{version}版に全当事者が署名済み、"),
            &format!("version {version} signed by all, "),
        ),
        None => wait("", ""),
    }
}

/// How a network obtains consent.
pub fn policy(policy: &ConsentPolicy) -> Words {
    let from = super::Day::of(policy.valid_from);
    let sides = [
        ("開示", "Disclosing", &policy.disclosing),
        ("閲覧", "Viewing", &policy.viewing),
    ];
    let mut ja = format!("同意ポリシー 第{}版、{}から\n", policy.version, from.ja());
    let mut en = format!(
        "Consent policy, version {}, from {}\n",
        policy.version,
        from.en()
    );
    for (side_ja, side_en, of) in sides {
        let text = match of {
            Some(of) => rule(of),
            None => Words::new("同意の手続きなし", "no act of consent is asked for"),
        };
        ja.push_str(&format!("  {side_ja}：{}\n", text.ja));
        en.push_str(&format!("  {side_en}: {}\n", text.en));
    }
    if policy.voids_earlier {
        ja.push_str("  これより前の版のもとで得た同意は、この版の開始とともに無効になります\n");
        en.push_str("  Consents given under earlier versions end when this one begins\n");
    }
    if let Some(set) = &policy.emergency {
        let set = names_of!(Category, set);
        ja.push_str(&format!(
            "  緊急時に同意によらず自ネットワーク内で閲覧できるもの：{}\n",
            set.ja
        ));
        en.push_str(&format!(
            "  In an emergency its own facilities may see without consent: {}\n",
            set.en
        ));
    }
    ja.push_str(&format!("  ポリシー本文のSHA-256：{}\n", policy.text_hash));
    en.push_str(&format!(
        "  SHA-256 of the published text: {}\n",
        policy.text_hash
    ));
    Words { ja, en }
}

pub fn rule(rule: &Rule) -> Words {
    let capture = names_of!(Capture, &rule.capture);
    let withdrawal = names_of!(Withdrawal, &rule.withdrawal);
    let new = match rule.new_facility {
        NewFacility::NeedsConsent(capture) => Words::new(
            format!("新しい施設には改めて同意（{}）", capture.ja()),
            format!("a new facility needs its own consent ({})", capture.en()),
        ),
        NewFacility::NotCovered => {
            Words::new("新しい施設には及ばない", "new facilities are not covered")
        }
        NewFacility::AfterNotice { days } => Words::new(
            format!("新しい施設には加入の掲示から{days}日後に及ぶ"),
            format!("new facilities are covered {days} days after their joining was posted"),
        ),
        NewFacility::WhenCardPresented => Words::new(
            "新しい施設ではカード・QRコードの提示で改めて同意",
            "a new facility takes its own consent by card or QR code",
        ),
        NewFacility::FacilityChoice => Words::new(
            "新しい施設では施設が選ぶ方法で改めて同意",
            "a new facility takes its own consent in a way it chooses",
        ),
    };
    Words::new(
        format!(
            "{}、取得方法：{}、撤回方法：{}、{}",
            rule.scope.ja(),
            capture.ja,
            withdrawal.ja,
            new.ja
        ),
        format!(
            "{}; taken: {}; withdrawn: {}; {}",
            rule.scope.en(),
            capture.en,
            withdrawal.en,
            new.en
        ),
    )
}

/// A name that is the same in both languages.
fn same(name: &str) -> Words {
    Words::new(name, name)
}
