//! One direction: what can be granted in it and why, or what stands in the way.

use super::exception::Exception;
use super::groups::Group;
use super::{Granted, Hindrance, Terms, meet};
use crate::profile::{NetworkProfile, Standing, Words, codes_in_words as codes};
use sekisho_domain::{Agreement, Category, Codes, FacilityKind, Purpose, Role};
use sekisho_words::listed;

/// What `disclosing` can grant `viewing`, to at most so many groups of facilities.
pub(super) fn direction(
    disclosing: &NetworkProfile,
    viewing: &NetworkProfile,
    terms: &Terms,
    groups_max: usize,
) -> Result<Granted, Vec<Hindrance>> {
    let missing = disclosing.missing_to_disclose().into_iter();
    let missing = missing.chain(viewing.missing_to_view());
    let mut hindrances: Vec<_> = missing.map(Hindrance::Missing).collect();
    hindrances.dedup();
    if !hindrances.is_empty() {
        return Err(hindrances);
    }
    let meet = if terms.recipient {
        meet::recipient(disclosing, viewing)
            .map_err(|no| no.into_iter().map(Hindrance::NoRecipientRule).collect())
    } else {
        meet::meet(disclosing, viewing).map_err(|no| vec![Hindrance::NoMeet(no)])
    };
    let meet = meet?;
    let common = Common::of(disclosing, viewing)?;
    let mut granted = Granted {
        rule: meet.rule,
        grants: Vec::new(),
        reasons: meet.reasons,
        not_covered: Vec::new(),
        to_confirm: meet.differences,
        could_add: Vec::new(),
    };
    let mut left_out = common.categories;
    let mut kinds_left = common.kinds;
    let mut no_room = Codes::new();
    for (n, group) in Group::ALL.iter().enumerate() {
        let Some(grant) = group.grant(disclosing, viewing, &common, meet.rule, &terms.valid) else {
            continue;
        };
        kinds_left = kinds_left.difference(&grant.facility_kinds);
        if n >= groups_max {
            no_room = no_room.union(&grant.facility_kinds);
            continue;
        }
        granted.reasons.push(group.reason(&grant));
        left_out = left_out.difference(&grant.categories);
        granted.grants.push(grant);
    }
    if granted.grants.is_empty() {
        let of = Words::new(
            "施設・職種・情報の組合せ",
            "facilities, professions and categories",
        );
        return Err(vec![Hindrance::NothingCommon { of }]);
    }
    granted.not_covered = not_covered(disclosing, &left_out, &kinds_left, &no_room);
    granted.to_confirm.extend(to_confirm(disclosing, viewing));
    without_consent(&mut granted, disclosing, viewing, &common, terms);
    Ok(granted)
}

/// What both say, before it is divided among groups of facilities.
pub(super) struct Common {
    pub categories: Codes<Category>,
    pub kinds: Codes<FacilityKind>,
    pub roles: Codes<Role>,
    pub purposes: Codes<Purpose>,
}

impl Common {
    fn of(disclosing: &NetworkProfile, viewing: &NetworkProfile) -> Result<Self, Vec<Hindrance>> {
        let nothing = |ja: &str, en: &str| {
            vec![Hindrance::NothingCommon {
                of: Words::new(ja, en),
            }]
        };
        // Nobody looks in a profession its own network does not let look, or the other does not know.
        let mut roles = Codes::all();
        for said in [disclosing, viewing].iter().filter_map(|p| p.roles.value) {
            roles = roles.intersection(&said);
        }
        let mut purposes = Codes::from([Purpose::Treat, Purpose::CoordinationOfCare]);
        for said in [disclosing, viewing]
            .iter()
            .filter_map(|p| p.purposes.value)
        {
            purposes = purposes.intersection(&said);
        }
        if roles.is_empty() {
            return Err(nothing("職種", "professions"));
        }
        if purposes.is_empty() {
            return Err(nothing(
                "利用目的（診療・診療連携）",
                "purposes of use (treatment, coordination of care)",
            ));
        }
        Ok(Self {
            categories: disclosing.categories.value.unwrap_or_default(),
            kinds: viewing.viewing_kinds.value.unwrap_or_default(),
            roles,
            purposes,
        })
    }
}

