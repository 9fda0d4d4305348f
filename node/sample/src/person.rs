//! Invented people, and what one facility knows of one of them.

use crate::population::Record;
use crate::report::Sex;
use crate::rng::Rng;
use crate::site::Site;
use crate::tables::diseases::{DISEASES, Disease};
use crate::tables::{names, places};
use crate::vendor::StreetNumber;
use crate::{Day, FacilitySpec};

/// A person, as they are.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) number: u32,
    pub(crate) sex: Sex,
    pub(crate) birth: Day,
    /// Family name: kanji, kana.
    pub(crate) family: (&'static str, &'static str),
    /// Given name: kanji, kana.
    pub(crate) given: (&'static str, &'static str),
    /// Prefecture and city, then the town.
    place: (String, &'static str),
    street: [u32; 3],
    pub(crate) postal: String,
    pub(crate) phone: String,
    pub(crate) insurance: Insurance,
    pub(crate) height_mm: u32,
    pub(crate) weight_hg: u32,
    pub(crate) blood: &'static str,
    /// What the person's usual laboratory values follow from, the same at every facility.
    pub(crate) constitution: u64,
    /// At least one, the first of them chronic.
    pub(crate) diseases: Vec<&'static Disease>,
    /// Code, name, coding system, class.
    pub(crate) allergy: Option<&'static Allergen>,
}

/// One allergen: code, name, coding system, class (HL7 table 0127).
#[derive(Debug)]
pub(crate) struct Allergen {
    pub(crate) code: &'static str,
    pub(crate) name: &'static str,
    pub(crate) system: &'static str,
    pub(crate) class: &'static str,
    pub(crate) reaction: &'static str,
}

/// J-FAGY codes as in public samples; the others are local.
const ALLERGENS: &[Allergen] = &[
    Allergen {
        code: "J9FA21180000",
        name: "ピーナッツ",
        system: "J-FAGY",
        class: "FA^食物アレルギー^HL70127",
        reaction: "じんま疹",
    },
    Allergen {
        code: "J9NJ12150000",
        name: "猫",
        system: "J-FAGY",
        class: "AA^動物アレルギー^HL70127",
        reaction: "鼻炎・くしゃみ",
    },
    Allergen {
        code: "A001",
        name: "ペニシリン系抗生物質",
        system: "99X06",
        class: "DA^薬剤アレルギー^HL70127",
        reaction: "薬疹",
    },
    Allergen {
        code: "A002",
        name: "ヨード造影剤",
        system: "99X06",
        class: "DA^薬剤アレルギー^HL70127",
        reaction: "急性の血圧低下",
    },
];

/// Health insurance.
#[derive(Debug, Clone)]
pub(crate) struct Insurance {
    /// Kind, JHSD0001.
    pub(crate) kind: (&'static str, &'static str),
    /// Insurer number with its check digit, 6 or 8 digits.
    pub(crate) insurer: String,
    pub(crate) symbol: String,
    pub(crate) number: String,
    /// Branch number; individual-level since 2020/21, older feeds have none.
    pub(crate) branch: Option<String>,
    pub(crate) from: Day,
    pub(crate) dependant: bool,
}

/// The check digit of an insurer number: weights 2, 1, … from the right, digit sums (Luhn).
pub(crate) fn with_check_digit(body: &str) -> String {
    let sum: u32 = body
        .bytes()
        .rev()
        .enumerate()
        .map(|(n, b)| {
            let product = u32::from(b - b'0') * if n % 2 == 0 { 2 } else { 1 };
            product / 10 + product % 10
        })
        .sum();
    format!("{body}{}", (10 - sum % 10) % 10)
}

impl Insurance {
    fn invent(rng: &mut Rng, prefecture: u32, age: i32, last_day: Day) -> Self {
        let (kind, insurer) = if age >= 75 {
            let body = format!("39{prefecture:02}{}", rng.digits(3));
            (("39", "後期高齢者医療"), with_check_digit(&body))
        } else {
            match rng.below(3) {
                0 => {
                    let body = format!("{prefecture:02}{}", rng.digits(3));
                    (("C0", "国民健康保険"), with_check_digit(&body))
                }
                1 => {
                    let body = format!("01{prefecture:02}001");
                    (
                        ("01", "全国健康保険協会管掌健康保険"),
                        with_check_digit(&body),
                    )
                }
                _ => {
                    let body = format!("06{prefecture:02}{}", rng.digits(3));
                    (("06", "組合管掌健康保険"), with_check_digit(&body))
                }
            }
        };
        Self {
            kind,
            insurer,
            symbol: if age >= 75 {
                String::new()
            } else {
                rng.digits(4)
            },
            number: rng.digits(if age >= 75 { 8 } else { 6 }),
            branch: Some(format!("{:02}", rng.below(3))),
            from: last_day.plus(-(rng.between(800, 4000) as i32)),
            dependant: age < 75 && rng.permille(300),
        }
    }
}

