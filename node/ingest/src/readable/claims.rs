//! NSIPS and UKE: records of pharmacies and of billing, as tables.

use super::{Readable, Table, headings, item, row, time, value};
use crate::formats::lines::{Record, records};
use sekisho_documents::{QuarantineReason, Title};

pub(super) fn nsips(bytes: &[u8], readable: &mut Readable) -> Result<(), QuarantineReason> {
    let records = read(bytes)?;
    let of = |kind: &'static str| records.iter().filter(move |r| r.kind() == kind);
    readable.title = Title::new("調剤情報（NSIPS）", "Medication dispensed (NSIPS)");
    let header = &mut readable.header;
    if let Some(sender) = records.first() {
        item(header, "薬局", "Pharmacy", sender.field(7).to_owned());
        item(header, "送信日時", "Sent", time(sender.field(1)));
    }
    for patient in of("1") {
        item(
            header,
            "患者コード",
            "Patient code",
            patient.field(1).to_owned(),
        );
        item(header, "氏名", "Name", patient.field(3).to_owned());
        item(
            header,
            "カナ氏名",
            "Name in kana",
            patient.field(2).to_owned(),
        );
        item(header, "性別", "Sex", sex(patient.field(4)).to_owned());
        item(header, "生年月日", "Born", time(patient.field(5)));
    }
    for prescription in of("2") {
        item(
            header,
            "受付番号",
            "Prescription",
            prescription.field(1).to_owned(),
        );
        let change = match prescription.field(3) {
            "A" => "新規",
            "U" => "更新",
            "D" => "削除",
            other => other,
        };
        item(header, "更新区分", "Change", change.to_owned());
        item(header, "交付日", "Prescribed", time(prescription.field(4)));
        item(header, "調剤日", "Dispensed", time(prescription.field(7)));
        item(
            header,
            "処方医療機関",
            "Prescriber's institution",
            prescription.field(14).to_owned(),
        );
        item(
            header,
            "診療科",
            "Department",
            prescription.field(19).to_owned(),
        );
        item(
            header,
            "処方医",
            "Prescriber",
            prescription.field(24).to_owned(),
        );
    }
    let rows: Vec<_> = of("4")
        .map(|drug| {
            let usage = of("3").find(|usage| usage.field(1) == drug.field(2));
            let of_usage = |n| usage.map(|u| u.field(n)).unwrap_or_default().to_owned();
            let drug = |n| drug.field(n).to_owned();
            let days = of_usage(10);
            row([
                drug(2),
                drug(8),
                drug(16),
                drug(18),
                of_usage(3),
                days,
                drug(9),
                drug(4),
            ])
        })
        .collect();
    readable.push(Table {
        title: Title::new("調剤", "Dispensed"),
        headings: headings(&[
            ("Rp", "Rp"),
            ("薬剤", "Drug"),
            ("用量", "Amount"),
            ("単位", "Unit"),
            ("用法", "Usage"),
            ("日数・回数", "Duration"),
            ("一般名", "Generic name"),
            ("YJコード", "YJ code"),
        ]),
        rows,
    });
    others(&records, &["1", "2", "3", "4"], readable);
    Ok(())
}

