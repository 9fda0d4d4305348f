//! Households as they are: who belongs to them, and what changed over the years.

use super::{ErrorClass, LAST_DAY};
use crate::Day;
use crate::person::with_check_digit;
use crate::report::Sex;
use crate::rng::Rng;
use crate::tables::{kin, names, places};

/// A name in kanji and kana.
pub(super) type Text = (String, String);

/// Where a household lives from a day on, with its telephone.
#[derive(Debug, Clone)]
pub(super) struct Home {
    pub(super) from: Day,
    pub(super) place: String,
    pub(super) town: String,
    pub(super) numbers: [u32; 3],
    pub(super) building: Option<u32>,
    pub(super) postal: String,
    pub(super) phone: String,
}

/// An insurance from a day on, without the branch.
#[derive(Debug, Clone)]
pub(super) struct Cover {
    pub(super) from: Day,
    pub(super) insurer: String,
    pub(super) symbol: String,
    pub(super) number: String,
}

/// A person of a household.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) sex: Sex,
    pub(super) birth: Day,
    /// Family names from a day on, the first since birth.
    pub(super) families: Vec<(Day, Text)>,
    pub(super) given: Text,
    /// Own telephone numbers from a day on.
    pub(super) phones: Vec<(Day, String)>,
    /// An own insurance, from a day on; before it the household's.
    pub(super) own_cover: Option<Cover>,
    /// An own home, from a day on.
    pub(super) own_home: Option<Home>,
    pub(super) branch: u32,
    pub(super) kin: Option<ErrorClass>,
    pub(super) abroad: bool,
}

/// People who live together, or did.
#[derive(Debug)]
pub(super) struct Household {
    pub(super) homes: Vec<Home>,
    pub(super) covers: Vec<Cover>,
    pub(super) members: Vec<Member>,
}

/// The beginning of everything that has no earlier day.
const ALWAYS: Day = Day::of(1900, 1, 1);

/// A day of the last eight years, in which charts are begun.
fn recent(rng: &mut Rng) -> Day {
    LAST_DAY.plus(-(rng.below(8 * 365) as i32))
}

fn family_name(rng: &mut Rng) -> Text {
    let total: u32 = kin::COMMON_FAMILY.iter().map(|row| row.2).sum();
    // Of ten persons three bear a common name.
    if rng.permille(300) {
        let mut at = rng.below(total);
        for (kanji, kana, weight) in kin::COMMON_FAMILY {
            match at.checked_sub(*weight) {
                Some(rest) => at = rest,
                None => return ((*kanji).to_owned(), (*kana).to_owned()),
            }
        }
    }
    if rng.permille(150) {
        let (kanji, kana) = rng.pick(names::FAMILY);
        return ((*kanji).to_owned(), (*kana).to_owned());
    }
    let (first, last) = (rng.pick(kin::FAMILY_FIRST), rng.pick(kin::FAMILY_LAST));
    (
        format!("{}{}", first.0, last.0),
        format!("{}{}", first.1, last.1),
    )
}

type Parts = &'static [(&'static str, &'static str)];

const fn parts(sex: Sex) -> (Parts, Parts, Parts) {
    match sex {
        Sex::M => (kin::MALE_FIRST, kin::MALE_LAST, names::MALE),
        Sex::F => (kin::FEMALE_FIRST, kin::FEMALE_LAST, names::FEMALE),
    }
}

/// A given name; with `like`, one that shares its first part, as parents of twins often choose.
fn given_name(rng: &mut Rng, sex: Sex, like: Option<&Text>) -> Text {
    let (first, last, whole) = parts(sex);
    let joined =
        |a: &(&str, &str), b: &(&str, &str)| (format!("{}{}", a.0, b.0), format!("{}{}", a.1, b.1));
    let shared = like.and_then(|name| {
        first
            .iter()
            .find(|(kanji, kana)| name.0.starts_with(kanji) && name.1.starts_with(kana))
    });
    if let Some(shared) = shared
        && rng.permille(600)
    {
        return joined(shared, rng.pick(last));
    }
    if rng.permille(250) {
        let (kanji, kana) = rng.pick(whole);
        return ((*kanji).to_owned(), (*kana).to_owned());
    }
    joined(rng.pick(first), rng.pick(last))
}

impl Home {
    fn invent(rng: &mut Rng, from: Day) -> Self {
        let city = rng.pick(places::CITIES);
        let first = rng.below(kin::TOWN_FIRST.len() as u32);
        let last = rng.below(kin::TOWN_LAST.len() as u32);
        let prefecture = crate::site::prefecture_name(city.prefecture);
        Self {
            from,
            place: format!("{prefecture}{}", city.name),
            town: format!(
                "{}{}",
                kin::TOWN_FIRST[first as usize],
                kin::TOWN_LAST[last as usize]
            ),
            numbers: [rng.between(1, 6), rng.between(1, 30), rng.between(1, 25)],
            building: rng.permille(300).then(|| rng.between(101, 1205)),
            // A town has a code.
            postal: format!("{}{:04}", city.postal, first * 10 + last),
            phone: format!("{}-00-{}", city.area_code, rng.digits(4)),
        }
    }
}

impl Cover {
    fn invent(rng: &mut Rng, from: Day) -> Self {
        let prefecture = rng.pick(places::CITIES).prefecture;
        let (body, symbol) = match rng.below(3) {
            // Municipal: six digits, a short symbol.
            0 => (format!("{prefecture:02}{}", rng.digits(3)), rng.digits(2)),
            1 => (format!("01{prefecture:02}001"), rng.digits(8)),
            _ => (format!("06{prefecture:02}{}", rng.digits(3)), rng.digits(4)),
        };
        Self {
            from,
            insurer: with_check_digit(&body),
            symbol,
            number: rng.digits(6),
        }
    }

