//! How a facility writes a person down: its system's habits, its clerks' slips, and what was true on the day.

use super::household::{Cover, Home, Household, Member};
use super::spelling::spell;
use super::{ErrorClass, LAST_DAY, Written};
use crate::Day;
use crate::report::Sex;
use crate::rng::Rng;
use crate::tables::names;

/// What a facility's system does to everything it stores.
#[derive(Debug)]
pub(super) struct Habit {
    pub(super) half_width: bool,
    pub(super) large_kana: bool,
    /// 0 as they are, 1 the common form, 2 unreadable.
    variants: u32,
    no_branch: bool,
    era: bool,
    /// 0 １−２−３, 1 1-2-3, 2 1丁目2番3号, 3 一丁目2-3.
    notation: u32,
    zero_lost: bool,
    digits_for_sex: bool,
    building: bool,
    without_prefecture: bool,
    not_parted: bool,
}

impl Habit {
    pub(super) fn of(seed: u64, number: u32) -> Self {
        let rng = &mut Rng::of(seed, &["habit", &number.to_string()]);
        Self {
            half_width: rng.permille(250),
            large_kana: rng.permille(150),
            variants: [0, 1, 1, 2][rng.below(4) as usize],
            no_branch: rng.permille(300),
            era: rng.permille(150),
            notation: rng.below(4),
            zero_lost: rng.permille(200),
            digits_for_sex: rng.permille(200),
            building: rng.permille(400),
            without_prefecture: rng.permille(200),
            not_parted: rng.permille(80),
        }
    }
}

/// What held on a day: the last of those that had begun, and whether it is the last of all.
fn on<T>(day: Day, of: &[T], from: impl Fn(&T) -> Day) -> Option<(&T, bool)> {
    let at = of.iter().rposition(|one| from(one) <= day)?;
    of.get(at).map(|one| (one, at + 1 == of.len()))
}

/// A person written down on a day of the last eight years.
pub(super) fn write(
    household: &Household,
    member: &Member,
    habit: &Habit,
    rng: &mut Rng,
) -> (Written, Vec<ErrorClass>) {
    use ErrorClass::*;
    let day = LAST_DAY
        .plus(-(rng.below(8 * 365) as i32))
        .max(member.birth);
    let mut classes: Vec<ErrorClass> = member.kin.into_iter().collect();
    let mut note = |class: ErrorClass, holds: bool| {
        if holds {
            classes.push(class);
        }
        holds
    };
    let mut written = Written::default();

    // The name.
    let (family, latest) = on(day, &member.families, |f| f.0)
        .map_or((&member.given, true), |((_, name), latest)| (name, latest));
    note(SurnameChange, !latest);
    let kanji = [&family.0, &member.given.0].map(|name| in_script(name, habit.variants));
    note(
        Variant,
        kanji.iter().any(|(_, class)| *class == Some(Variant)),
    );
    note(
        Unreadable,
        kanji.iter().any(|(_, class)| *class == Some(Unreadable)),
    );
    let [family_kanji, given_kanji] = kanji.map(|(text, _)| text);
    written.kanji = (family_kanji, given_kanji);
    let spelled = [&family.1, &member.given.1].map(|name| spell(name, habit, rng));
    for class in [LongVowel, SmallKana, VForB, KanaSlip, Width] {
        note(
            class,
            spelled.iter().any(|(_, classes)| classes.contains(&class)),
        );
    }
    let [family_kana, given_kana] = spelled.map(|(text, _)| text);
    written.kana = (family_kana, given_kana);
    if note(ScriptMissing, !member.abroad && rng.permille(30)) {
        if rng.permille(500) {
            written.kanji = Default::default();
        } else {
            written.kana = Default::default();
        }
    } else if member.abroad {
        written.kanji = written.kana.clone();
    }

    if note(NotParted, habit.not_parted) {
        for (family, given) in [&mut written.kanji, &mut written.kana] {
            family.push_str(given);
            given.clear();
        }
    }

    // Birth date and sex.
    let birth = if note(BirthSlip, rng.permille(12)) {
        slipped(member.birth, rng)
    } else {
        member.birth
    };
    written.birth = if note(EraDate, habit.era) {
        era_date(birth)
    } else {
        birth.to_string()
    };
    written.birth_day = Some(birth);
    written.sex = match (member.sex, habit.digits_for_sex) {
        (Sex::M, false) => "M",
        (Sex::F, false) => "F",
        (Sex::M, true) => "1",
        (Sex::F, true) => "2",
    };

    // Home.
    let home = match &member.own_home {
        Some(own) if own.from <= day => Some((own, true)),
        own => on(day, &household.homes, |h| h.from)
            .map(|(home, latest)| (home, latest && own.is_none())),
    };
    if let Some((home, latest)) = home {
        note(Moved, !latest);
        note(AddressNotation, habit.notation != 1);
        written.postal = format!("{}-{}", &home.postal[..3], &home.postal[3..]);
        written.address = address(home, habit);
        let own = on(day, &member.phones, |p| p.0);
        let changed = own.is_some_and(|(_, latest)| !latest);
        if note(PhoneMissing, rng.permille(60)) {
        } else if let Some(((_, number), _)) = own.filter(|_| rng.permille(750)) {
            note(PhoneChange, changed);
            written.phones.push(number.clone());
            if rng.permille(200) {
                written.phones.push(home.phone.clone());
            }
        } else {
            note(FamilyPhone, true);
            written.phones.push(home.phone.clone());
        }
        if habit.half_width {
            for phone in &mut written.phones {
                phone.retain(|c| c != '-');
            }
        }
    }

    // Insurance.
    let cover: Option<(&Cover, bool, bool)> = match &member.own_cover {
        Some(own) if own.from <= day => Some((own, true, true)),
        own => on(day, &household.covers, |c| c.from)
            .map(|(c, latest)| (c, latest && own.is_none(), false)),
    };
    if note(InsuranceMissing, rng.permille(40)) {
    } else if let Some((cover, latest, own)) = cover {
        note(InsurerChange, !latest);
        let insurer = if habit.zero_lost {
            cover.insurer.trim_start_matches('0')
        } else {
            &cover.insurer
        };
        let old_age = cover.insurer.starts_with("39");
        let branch = if old_age || note(MissingBranch, habit.no_branch || rng.permille(80)) {
            String::new()
        } else {
            format!("{:02}", if own { 0 } else { member.branch })
        };
        let wide = |text: &str| {
            if habit.half_width {
                text.to_owned()
            } else {
                full_digits(text)
            }
        };
        written.insured = [
            insurer.to_owned(),
            wide(&cover.symbol),
            cover.number.clone(),
            branch,
        ];
    }
    classes.sort_unstable();
    classes.dedup();
    (written, classes)
}

