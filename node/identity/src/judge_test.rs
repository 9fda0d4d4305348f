//! What must link, what must wait, what must never link; and the laws of judging.

use super::*;
use crate::{Address, Date, Insured, Name, Sex};

/// A chart, field by field as text; empty is missing.
struct Chart<'a> {
    kanji: &'a str,
    kana: &'a str,
    birth: &'a str,
    sex: &'a str,
    address: &'a str,
    phone: &'a str,
    insured: [&'a str; 4],
}

const HANAKO: Chart<'static> = Chart {
    kanji: "架空 花子",
    kana: "カクウ ハナコ",
    birth: "19500102",
    sex: "F",
    address: "福岡県久留米市見本町1-2-3",
    phone: "0942-00-1234",
    insured: ["01130012", "70", "123456", "01"],
};

fn chart(c: &Chart<'_>) -> Demographics {
    let [insurer, symbol, number, branch] = c.insured;
    Demographics {
        kanji: Name::whole(c.kanji),
        kana: Name::whole(c.kana),
        birth: Date::read(c.birth).ok(),
        sex: Sex::read(c.sex),
        addresses: Address::read("", c.address).into_iter().collect(),
        phones: Some(c.phone.to_owned())
            .into_iter()
            .filter(|p| !p.is_empty())
            .collect(),
        insured: Insured::read(insurer, symbol, number, branch)
            .into_iter()
            .collect(),
    }
}

fn judged(a: &Chart<'_>, b: &Chart<'_>) -> Judgement {
    judge(&chart(a), &chart(b), &Model::standard())
}