    /// At 75 everybody has an insurance of their own, without symbol and branch.
    fn old_age(rng: &mut Rng, birth: Day) -> Self {
        let prefecture = rng.pick(places::CITIES).prefecture;
        Self {
            from: birth.plus(75 * 365 + 18),
            insurer: with_check_digit(&format!("39{prefecture:02}{}", rng.digits(3))),
            symbol: String::new(),
            number: rng.digits(8),
        }
    }
}

impl Household {
    pub(super) fn invent(seed: u64, number: u32, twins_permille: u32) -> Self {
        let rng = &mut Rng::of(seed, &["household", &number.to_string()]);
        let mut homes = vec![Home::invent(rng, ALWAYS)];
        let mut covers = vec![Cover::invent(rng, ALWAYS)];
        if rng.permille(100) {
            let from = recent(rng);
            homes.push(Home::invent(rng, from));
        }
        if rng.permille(150) {
            let from = recent(rng);
            covers.push(Cover::invent(rng, from));
        }
        let abroad = rng.permille(15);
        let family = if abroad {
            let name = rng.word(kin::ABROAD.0);
            (name.to_owned(), name.to_owned())
        } else {
            family_name(rng)
        };
        let mut household = Self {
            homes,
            covers,
            members: Vec::new(),
        };
        let old = LAST_DAY.plus(-(rng.between(26, 88) as i32 * 365 + rng.below(365) as i32));
        let other = old.plus(rng.between(0, 3000) as i32 - 1500);
        household.add(rng, Sex::M, old, &family, abroad, None);
        if rng.permille(700) {
            household.add(rng, Sex::F, other, &family, abroad, None);
        }
        let children = [0, 0, 1, 2, 2, 3][rng.below(6) as usize];
        let mut birth = old.plus(rng.between(22, 32) as i32 * 365 + rng.below(365) as i32);
        for _ in 0..children {
            if birth > LAST_DAY {
                break;
            }
            let kin = (children > 1).then_some(ErrorClass::Sibling);
            let sex = if rng.permille(500) { Sex::M } else { Sex::F };
            household.add(rng, sex, birth, &family, abroad, kin);
            if rng.permille(twins_permille) {
                let twin_sex = if rng.permille(700) { sex } else { Sex::M };
                if let Some(first) = household.members.last_mut() {
                    first.kin = Some(ErrorClass::Twin);
                }
                household.add(
                    rng,
                    twin_sex,
                    birth,
                    &family,
                    abroad,
                    Some(ErrorClass::Twin),
                );
            }
            birth = birth.plus(rng.between(400, 1500) as i32);
        }
        household
    }

    fn add(
        &mut self,
        rng: &mut Rng,
        sex: Sex,
        birth: Day,
        family: &Text,
        abroad: bool,
        kin: Option<ErrorClass>,
    ) {
        let taken: Vec<Text> = self.members.iter().map(|m| m.given.clone()).collect();
        let like = match kin {
            Some(ErrorClass::Twin) => self
                .members
                .last()
                .filter(|m| m.sex == sex)
                .map(|m| m.given.clone()),
            _ => None,
        };
        let given = loop {
            let name = if abroad {
                let name = rng.word(if sex == Sex::M {
                    kin::ABROAD.1
                } else {
                    kin::ABROAD.2
                });
                (name.to_owned(), name.to_owned())
            } else {
                given_name(rng, sex, like.as_ref())
            };
            // In one house nobody is called alike, by ear or by eye.
            if taken.iter().all(|t| t.0 != name.0 && t.1 != name.1) {
                break name;
            }
        };
        let age = LAST_DAY.days_since(birth) / 365;
        let mut families = vec![(ALWAYS, family.clone())];
        // Women of 22 to 50 who married in these years, or came back to their name.
        if sex == Sex::F && (22..50).contains(&age) && rng.permille(120) {
            families.push((recent(rng), family_name(rng)));
        }
        let mut phones = Vec::new();
        if age >= 14 && rng.permille(if age < 80 { 900 } else { 400 }) {
            let number = |rng: &mut Rng| {
                format!(
                    "0{}0-0{}-{}",
                    [7, 8, 9][rng.below(3) as usize],
                    rng.digits(3),
                    rng.digits(4)
                )
            };
            phones.push((ALWAYS, number(rng)));
            if rng.permille(50) {
                phones.push((recent(rng), number(rng)));
            }
        }
        // Grown-up children leave, and are insured where they work.
        let left = age >= 22 && (kin.is_some() || self.members.len() >= 2);
        let own_home = (left && rng.permille(600)).then(|| {
            let from = if rng.permille(700) {
                ALWAYS
            } else {
                recent(rng)
            };
            Home::invent(rng, from)
        });
        let own_cover = if age >= 75 {
            Some(Cover::old_age(rng, birth))
        } else if left && rng.permille(800) {
            let from = if rng.permille(700) {
                ALWAYS
            } else {
                recent(rng)
            };
            Some(Cover::invent(rng, from))
        } else {
            None
        };
        self.members.push(Member {
            sex,
            birth,
            families,
            given,
            phones,
            own_cover,
            own_home,
            branch: self.members.len() as u32,
            kin,
            abroad,
        });
    }
}
