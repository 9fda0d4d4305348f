//! What does not hold in a proof bundle, in words. Details of the formats stay in the specifications' English.

use crate::Words;
use sekisho_ledger::bundle::{BUNDLE_BYTES_MAX, BundleFault};

/// The first thing that does not hold.
pub fn words(fault: &BundleFault) -> Words {
    use BundleFault as F;
    let ja = match fault {
        F::Genesis(detail) => format!("創設ファイルが正しくありません（{detail}）"),
        F::TooLarge { .. } => {
            // What was read ends there; how long the file is, nobody looked.
            return Words::new(
                format!("証拠ファイルにしては大きすぎます（上限 {BUNDLE_BYTES_MAX} バイト）"),
                format!(
                    "the file is over {BUNDLE_BYTES_MAX} bytes, more than a proof bundle can have"
                ),
            );
        }
        F::Form(detail) => format!("証拠ファイルの形式ではありません（{detail}）"),
        F::Version(version) => {
            format!("証拠ファイルの版 {version} は、このプログラムでは扱えません")
        }
        F::NotCanonical => {
            "内容に、付け足し・欠落・書き換えがあります（正規の符号化ではありません）".to_owned()
        }
        F::WrongLedger { got, expected } => {
            format!("別の台帳の証拠です（証拠の台帳 {got}、創設ファイルの台帳 {expected}）")
        }
        F::TooMany { what, got, max } => {
            format!("含まれるものが多すぎます（{what}：{got} 件、上限 {max} 件）")
        }
        F::Checkpoint(detail) => {
            format!("検証点が、台帳の過半数のレプリカによる正しい連署を持ちません（{detail}）")
        }
        F::UnknownCosigner(name) => {
            format!("検証点に、台帳のレプリカではない {name:?} の署名があります")
        }
        F::CosignedTwice(name) => {
            format!("検証点に、同じレプリカの署名が二つ以上あります（{name:?} を含む）")
        }
        F::Order { index, after } => {
            format!("台帳 {index} 番の記録が {after} 番の後に置かれています")
        }
        F::NotInTree { index, fault } => {
            format!("台帳 {index} 番の記録が台帳に含まれることを確かめられません（{fault}）")
        }
        F::Leaf { index, fault } => format!("台帳 {index} 番の記録を読めません（{fault}）"),
        F::Place { index, says } => {
            format!("台帳 {index} 番の記録が、{says} 番であると書かれています")
        }
        F::Time { index } => format!("台帳 {index} 番の記録の時刻が、前の記録より戻っています"),
        F::NotAuthentic { index, fault } => {
            format!(
                "台帳 {index} 番の記録は、権限のある者の署名によるものではありません（{fault}）"
            )
        }
        F::Outcome { index } => {
            format!("台帳 {index} 番の記録にある結果が、規則から導かれる結果と異なります")
        }
        F::AccessMissing(index) => {
            format!("証拠の対象である台帳 {index} 番の照会が含まれていません")
        }
        F::Stray { index } => format!("台帳 {index} 番の受け渡しは、別の照会のものです"),
        F::TransfersDiffer { release, receipt } => format!(
            "開示された内容（台帳 {release} 番）と受領された内容（{receipt} 番）が一致しません"
        ),
        F::Opening {
            index,
            label,
            fault,
            ..
        } => format!(
            "台帳 {index} 番の「{label}」として示された内容が、台帳の記録と一致しません（{fault}）"
        ),
    };
    Words::new(ja, fault.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fault_is_named_in_both_languages() {
        let bound = BUNDLE_BYTES_MAX.to_string();
        let cases = [
            (BundleFault::NotCanonical, "書き換え", "canonical"),
            (BundleFault::Outcome { index: 7 }, "台帳 7 番", "leaf 7"),
            (BundleFault::TooLarge { got_bytes: 1 }, &bound, &bound),
        ];
        for (fault, ja, en) in cases {
            let said = words(&fault);
            assert!(said.ja.contains(ja) && said.en.contains(en), "{said:?}");
        }
    }
}