/// Emergencies and disasters: granted where the parties asked for them, mentioned where both name them among their
/// aims, and otherwise named as not covered.
fn without_consent(
    granted: &mut Granted,
    disclosing: &NetworkProfile,
    viewing: &NetworkProfile,
    common: &Common,
    terms: &Terms,
) {
    let mut not_granted = Vec::new();
    for on in Exception::ALL {
        let Some(ceiling) = terms.ceiling(on) else {
            not_granted.push(on.name());
            if let Some(words) = on.mention(disclosing, viewing) {
                granted.could_add.push((on, words));
            }
            continue;
        };
        match on.grant(disclosing, viewing, common, &ceiling, &terms.valid) {
            Ok(grant) => {
                granted.reasons.push(on.reason(disclosing, &grant));
                granted.to_confirm.push(on.to_confirm());
                granted.grants.push(grant);
            }
            Err(lacking) => granted.not_covered.push(lacking),
        }
    }
    not_granted.push(Words::new("法令に基づくもの", "by law"));
    let of = listed(not_granted);
    granted.not_covered.push(Words::new(
        format!("同意によらない閲覧（{}）", of.ja.replace('、', "・")),
        format!("access without consent ({})", of.en),
    ));
}

fn not_covered(
    disclosing: &NetworkProfile,
    categories: &Codes<Category>,
    kinds: &Codes<FacilityKind>,
    no_room: &Codes<FacilityKind>,
) -> Vec<Words> {
    let mut left = Vec::new();
    let mut add = |ja: String, en: String| left.push(Words::new(ja, en));
    if !categories.is_empty() {
        let of = codes(categories);
        add(
            format!(
                "共有されているが、閲覧する施設の種類に合わない情報：{}",
                of.ja
            ),
            format!(
                "shared, but not for the kinds of facility that look: {}",
                of.en
            ),
        );
    }
    if !kinds.is_empty() {
        let of = codes(kinds);
        add(
            format!("ひな型で扱わない種類の施設：{}", of.ja),
            format!("kinds of facility the draft grants nothing to: {}", of.en),
        );
    }
    if !no_room.is_empty() {
        let (of, max) = (codes(no_room), Agreement::GRANTS_MAX);
        add(
            format!(
                "一つの協定に書ける許可は{max}件までのため、この案に入らない施設：{}（当事者を分けて協定を結べば加えられます）",
                of.ja
            ),
            format!(
                "kinds of facility left out because one agreement holds {max} grants: {} (agreements of fewer networks can add them)",
                of.en
            ),
        );
    }
    if let Some(planned) = &disclosing.planned.value {
        let of = codes(planned);
        add(
            format!("共有が予定にとどまる情報：{}", of.ja),
            format!("planned to be shared, not yet: {}", of.en),
        );
    }
    add(
        "研究その他の二次利用、本人の求めによる開示".to_owned(),
        "research and other secondary use, requests of the patients themselves".to_owned(),
    );
    left
}

fn to_confirm(disclosing: &NetworkProfile, viewing: &NetworkProfile) -> Vec<Words> {
    let mut confirm: Vec<_> = [disclosing, viewing]
        .iter()
        .flat_map(|party| party.to_confirm())
        .map(|missing| Words::new(missing.ja(), missing.en()))
        .collect();
    let roles = [disclosing, viewing]
        .iter()
        .all(|p| p.roles.standing != Standing::Chosen);
    if roles {
        confirm.push(Words::new(
            "職種はどの調査でも問われていないため、ひな型の提案です",
            "no survey asks for professions: those named are the draft's proposal",
        ));
    }
    confirm
}
