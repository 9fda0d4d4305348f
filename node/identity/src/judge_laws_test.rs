//! The laws of judging, over anything a feed may hold.

use super::*;
use crate::{Address, Date, Insured, Name, Sex};
use proptest::prelude::*;

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[ァ-ヶ ー]{0,6}",
        2 => "[高髙崎﨑田中花子■ ]{0,5}",
        1 => "\\PC{0,12}",
        1 => Just(String::new()),
    ]
}

fn demographics() -> impl Strategy<Value = Demographics> {
    let name = || (texts(), texts()).prop_map(|(f, g)| Name::read(&f, &g));
    let address = ("[0-9]{0,8}", "[久留米市見本町丁目番0-9-]{0,14}");
    let insured = ("[0-9]{0,9}", "[0-9]{0,2}", "[0-9]{0,2}", "[0-2]{0,2}");
    (
        name(),
        name(),
        "(19[0-9]{2}0[1-9]1[0-9])?",
        "[MFOU]?",
        proptest::collection::vec(address, 0..3),
        proptest::collection::vec("0[0-9]{8,10}", 0..3),
        proptest::collection::vec(insured, 0..3),
    )
        .prop_map(
            |(kanji, kana, birth, sex, addresses, phones, insured)| Demographics {
                kanji,
                kana,
                birth: Date::read(&birth).ok(),
                sex: Sex::read(&sex),
                addresses: addresses
                    .iter()
                    .filter_map(|(p, t)| Address::read(p, t))
                    .collect(),
                phones,
                insured: insured
                    .iter()
                    .filter_map(|(a, b, c, d)| Insured::read(a, b, c, d))
                    .collect(),
            },
        )
}

proptest! {
    #[test]
    fn judging_is_symmetric(a in demographics(), b in demographics()) {
        let model = Model::standard();
        prop_assert_eq!(judge(&a, &b, &model), judge(&b, &a, &model));
    }

    #[test]
    fn nobody_is_kept_apart_from_himself(a in demographics()) {
        let judgement = judge(&a, &a, &Model::standard());
        for evidence in &judgement.fields {
            prop_assert!(evidence.level != Level::Apart && evidence.level != Level::Close, "{:?}", evidence);
        }
    }

    #[test]
    fn another_given_name_never_links(a in demographics(), b in demographics()) {
        let judgement = judge(&a, &b, &Model::standard());
        if judgement.level(Item::Given) == Level::Apart {
            prop_assert_ne!(judgement.band, Band::Link);
        }
    }
}
