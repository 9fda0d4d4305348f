//! One access in sentences: who asked whom for what, what was decided, what went over.

use crate::{Words, decision, moment, names_of};
use sekisho_domain::{AccessRecord, Action, Category, Grounds, Language};
use sekisho_ledger::record::RecordedTransfer;

/// Who asked whom for what, when and why. Identities are not on the ledger: `who` is an opened one or none.
pub fn asked(access: &AccessRecord, who: Option<&str>, language: Language) -> Words {
    let request = &access.request;
    let when = moment(access.time, language);
    let targets: Vec<_> = request.targets.iter().map(ToString::to_string).collect();
    let (targets, index) = (targets.join(", "), access.index);
    let categories = request
        .categories
        .as_ref()
        .map(|set| names_of!(Category, set));
    let categories = categories.unwrap_or_else(|| Words::new("すべて", "all"));
    let (who_ja, who_en) = (
        who.unwrap_or("（開示されていない）"),
        who.unwrap_or("(not shown)"),
    );
    let (viewing, facility) = (&request.viewing, &request.facility);
    let grounds = grounds(&request.grounds);
    Words::new(
        format!(
            "照会：台帳 {index} 番、{when}\n  照会した人：{who_ja}（{}）、{viewing} の施設 {facility}\n  目的：{}{}\n  内容：{}（種類：{}）\n  照会先：{targets}\n",
            request.role.ja(),
            request.purpose.ja(),
            grounds.ja,
            Action::ja(request.action),
            categories.ja
        ),
        format!(
            "Access: ledger index {index}, {when}\n  asked by: {who_en} ({}), facility {facility} of {viewing}\n  for:      {}{}\n  what:     {} (categories: {})\n  of:       {targets}\n",
            request.role.en(),
            request.purpose.en(),
            grounds.en,
            Action::en(request.action),
            categories.en
        ),
    )
}

/// What a request rests on besides a grant, where that is not consent.
fn grounds(grounds: &Grounds) -> Words {
    match grounds {
        Grounds::Ordinary => Words::new("", ""),
        Grounds::Emergency(reason) => Words::new(
            format!("（理由：{}）", reason.ja()),
            format!(" (reason: {})", reason.en()),
        ),
        Grounds::Disaster {
            declaration,
            consent,
        } => Words::new(
            format!("（宣言：台帳 {declaration} 番、{}）", consent.ja()),
            format!(" (declaration {declaration}, {})", consent.en()),
        ),
        Grounds::Law(basis) => Words::new(
            format!("（根拠：{}）", basis.ja()),
            format!(" (basis: {})", basis.en()),
        ),
    }
}

/// The decision for each asked network, a line each.
pub fn decided(access: &AccessRecord) -> Words {
    let mut words = Words::new("", "");
    for (network, of) in &access.decisions {
        let said = decision(network, of);
        words.ja.push_str(&format!("  {}\n", said.ja));
        words.en.push_str(&format!("  {}\n", said.en));
    }
    words
}

/// The releases and receipts of an access, a line each.
pub fn went(transfers: &[RecordedTransfer]) -> Words {
    if transfers.is_empty() {
        return Words::new(
            "文書の受け渡しの記録：なし\n",
            "releases and receipts: none\n",
        );
    }
    let mut words = Words::new("文書の受け渡しの記録：\n", "releases and receipts:\n");
    for one in transfers {
        let (index, of) = (one.index, &one.transfer);
        words.ja.push_str(&format!(
            "  台帳 {index} 番：{} の文書、内容の照合値 {}\n",
            of.disclosing, of.content
        ));
        words.en.push_str(&format!(
            "  index {index}: a document of {}, content commitment {}\n",
            of.disclosing, of.content
        ));
    }
    words
}