/// A name in kanji as the system can hold it.
fn in_script(name: &str, variants: u32) -> (String, Option<ErrorClass>) {
    let rare = |c: char| names::COMMON_FORM.iter().find(|(rare, _)| *rare == c);
    let old = |c: char| OLD_FORMS.iter().find(|(old, _)| *old == c);
    match variants {
        1 if name.chars().any(|c| rare(c).is_some() || old(c).is_some()) => {
            let common = |c: char| rare(c).or_else(|| old(c)).map_or(c, |(_, common)| *common);
            (
                name.chars().map(common).collect(),
                Some(ErrorClass::Variant),
            )
        }
        2 if name.chars().any(|c| rare(c).is_some()) => {
            let geta = |c: char| if rare(c).is_some() { '■' } else { c };
            (
                name.chars().map(geta).collect(),
                Some(ErrorClass::Unreadable),
            )
        }
        _ => (name.to_owned(), None),
    }
}

/// Old forms within JIS X 0208 and what is written for them.
const OLD_FORMS: &[(char, char)] = &[
    ('邊', '辺'),
    ('邉', '辺'),
    ('齋', '斎'),
    ('齊', '斉'),
    ('嶋', '島'),
    ('廣', '広'),
    ('櫻', '桜'),
    ('澤', '沢'),
    ('澁', '渋'),
    ('瀧', '滝'),
    ('龍', '竜'),
];

/// A digit mistyped, month and day changed for each other, or two neighbouring digits.
fn slipped(birth: Day, rng: &mut Rng) -> Day {
    let (year, month, day) = birth.ymd();
    let other = match rng.below(4) {
        0 if day <= 12 && month != day => Day::of(year, day, month),
        0 | 1 => Day::of(year - 10 + 20 * rng.below(2) as i32, month, day.min(28)),
        2 => Day::of(year - 1 + 2 * rng.below(2) as i32, month, day.min(28)),
        _ => {
            let (tens, ones) = (day / 10, day % 10);
            let ones = if ones >= 8 { ones - 1 } else { ones + 1 };
            Day::of(year, month, (tens * 10 + ones).clamp(1, 28))
        }
    };
    if other == birth || other > LAST_DAY {
        birth.plus(-365)
    } else {
        other
    }
}

/// S25.1.2.
fn era_date(day: Day) -> String {
    let (year, month, date) = day.ymd();
    let (letter, before) = if day >= Day::of(2019, 5, 1) {
        ('R', 2018)
    } else if day >= Day::of(1989, 1, 8) {
        ('H', 1988)
    } else if day >= Day::of(1926, 12, 25) {
        ('S', 1925)
    } else {
        ('T', 1911)
    };
    format!("{letter}{}.{month}.{date}", year - before)
}

fn address(home: &Home, habit: &Habit) -> String {
    let [a, b, c] = home.numbers;
    let numbers = match habit.notation {
        0 => full_digits(&format!("{a}−{b}−{c}")),
        1 => format!("{a}-{b}-{c}"),
        2 => format!("{a}丁目{b}番{c}号"),
        _ => {
            let kanji = "〇一二三四五六七八九"
                .chars()
                .nth(a as usize)
                .unwrap_or('一');
            format!("{kanji}丁目{b}-{c}")
        }
    };
    let place = match home
        .place
        .split_once('県')
        .filter(|_| habit.without_prefecture)
    {
        Some((_, city)) => city,
        None => &home.place,
    };
    let building = match home.building.filter(|_| habit.building) {
        Some(room) => format!("　ハイツ{room}号室"),
        None => String::new(),
    };
    format!("{place}{}{numbers}{building}", home.town)
}

fn full_digits(text: &str) -> String {
    let wide = |c: char| match c {
        '0'..='9' => char::from_u32(c as u32 - '0' as u32 + '０' as u32).unwrap_or(c),
        other => other,
    };
    text.chars().map(wide).collect()
}
