//! The standard agreement in Markdown: what people read and sign. The same draft makes the machine-readable object,
//! which carries this text's SHA-256.

use super::{Draft, Exception, Granted};
use crate::profile::codes_in_words as codes;
use sekisho_domain::{AreaCode, Disaster, Grant, Period, Retention, Review, TimeMs};
use sekisho_words::Day;
use std::fmt::Write;

pub(super) fn markdown(draft: &Draft) -> String {
    let mut out = Text(String::new());
    out.preamble(draft);
    out.articles(draft);
    out.annex_grants(draft);
    out.annex_patients(draft);
    out.english(draft);
    out.0
}

struct Text(String);

impl Text {
    fn line(&mut self, text: impl AsRef<str>) {
        // Writing into a String cannot fail.
        let _ = writeln!(self.0, "{}", text.as_ref());
    }
    fn article(&mut self, n: usize, title: &str, text: impl AsRef<str>) {
        self.line(format!("\n## 第{n}条（{title}）\n"));
        self.line(text);
    }

    fn preamble(&mut self, draft: &Draft) {
        self.line("# 地域医療情報連携ネットワーク間の文書閲覧に関する協定書\n");
        let (id, version) = (&draft.id, draft.terms.version);
        self.line(format!("協定 `{id}` 第{version}版\n"));
        self.line("| 記号 | 当事者 | 所在 |\n|---|---|---|");
        for party in &draft.parties {
            let (id, name) = (&party.id, cell(&party.name));
            let place = prefecture(&party.prefecture);
            self.line(format!("| `{id}` | {name} | {place} |"));
        }
        let grounds = match excepted(draft).as_str() {
            "" => "患者の同意に基づき互いの文書を閲覧すること".to_owned(),
            when => format!("患者の同意に基づき、また{when}に、互いの文書を閲覧すること"),
        };
        self.line(format!(
            "\n当事者は、{grounds}について、次のとおり協定する。"
        ));
    }

    fn articles(&mut self, draft: &Draft) {
        self.article(
            1,
            "目的",
            "この協定は、地域を越えて受診する患者の診療のために、当事者が保有する文書を他の当事者の施設が閲覧する条件を定める。文書は保有する当事者のもとに置き、写しを集めない。",
        );
        self.article(
            2,
            "閲覧できる範囲",
            "閲覧できる方向、情報の種類、利用目的、施設の種類及び職種は、別表1に掲げるものに限る。別表1にない方向及び範囲の閲覧は認めない。",
        );
        self.article(
            3,
            "患者の同意",
            format!("{}閲覧には、別表1に掲げる同意を要する。同意の取得、範囲及び撤回は、同意を取得する当事者が公表する同意の規則による。患者が留保（拒否）を申し出た閲覧は行わない。患者に必要な手続きは別表2に示す。", if excepted(draft).is_empty() { "" } else { "次条の場合を除き、" }),
        );
        self.article(4, "同意によらない閲覧", without_consent(draft));
        self.article(
            5,
            "記録と確認",
            "すべての照会は、可否の判断とともに共同の台帳に記録する。当事者は、自らの患者の文書が誰に閲覧されたかを患者に示す。",
        );
        let kept = match draft.terms.retention {
            Retention::NotKept => "閲覧した文書は、閲覧した施設に保存しない。".to_owned(),
            Retention::Days(days) => {
                format!("閲覧した文書は、閲覧した施設で{days}日を超えて保存しない。")
            }
            Retention::AsOwnRecord => {
                "閲覧した文書のうち診療に用いたものは、閲覧した施設の診療録の一部として保存する。"
                    .to_owned()
            }
        };
        self.article(6, "保存", kept);
        let paid = draft.terms.settlement.ja();
        self.article(
            7,
            "費用",
            format!("照会及び回答に要する費用は、{paid}とする。"),
        );
        self.article(
            8,
            "有効期間",
            format!(
                "この協定の有効期間は、{}とする。",
                period(&draft.terms.valid).0
            ),
        );
        self.article(
            9,
            "停止・終了・改定",
            "当事者は、いつでもこの協定を停止し、又は終了させることができ、その効力は台帳に記録された時から生じる。停止した協定は、その後に全当事者が署名した版により再開する。改定は、新しい版に全当事者が署名して行う。",
        );
        self.article(
            10,
            "署名",
            "この協定は、全当事者の運営鍵（各当事者が管理する署名用の鍵）による同じ版への署名が台帳に記録された時に効力を生じる。署名の対象はこの文書の SHA-256 を含む協定データであり、両者は同じ内容から作られている。",
        );
    }

