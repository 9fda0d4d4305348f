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
