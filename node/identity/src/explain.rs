//! What evidence and rules mean, in Japanese and English, for people of a network who decide.

use crate::compare::{Item, Level};
use crate::judge::Band;
use crate::rules::Rule;
use serde::{Deserialize, Serialize};

/// A sentence in both languages. Never holds anybody's data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// Japanese.
    pub ja: String,
    /// English.
    pub en: String,
}

impl Said {
    pub(crate) fn new(ja: &str, en: &str) -> Self {
        Self {
            ja: ja.to_owned(),
            en: en.to_owned(),
        }
    }

    /// A judgement by score.
    pub(crate) fn of_score(band: Band, score: f64) -> Self {
        let (ja, en) = match band {
            Band::Link => ("同一人物と判定", "one person"),
            Band::Review => ("人の確認が必要", "a person looks"),
            Band::Apart => ("別人と判定", "two persons"),
        };
        Self {
            ja: format!("一致度の合計 {score:+.1} により{ja}"),
            en: format!("by the score of {score:+.1}: {en}"),
        }
    }
}

impl Item {
    /// Its name, for people.
    pub fn name(self) -> Said {
        let (ja, en) = match self {
            Self::Family => ("姓", "family name"),
            Self::Given => ("名", "given name"),
            Self::Birth => ("生年月日", "birth date"),
            Self::Sex => ("性別", "sex"),
            Self::Address => ("住所", "address"),
            Self::Phone => ("電話番号", "telephone number"),
            Self::Insured => ("被保険者番号", "insured person's number"),
        };
        Said::new(ja, en)
    }
}

/// What a level of an item means.
pub(crate) fn sentence(item: Item, level: Level) -> Said {
    use Level::*;
    let (ja, en) = match (item, level) {
        (Item::Insured, Close) => (
            "保険者・記号・番号は同じだが枝番が異なる（家族の可能性）",
            "insurer, symbol and number are the same, the branch is another: perhaps of one family",
        ),
        (Item::Insured, Partial) => (
            "保険者・記号・番号は同じだが枝番がない（家族共通の番号）",
            "insurer, symbol and number are the same, the branch is missing: a family's number",
        ),
        (Item::Insured, Apart) => (
            "保険者または番号が異なる（転職・転居・75歳で変わる）",
            "insurer or number is another: it changes with work, home and at 75",
        ),
        (Item::Birth, Close) => (
            "生年月日が書き誤りの範囲で異なる",
            "the birth date differs by a slip of the pen",
        ),
        (Item::Birth, Partial) => (
            "生年月日は年月または月日のみ同じ",
            "of the birth date only year and month, or month and day, are the same",
        ),
        (Item::Address, Close) => (
            "住所は町と番地まで同じで、その先が異なるか欠ける",
            "the address is the same up to town and block; what follows differs or is missing",
        ),
        (Item::Address, Partial) => (
            "住所は町または郵便番号のみ同じ",
            "of the address only the town or the postal code is the same",
        ),
        (Item::Address, Apart) => (
            "住所が異なる（転居の可能性）",
            "the address is another: perhaps moved",
        ),
        (Item::Family, Apart) => (
            "姓が異なる（改姓の可能性）",
            "the family name is another: perhaps changed",
        ),
        (Item::Family | Item::Given, Partial) => {
            let (ja, en) = both(item);
            return Said {
                ja: format!("{ja}は漢字・カナの一方のみ同じか、姓と名が入れ替わっている"),
                en: format!(
                    "the {en} is the same only in kanji or only in kana, or stands in the other's place"
                ),
            };
        }
        (Item::Phone, Close) => (
            "電話番号が1桁の誤りの範囲で異なる",
            "the telephone number differs by a slip of the pen",
        ),
        (_, level) => {
            let (item_ja, item_en) = both(item);
            let (ja, en) = match level {
                Exact => ("が同じ", "is the same"),
                Folded => (
                    "が表記の違いを除いて同じ",
                    "is the same but for its spelling",
                ),
                Close => ("がよく似ている", "is much alike"),
                Partial => ("が一部同じ", "is the same in part"),
                Apart => ("が異なる", "is another"),
                Missing => ("は一方にない", "is missing on one side"),
            };
            return Said {
                ja: format!("{item_ja}{ja}"),
                en: format!("the {item_en} {en}"),
            };
        }
    };
    Said::new(ja, en)
}

fn both(item: Item) -> (String, String) {
    let Said { ja, en } = item.name();
    (ja, en)
}

/// What a rule means.
pub(crate) fn sentence_of_rule(rule: Rule) -> Said {
    let (ja, en) = match rule {
        Rule::InsuredPerson => (
            "規則により同一人物：枝番まで同じ被保険者番号で、生年月日と性別も同じ",
            "one person by rule: the insured number with its branch, birth date and sex are the same",
        ),
        Rule::InsuredFamilyMember => (
            "規則により同一人物：被保険者番号（枝番なし）、生年月日、性別、名が同じ",
            "one person by rule: the insured number without branch, birth date, sex and given name are the same",
        ),
        Rule::OtherBirthAndGiven => (
            "規則により別人：名も生年月日も異なる",
            "two persons by rule: given name and birth date are both others",
        ),
        Rule::Twins => (
            "規則により別人：生年月日と家が同じで名が異なる（双子の可能性）",
            "two persons by rule: the same birth date and household with another given name, like twins",
        ),
        Rule::OtherBranch => (
            "規則により別人：同じ被保険者番号で枝番が異なる（家族）",
            "two persons by rule: the same insured number with another branch, like a family's",
        ),
        Rule::OtherSexAndGiven => (
            "規則により別人：性別も名も異なる",
            "two persons by rule: sex and given name are both others",
        ),
        Rule::GivenInDoubt => (
            "人の確認が必要：ほかは一致するが名が確かでない（双子・兄弟の可能性）",
            "a person looks: all else agrees but the given name is in doubt; perhaps twins or siblings",
        ),
        Rule::BirthInDoubt => (
            "人の確認が必要：ほかは一致するが生年月日が確かでない",
            "a person looks: all else agrees but the birth date is in doubt",
        ),
        Rule::SexInDoubt => (
            "人の確認が必要：ほかは一致するが性別が異なる",
            "a person looks: all else agrees but the sex is another",
        ),
        Rule::BranchInDoubt => (
            "人の確認が必要：ほかは一致するが枝番が異なる",
            "a person looks: all else agrees but the branch of the insured number is another",
        ),
        Rule::NoOtherWitness => (
            "人の確認が必要：氏名・生年月日・性別のほかに一致するものがない（同姓同名の可能性）",
            "a person looks: nothing agrees beside name, birth date and sex; perhaps a namesake",
        ),
    };
    Said::new(ja, en)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_said_in_both_languages_and_differently() {
        let mut said = std::collections::BTreeSet::new();
        for item in Item::ALL {
            for level in Level::ALL.into_iter().chain([Level::Missing]) {
                let one = sentence(item, level);
                assert!(!one.ja.is_ascii() && one.en.is_ascii(), "{one:?}");
                assert!(said.insert(one.en.clone()), "twice: {one:?}");
            }
        }
        for rule in Rule::ALL {
            let one = sentence_of_rule(rule);
            assert!(!one.ja.is_ascii() && one.en.is_ascii(), "{one:?}");
            assert!(said.insert(one.en), "twice");
        }
    }
}