    fn annex_grants(&mut self, draft: &Draft) {
        self.line("\n## 別表1　閲覧できる範囲");
        for (direction, granted) in draft.granted() {
            let (d, v) = (&direction.disclosing, &direction.viewing);
            self.line(format!("\n### `{d}` の文書を `{v}` が閲覧する\n"));
            self.line(format!("必要な同意：{}\n", granted.rule.ja()));
            self.line("| 閲覧する施設 | 職種 | 利用目的 | 情報の種類 |\n|---|---|---|---|");
            for grant in granted.consented() {
                self.line(row(grant).0);
            }
            for on in Exception::ALL {
                if let Some(grant) = granted.exception(on) {
                    let when = on.name().ja;
                    self.line(format!("\n{when}：同意によらない（第4条による）\n"));
                    self.line("| 閲覧する施設 | 職種 | 利用目的 | 情報の種類 |\n|---|---|---|---|");
                    self.line(row(grant).0);
                }
            }
            self.line("\n含まないもの：\n");
            for words in &granted.not_covered {
                self.line(format!("- {}", words.ja));
            }
        }
        let none: Vec<_> = draft
            .parties
            .iter()
            .flat_map(|d| draft.parties.iter().map(move |v| (&d.id, &v.id)))
            .filter(|(d, v)| d != v && !is_granted(draft, d, v))
            .collect();
        if !none.is_empty() {
            self.line("\n次の方向の閲覧は認めない。\n");
            for (d, v) in none {
                self.line(format!("- `{d}` の文書を `{v}` が閲覧すること"));
            }
        }
    }

    fn annex_patients(&mut self, draft: &Draft) {
        self.line("\n## 別表2　患者に必要な手続き");
        for ((direction, _), words) in draft.granted().zip(draft.explain()) {
            let (d, v) = (&direction.disclosing, &direction.viewing);
            self.line(format!("\n### `{d}` の文書を `{v}` が閲覧する\n"));
            self.line(words.ja.trim_end());
        }
    }

    fn english(&mut self, draft: &Draft) {
        self.line("\n## English summary (for information)\n");
        let terms = &draft.terms;
        let names: Vec<_> = draft
            .parties
            .iter()
            .map(|p| format!("`{}`", p.id))
            .collect();
        self.line(format!(
            "Agreement `{}`, version {}, between {}, valid {}. Documents are not kept together; cost: {}. {}",
            draft.id,
            terms.version,
            names.join(", "),
            period(&terms.valid).1,
            terms.settlement.en(),
            match terms.retention {
                Retention::NotKept => "What was seen is not kept.".to_owned(),
                Retention::Days(days) => format!("What was seen is kept at most {days} days."),
                Retention::AsOwnRecord =>
                    "What was used for treatment becomes part of the viewing facility's record.".to_owned(),
            }
        ));
        for (direction, granted) in draft.granted() {
            let (d, v) = (&direction.disclosing, &direction.viewing);
            self.line(format!("\n### `{v}` sees documents of `{d}`\n"));
            self.line(format!("Consent needed: {}.\n", granted.rule.en()));
            self.line("| asked from | asked by | purposes | categories |\n|---|---|---|---|");
            for grant in granted.consented() {
                self.line(row(grant).1);
            }
            for on in Exception::ALL {
                if let Some(grant) = granted.exception(on) {
                    let when = on.name().en;
                    self.line(format!("\nIn {when}: without consent (article 4).\n"));
                    self.line(
                        "| asked from | asked by | purposes | categories |\n|---|---|---|---|",
                    );
                    self.line(row(grant).1);
                }
            }
            self.line("\nNot covered:\n");
            for words in &granted.not_covered {
                self.line(format!("- {}", words.en));
            }
        }
        for ((direction, _), words) in draft.granted().zip(draft.explain()) {
            let (d, v) = (&direction.disclosing, &direction.viewing);
            self.line(format!(
                "\n### What a patient must have done: `{v}` sees documents of `{d}`\n"
            ));
            self.line(words.en.trim_end());
        }
    }
}

/// On which grounds something is granted without consent, as "緊急時及び災害時"; empty: on none.
fn excepted(draft: &Draft) -> String {
    let has = Exception::ALL.into_iter().filter(|on| draft.has(*on));
    has.map(|on| on.name().ja).collect::<Vec<_>>().join("及び")
}