#[test]
fn one_person_written_in_two_ways_is_linked() {
    let cases: [(&str, Chart<'_>); 16] = [
        ("the same", HANAKO),
        (
            "widths",
            Chart {
                kana: "ｶｸｳ ﾊﾅｺ",
                address: "福岡県久留米市見本町１丁目２番３号",
                ..HANAKO
            },
        ),
        (
            "no branch",
            Chart {
                insured: ["1130012", "７０", "123456", ""],
                ..HANAKO
            },
        ),
        (
            "another insurance",
            Chart {
                insured: ["39400012", "", "99887766", "00"],
                ..HANAKO
            },
        ),
        (
            "moved",
            Chart {
                address: "佐賀県佐賀市架空町9-9",
                ..HANAKO
            },
        ),
        (
            "moved and insured elsewhere",
            Chart {
                address: "佐賀県佐賀市架空町9-9",
                insured: ["39400012", "", "99887766", "00"],
                ..HANAKO
            },
        ),
        (
            "another family name",
            Chart {
                kanji: "見本 花子",
                kana: "ミホン ハナコ",
                insured: ["", "", "", ""],
                ..HANAKO
            },
        ),
        (
            "a slip in the birth date",
            Chart {
                birth: "19500103",
                insured: ["", "", "", ""],
                ..HANAKO
            },
        ),
        (
            "an era for another",
            Chart {
                birth: "20130102",
                insured: ["", "", "", ""],
                ..HANAKO
            },
        ),
        (
            "kana alone",
            Chart {
                kanji: "",
                insured: ["", "", "", ""],
                ..HANAKO
            },
        ),
        (
            "nothing else but the telephone, in another notation",
            Chart {
                address: "",
                phone: "+81 (0)942 00 1234",
                insured: ["", "", "", ""],
                ..HANAKO
            },
        ),
        (
            "family and given name in each other's place",
            Chart {
                kanji: "花子 架空",
                kana: "ハナコ カクウ",
                ..HANAKO
            },
        ),
        (
            "not parted",
            Chart {
                kanji: "架空花子",
                kana: "カクウハナコ",
                ..HANAKO
            },
        ),
        (
            "not parted, another family name",
            Chart {
                kanji: "見本花子",
                kana: "ﾐﾎﾝﾊﾅｺ",
                ..HANAKO
            },
        ),
        (
            "half a birth date and all of the insurance",
            Chart {
                birth: "19500131",
                ..HANAKO
            },
        ),
        (
            "an unreadable character",
            Chart {
                kanji: "■空 花子",
                phone: "",
                ..HANAKO
            },
        ),
    ];
    for (what, other) in cases {
        let judgement = judged(&HANAKO, &other);
        assert_eq!(judgement.band, Band::Link, "{what}: {judgement:#?}");
    }
}

#[test]
fn another_person_is_never_linked() {
    let same_family = ["01130012", "70", "123456", ""];
    let cases: [(&str, Chart<'_>, Rule); 7] = [
        (
            "twin with another branch",
            Chart {
                kanji: "架空 桃子",
                kana: "カクウ モモコ",
                insured: ["01130012", "70", "123456", "02"],
                ..HANAKO
            },
            Rule::OtherBranch,
        ),
        (
            "twin without branch",
            Chart {
                kanji: "架空 桃子",
                kana: "カクウ モモコ",
                insured: same_family,
                ..HANAKO
            },
            Rule::Twins,
        ),
        (
            "twin of the other sex",
            Chart {
                kanji: "架空 一郎",
                kana: "カクウ イチロウ",
                sex: "M",
                insured: same_family,
                ..HANAKO
            },
            Rule::Twins,
        ),
        (
            "sister",
            Chart {
                kanji: "架空 桃子",
                kana: "カクウ モモコ",
                birth: "19520304",
                insured: same_family,
                ..HANAKO
            },
            Rule::OtherBirthAndGiven,
        ),
        (
            "sister born in the same month",
            Chart {
                kanji: "架空 桃子",
                kana: "カクウ モモコ",
                birth: "19500122",
                insured: same_family,
                ..HANAKO
            },
            Rule::OtherBirthAndGiven,
        ),
        (
            "twin whose name is not parted",
            Chart {
                kanji: "架空桃子",
                kana: "カクウモモコ",
                insured: same_family,
                ..HANAKO
            },
            Rule::Twins,
        ),
        (
            "twin with a branch given to all",
            Chart {
                kanji: "架空 桃子",
                kana: "カクウ モモコ",
                ..HANAKO
            },
            Rule::Twins,
        ),
    ];
    for (what, other, rule) in cases {
        let judgement = judged(&HANAKO, &other);
        assert_eq!(
            (judgement.band, judgement.why),
            (Band::Apart, Why::Rule(rule)),
            "{what}: {judgement:#?}"
        );
    }
}

#[test]
fn names_that_are_parted_nowhere_are_compared_as_wholes() {
    let whole = Chart {
        kanji: "架空花子",
        kana: "カクウハナコ",
        ..HANAKO
    };
    let twin = Chart {
        kanji: "架空桃子",
        kana: "カクウモモコ",
        insured: ["01130012", "70", "123456", ""],
        ..HANAKO
    };
    assert_eq!(
        judged(
            &whole,
            &Chart {
                kana: "ｶｸｳﾊﾅｺ",
                ..whole
            }
        )
        .band,
        Band::Link
    );
    assert_eq!(judged(&whole, &twin).band, Band::Apart);
}

#[test]
fn a_vowels_length_alone_makes_no_agreement_of_twins() {
    let family = ["01130012", "70", "123456", ""];
    let naori = Chart {
        kanji: "架空 直里",
        kana: "カクウ ナオリ",
        insured: family,
        ..HANAKO
    };
    for (kanji, kana) in [
        ("架空 直織", "カクウ ナオオリ"),
        ("架空直織", "カクウナオオリ"),
        ("架空直織", "ｶｸｳﾅｵｵﾘ"),
        ("", "カクウ ナオオリ"),
        ("カクウ ナオオリ", "カクウ ナオオリ"),
    ] {
        let twin = Chart {
            kanji,
            kana,
            ..naori
        };
        assert_ne!(judged(&naori, &twin).band, Band::Link, "{kanji} {kana}");
        assert_ne!(judged(&twin, &naori).band, Band::Link, "{kanji} {kana}");
    }
    // The same length in another spelling is one.
    let other = Chart {
        kanji: "",
        kana: "ｶｸｰ ﾊﾅｺ",
        insured: family,
        ..HANAKO
    };
    assert_eq!(judged(&HANAKO, &other).band, Band::Link);
}

#[test]
fn doubt_waits_for_a_person() {
    let nothing = ["", "", "", ""];
    let cases: [(&str, Chart<'_>); 6] = [
        // ハナコ and ハナエ are too unlike; these two are not, and kana is all there is.
        (
            "a twin's name alike",
            Chart {
                kanji: "",
                kana: "カクウ ハナコサ",
                insured: nothing,
                ..HANAKO
            },
        ),
        (
            "no birth date",
            Chart {
                birth: "",
                ..HANAKO
            },
        ),
        (
            "another birth date",
            Chart {
                birth: "19630718",
                ..HANAKO
            },
        ),
        ("another sex", Chart { sex: "M", ..HANAKO }),
        (
            "another branch",
            Chart {
                insured: ["01130012", "70", "123456", "02"],
                ..HANAKO
            },
        ),
        (
            "nothing but name and birth date",
            Chart {
                address: "",
                phone: "",
                insured: nothing,
                ..HANAKO
            },
        ),
    ];
    for (what, other) in cases {
        let judgement = judged(&HANAKO, &other);
        assert_eq!(judgement.band, Band::Review, "{what}: {judgement:#?}");
    }
}

#[test]
fn a_stranger_of_the_same_name_and_birth_date_is_not_linked() {
    let other = Chart {
        address: "佐賀県佐賀市架空町9-9",
        phone: "0952-00-9999",
        insured: ["39400012", "", "99887766", "00"],
        ..HANAKO
    };
    assert_ne!(judged(&HANAKO, &other).band, Band::Link);
}

#[test]
fn a_household_counts_once() {
    let model = Model::standard();
    let judgement = judged(
        &HANAKO,
        &Chart {
            kanji: "",
            kana: "",
            birth: "",
            sex: "",
            ..HANAKO
        },
    );
    let household: f64 = judgement
        .fields
        .iter()
        .filter(|e| e.item != Item::Insured)
        .map(|e| e.bits)
        .sum();
    assert!(
        household <= model.household_bits_max + 1e-9,
        "{judgement:#?}"
    );
}

#[test]
fn a_judgement_explains_itself_without_anybodys_data() {
    let judgement = judged(
        &HANAKO,
        &Chart {
            address: "佐賀県佐賀市架空町9-9",
            ..HANAKO
        },
    );
    let said = judgement.sentences();
    assert_eq!(said.len(), 1 + Item::COUNT);
    let all: String = said
        .iter()
        .map(|s| format!("{} {}\n", s.ja, s.en))
        .collect();
    assert!(
        all.contains("転居") && all.contains("perhaps moved"),
        "{all}"
    );
    for secret in ["架空", "花子", "ハナコ", "1950", "見本", "1234"] {
        assert!(!all.contains(secret), "{all}");
    }
    let json = serde_json::to_string(&judgement).unwrap();
    let back: Judgement = serde_json::from_str(&json).unwrap();
    assert_eq!(back.band, judgement.band);
}

#[test]
fn a_model_from_outside_is_checked() {
    let model = Model::standard();
    assert_eq!(model.check(), Ok(()));
    let json = serde_json::to_string(&model).unwrap();
    assert_eq!(serde_json::from_str::<Model>(&json).unwrap(), model);
    let mut wrong = model.clone();
    wrong.parameters.fields.pop();
    assert!(serde_json::from_str::<Model>(&serde_json::to_string(&wrong).unwrap()).is_err());
    let mut wrong = model.clone();
    wrong.parameters.fields[0].m[0] = 1.5;
    assert!(wrong.check().is_err());
    assert!(model.with_bands(1.0, 2.0).check().is_err());
}
