use super::*;
use crate::Language;
use crate::formats::samples_test as samples;
use proptest::prelude::*;

fn ja(format: &str, bytes: &[u8]) -> String {
    render_document(format, bytes).text(Language::Ja)
}

#[track_caller]
fn shows(text: &str, expected: &[&str]) {
    for words in expected {
        assert!(text.contains(words), "{words} is not in\n{text}");
    }
}

#[test]
fn a_fhir_referral_is_shown_section_by_section_with_its_tables() {
    let bundle = samples::referral("4110000001", "0009013", 1);
    let text = ja("urn:sekisho:fhir:document:57133-1", bundle.as_bytes());
    shows(
        &text,
        &[
            "診療情報提供書",
            "関所 太郎、セキショ タロウ",
            "1948-04-05",
            "紹介目的",
            "血糖管理の継続をお願いします。 / 次回予約なし",
            "２型糖尿病",
            "食事療法中",
            "メトグルコ錠２５０ｍｇ",
            "1錠",
            "１日２回朝夕食後",
            "28日",
            "そば",
            "high",
            "じんましん",
        ],
    );
}

#[test]
fn a_fhir_result_is_shown_with_range_and_flag() {
    let bundle = samples::collection_of("4110000001", "0009013", "Observation");
    let text = ja("urn:sekisho:fhir:collection:Observation", bundle.as_bytes());
    shows(&text, &["総蛋白", "5.9", "g/dL", "6.6-8.1", "L"]);
}

#[test]
fn a_cda_summary_is_shown_as_sections_and_tables() {
    let text = ja(
        "urn:sekisho:cda:18842-5",
        samples::summary("4110000001", "0009013", 1).as_bytes(),
    );
    shows(
        &text,
        &[
            "退院時サマリー",
            "関所 太郎",
            "男性 M",
            "入院経過    抗菌薬を投与した。 / 解熱した。",
            "■ 検査：血液",
            "CRP     12.3 mg/dL",
            "退院時処方  レボフロキサシン錠",
        ],
    );
}

#[test]
fn a_dispensed_prescription_is_shown_drug_by_drug_with_its_usage() {
    let text = samples::dispensing("4140000001", "0009013", 1, 'A');
    let text = ja("urn:sekisho:nsips:010603", &samples::cp932(&text));
    shows(
        &text,
        &[
            "見本薬局",
            "関所　太郎",
            "新規",
            "2026-04-01",
            "見本病院",
            "内科",
            "医師　一郎",
        ],
    );
    shows(
        &text,
        &[
            "見本錠５０ｍｇ",
            "錠",
            "１日１回　朝食後服用",
            "14",
            "3969010F2030",
            "560,0,0,0,448",
        ],
    );
}

#[test]
fn a_claim_says_first_that_it_is_billing_data() {
    let text = samples::cp932(&samples::claims("4110000001", &["0009013"], 4));
    let text = ja("urn:sekisho:uke:billing", &text);
    shows(
        &text,
        &[
            "請求データ",
            "診療の記録ではありません",
            "関所　太郎",
            "見本病",
            "治ゆ、死亡、中止以外",
            "621951001",
            "医薬品",
            "見本のコメント",
        ],
    );
}

#[test]
fn a_table_is_shown_under_its_own_headings() {
    let text = samples::cp932(&samples::vitals("4110000001", &["0009013"]));
    let text = ja("urn:sekisho:table:windows-31j:vitals", &text);
    shows(
        &text,
        &[
            "患者番号",
            "収縮期血圧",
            "0009013",
            "2026/04/01 09:05",
            "120",
        ],
    );
}

#[test]
fn a_pdf_is_not_shown_as_text() {
    let text = ja("urn:sekisho:pdf", &samples::pdf("0009013", 1));
    shows(&text, &["PDF", "--raw"]);
    assert!(!text.contains("0009013"));
}

#[test]
fn what_cannot_be_read_is_shown_as_text_and_said_to_be_so() {
    let text = ja("urn:sekisho:fhir:document:57133-1", b"{\"a\":");
    shows(
        &text,
        &[
            "読み取れない文書",
            "{\"a\":",
            QuarantineReason::Truncated.ja(),
        ],
    );
}

proptest! {
    #[test]
    fn is_total(
        format in prop::sample::select(vec!["fhir:document:1", "cda:1", "nsips", "uke", "table:1", "pdf", "x"]),
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let readable = render_document(&format!("urn:sekisho:{format}"), &bytes);
        for table in &readable.tables {
            prop_assert!(table.rows.iter().all(|row| row.len() == table.headings.len()));
        }
    }
}