/// Article 4: what the grants without consent mean, and what is not provided for.
fn without_consent(draft: &Draft) -> String {
    let mut paragraphs: Vec<String> = Vec::new();
    let mut not = vec!["法令に基づく"];
    if draft.has(Exception::Emergency) {
        let hours = Review::DUE_MS / 3_600_000;
        paragraphs.extend([
            "（緊急時）患者の意識がないとき、患者が意思を伝えられないとき、生命若しくは身体に危険が迫り同意を得る時間がないとき、又は患者が保護者に連絡のつかない未成年者であるときは、別表1の緊急時の表に掲げる施設の医師又は救急救命士は、そのいずれであるかを理由として示し、同意によらずに同表の情報を閲覧することができる。".to_owned(),
            format!("前項の閲覧をした当事者は、閲覧から{hours}時間以内に、閲覧した者とは別の者による確認を受け、その結果を台帳に記録する。期限を過ぎた確認は、台帳に未了として示される。閲覧した当事者は、閲覧したことを患者に、患者に伝えられないときは家族又は代理人に知らせ、台帳に記録する。"),
        ]);
    } else {
        not.insert(0, "緊急時の");
    }
    if draft.has(Exception::Disaster) {
        let days = Disaster::PERIOD_MS_MAX / 86_400_000;
        paragraphs.extend([
            format!("（災害時）台帳に参加するネットワークの過半数が認めた災害対策当局が、区域及び{days}日以内の期間を定めて災害を宣言したときは、その区域にある施設から、又はその区域に施設をもつ当事者の文書について、別表1の災害時の表に掲げる施設の職員で同表の職種にあるものは、同意によらずに同表の情報を閲覧することができる。宣言は延長することができ、延長されなければ期間の終わりに自ら効力を失う。"),
            "前項の閲覧をする者は、患者に尋ねることができるときは口頭で同意を得る。意識がないなど尋ねることができないときは、そのことを記録する。".to_owned(),
            "訓練のための宣言のもとでは、患者が災害時の開示に同意している文書に限り閲覧することができ、訓練であることを記録する。".to_owned(),
        ]);
    } else {
        not.insert(not.len() - 1, "災害時の");
    }
    if paragraphs.is_empty() {
        return "この版は、緊急時、災害時及び法令に基づく閲覧を定めない。これらを認めるには、その旨を定めた新しい版に全当事者が署名する。".to_owned();
    }
    paragraphs.push("前各項の閲覧においても、患者が留保（拒否）を申し出た閲覧は行わない。患者は、緊急時又は災害時に限った留保を申し出ることができる。".to_owned());
    paragraphs.push(format!(
        "この版は、{}閲覧を定めない。これを認めるには、その旨を定めた新しい版に全当事者が署名する。",
        not.join("閲覧及び")
    ));
    let numbered = paragraphs.iter().enumerate();
    let numbered: Vec<_> = numbered.map(|(n, p)| format!("{}. {p}", n + 1)).collect();
    numbered.join("\n")
}

/// A grant as a row of the table: Japanese and English.
fn row(grant: &Grant) -> (String, String) {
    let (kinds, roles) = (codes(&grant.facility_kinds), codes(&grant.roles));
    let (why, what) = (codes(&grant.purposes), codes(&grant.categories));
    (
        format!("| {} | {} | {} | {} |", kinds.ja, roles.ja, why.ja, what.ja),
        format!("| {} | {} | {} | {} |", kinds.en, roles.en, why.en, what.en),
    )
}

fn is_granted(draft: &Draft, d: &sekisho_domain::NetworkId, v: &sekisho_domain::NetworkId) -> bool {
    let mut granted = draft.granted();
    granted
        .any(|(direction, _): (_, &Granted)| direction.disclosing == *d && direction.viewing == *v)
}

/// A prefecture's name.
pub fn prefecture(code: &AreaCode) -> &'static str {
    let n: usize = code.prefecture().parse().unwrap_or(0);
    sekisho_domain::prefecture_name(n).unwrap_or_default()
}

/// A name in a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// A period by its first and last day in Japan: Japanese and English.
fn period(period: &Period) -> (String, String) {
    let ja = |time| {
        let (year, month, day) = Day::of(time).date();
        format!("{year}年{month}月{day}日")
    };
    let en = |time| Day::of(time).to_string();
    match period.until {
        None => (
            format!("{}から、終了するまで", ja(period.from)),
            format!("from {} until terminated", en(period.from)),
        ),
        Some(until) => {
            // What ends at midnight is last valid the day before.
            let last = TimeMs(until.0.saturating_sub(1));
            (
                format!("{}から{}まで", ja(period.from), ja(last)),
                format!("from {} to {}", en(period.from), en(last)),
            )
        }
    }
}