pub(super) fn uke(bytes: &[u8], readable: &mut Readable) -> Result<(), QuarantineReason> {
    let records = read(bytes)?;
    let of = |kind: &'static str| records.iter().filter(move |r| r.kind() == kind);
    readable.title = Title::new(
        "診療報酬明細書（請求データ）",
        "Medical fee claim (billing data)",
    );
    readable.notes.push(Title::new(
        "請求のためのデータです。病名は請求上のもので、診療の記録ではありません。",
        "Billing data: its diagnoses are those billed for, not a clinical record.",
    ));
    let header = &mut readable.header;
    for sender in of("IR") {
        item(
            header,
            "医療機関",
            "Institution",
            sender.field(6).to_owned(),
        );
        item(header, "請求年月", "Billed in", sender.field(7).to_owned());
    }
    for claim in of("RE") {
        item(
            header,
            "カルテ番号等",
            "Patient id",
            claim.field(13).to_owned(),
        );
        item(header, "氏名", "Name", claim.field(4).to_owned());
        item(header, "性別", "Sex", sex(claim.field(5)).to_owned());
        item(header, "生年月日", "Born", claim.field(6).to_owned());
        item(
            header,
            "診療年月",
            "Month of care",
            claim.field(3).to_owned(),
        );
        item(header, "入院年月日", "Admitted", claim.field(8).to_owned());
    }
    for insurer in of("HO") {
        item(header, "保険者番号", "Insurer", insurer.field(1).to_owned());
        item(
            header,
            "診療実日数",
            "Days of care",
            insurer.field(4).to_owned(),
        );
    }
    let rows: Vec<_> = of("SY")
        .map(|r| {
            let outcome = match r.field(3) {
                "1" => "治ゆ、死亡、中止以外",
                "2" => "治ゆ",
                "3" => "死亡",
                "4" => "中止（転医）",
                other => other,
            };
            let main = if r.field(6) == "01" { "主" } else { "" };
            let text = |n| r.field(n).to_owned();
            row([
                text(5),
                text(1),
                text(4),
                text(2),
                outcome.to_owned(),
                main.to_owned(),
                text(7),
            ])
        })
        .collect();
    readable.push(Table {
        title: Title::new("請求上の傷病名", "Diagnoses billed for"),
        headings: headings(&[
            ("名称", "Name"),
            ("コード", "Code"),
            ("修飾語コード", "Modifiers"),
            ("診療開始日", "Since"),
            ("転帰", "Outcome"),
            ("主", "Main"),
            ("補足", "Note"),
        ]),
        rows,
    });
    let kinds = [("SI", "診療行為"), ("IY", "医薬品"), ("TO", "特定器材")];
    let mut rows = Vec::new();
    for record in &records {
        let Some((_, name)) = kinds.iter().find(|(kind, _)| *kind == record.kind()) else {
            continue;
        };
        let text = |n| record.field(n).to_owned();
        rows.push(row([
            (*name).to_owned(),
            text(1),
            text(3),
            text(4),
            text(5),
            text(6),
        ]));
    }
    readable.push(Table {
        title: Title::new("請求項目", "Items billed for"),
        headings: headings(&[
            ("種類", "Kind"),
            ("診療識別", "Class"),
            ("コード", "Code"),
            ("量", "Amount"),
            ("点数", "Points"),
            ("回数", "Times"),
        ]),
        rows,
    });
    let rows: Vec<_> = (of("CO").map(|r| row([r.field(4).to_owned()])))
        .chain(of("SJ").map(|r| row([r.field(2).to_owned()])))
        .collect();
    if !rows.is_empty() {
        readable.push(Table {
            title: Title::new("コメント・症状詳記", "Comments"),
            headings: headings(&[("内容", "Content")]),
            rows,
        });
    }
    others(
        &records,
        &["IR", "RE", "HO", "SY", "SI", "IY", "TO", "CO", "SJ"],
        readable,
    );
    Ok(())
}

/// The records, or why they are none; one that cannot be decoded stays, without fields.
fn read(bytes: &[u8]) -> Result<Vec<Record>, QuarantineReason> {
    let records: Vec<Record> = records(bytes).collect();
    match records.iter().find_map(|r| r.fields.as_ref().err()) {
        Some(reason) => Err(*reason),
        None if records.is_empty() => Err(QuarantineReason::TooShort),
        None => Ok(records),
    }
}

/// What no table shows, as it stands.
fn others(records: &[Record], shown: &[&str], readable: &mut Readable) {
    let others = records
        .iter()
        .skip(1)
        .filter(|r| !shown.contains(&r.kind()));
    let rows: Vec<_> = others
        .map(|r| {
            let fields = r.fields.as_deref().unwrap_or_default();
            let rest = fields.get(1..).unwrap_or_default().join(",");
            vec![value(r.kind()), value(&rest)]
        })
        .collect();
    if !rows.is_empty() {
        readable.push(Table {
            title: Title::new("その他のレコード", "Other records"),
            headings: headings(&[("種類", "Kind"), ("内容", "Content")]),
            rows,
        });
    }
}

fn sex(code: &str) -> &str {
    match code {
        "1" => "男性",
        "2" => "女性",
        other => other,
    }
}