impl Person {
    /// Invents a person who lives near a facility.
    pub(crate) fn invent(seed: u64, number: u32, home: &FacilitySpec, last_day: Day) -> Self {
        let mut rng = Rng::of(seed, &["person", &number.to_string()]);
        let rng = &mut rng;
        let sex = if rng.permille(500) { Sex::M } else { Sex::F };
        // Patients are old: the mean of two draws from 25 to 94, the upper one twice as often.
        let age = rng.between(25, 94).max(rng.between(25, 94)) as i32;
        let birth = last_day.plus(-(age * 365 + age / 4 + rng.below(360) as i32));
        let (prefecture, city) = crate::site::place_of(home);
        let given = rng.pick(if sex == Sex::M {
            names::MALE
        } else {
            names::FEMALE
        });
        Self {
            number,
            sex,
            birth,
            family: *rng.pick(names::FAMILY),
            given: *given,
            place: (
                format!(
                    "{}{}",
                    crate::site::prefecture_name(prefecture),
                    home.city.as_deref().unwrap_or(city.name)
                ),
                rng.word(places::TOWNS),
            ),
            street: [rng.between(1, 9), rng.between(1, 30), rng.between(1, 20)],
            postal: format!("{}{:04}", city.postal, rng.between(1, 9999)),
            // Exchange 00 is nobody's.
            phone: format!("{}-00-{}", city.area_code, rng.digits(4)),
            insurance: Insurance::invent(rng, prefecture, age, last_day),
            height_mm: if sex == Sex::M {
                rng.between(1580, 1800)
            } else {
                rng.between(1450, 1660)
            },
            weight_hg: if sex == Sex::M {
                rng.between(550, 820)
            } else {
                rng.between(420, 680)
            },
            blood: rng.word(&["A", "A", "O", "B", "AB"]),
            constitution: rng.next(),
            diseases: diseases_of(rng, sex),
            allergy: rng.permille(250).then(|| rng.pick(ALLERGENS)),
        }
    }

    /// The allergen written down where a chart must have one.
    pub(crate) fn allergy_or_first(&self) -> &'static Allergen {
        self.allergy.unwrap_or(&ALLERGENS[0])
    }
}

fn diseases_of(rng: &mut Rng, sex: Sex) -> Vec<&'static Disease> {
    let mut chosen: Vec<&'static Disease> = Vec::new();
    let wanted = rng.between(2, 4) as usize;
    while chosen.len() < wanted {
        let one = rng.pick(DISEASES);
        let fits =
            (one.icd10 != "N40" || sex == Sex::M) && !chosen.iter().any(|d| d.name == one.name);
        if fits && (!chosen.is_empty() || !one.acute) {
            chosen.push(one);
        }
    }
    chosen
}

/// A person as one facility has written them down (clinical-formats §6.4): its own id, its own
/// spelling, perhaps an earlier insurance.
#[derive(Debug, Clone)]
pub(crate) struct Patient {
    pub(crate) person: Person,
    pub(crate) local_id: String,
    /// The address in one line, in the maker's spelling.
    pub(crate) address: String,
    /// Family and given name in the maker's spelling.
    pub(crate) family: String,
    pub(crate) given: String,
    /// Family and given name in kana.
    pub(crate) kana: (String, String),
}

impl Patient {
    /// The person as the facility knows them.
    pub(crate) fn register(site: &Site, person: &Person, local_id: String, rng: &mut Rng) -> Self {
        let mut person = person.clone();
        if rng.permille(300) {
            person.insurance.branch = None;
        }
        if rng.permille(120) {
            // An earlier insurance that was never shown again: another number, begun earlier.
            person.insurance.number = rng.digits(6);
            person.insurance.from = person.insurance.from.plus(-700);
        }
        if rng.permille(100) {
            person.phone = String::new();
        }
        let [a, b, c] = person.street;
        let street = match site.quirks.street_number {
            StreetNumber::FullWidth => full_width(&format!("{a}−{b}−{c}")),
            StreetNumber::Ascii => format!("{a}-{b}-{c}"),
            StreetNumber::Chome => format!("{a}丁目{b}番{c}号"),
        };
        Self {
            local_id,
            address: format!("{}{}{street}", person.place.0, person.place.1),
            family: site.spell(person.family.0),
            given: site.spell(person.given.0),
            kana: (person.family.1.to_owned(), person.given.1.to_owned()),
            person,
        }
    }

    /// The same with what a population's record says of whom they are.
    pub(crate) fn written(mut self, record: &Record) -> Self {
        let written = &record.written;
        (self.family, self.given) = written.kanji.clone();
        self.kana = written.kana.clone();
        self.address = written.address.clone();
        self.person.sex = record.sex;
        self.person.birth = written.birth_day.unwrap_or(record.birth);
        self.person.postal = written.postal.replace('-', "");
        self.person.phone = written.phones.first().cloned().unwrap_or_default();
        let [insurer, symbol, number, branch] = written.insured.clone();
        let insurance = &mut self.person.insurance;
        (insurance.insurer, insurance.symbol, insurance.number) = (insurer, symbol, number);
        insurance.branch = Some(branch).filter(|branch| !branch.is_empty());
        self
    }
}

fn full_width(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '0'..='9' => char::from_u32(c as u32 - '0' as u32 + '０' as u32).unwrap_or(c),
            other => other,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn insurer_numbers_carry_the_right_check_digit() {
        // The two numbers of the guideline that are known to pass.
        assert_eq!(with_check_digit("0113001"), "01130012");
        assert_eq!(with_check_digit("0014410"), "00144105");
    }
}
