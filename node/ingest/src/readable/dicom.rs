//! The facts of an image study, as [`crate::dicomweb`] writes them.

use super::{Readable, Table, headings, item, row, sex, time};
use crate::formats::json::Json;
use sekisho_documents::Title;

pub(super) fn render(study: &Json, readable: &mut Readable) {
    readable.title = Title::new("画像検査", "Image study");
    let header = &mut readable.header;
    item(
        header,
        "患者ID",
        "Patient id",
        study.text("patientID").to_owned(),
    );
    item(header, "氏名", "Name", study.text("patientName").to_owned());
    item(
        header,
        "生年月日",
        "Born",
        time(study.text("patientBirthDate")),
    );
    item(header, "性別", "Sex", sex(study.text("patientSex")));
    let taken = format!("{}{}", study.text("studyDate"), study.text("studyTime"));
    item(header, "検査日時", "Taken", time(&taken));
    item(
        header,
        "検査",
        "Study",
        study.text("description").to_owned(),
    );
    let modalities: Vec<&str> = study.list("modalities").iter().map(Json::as_text).collect();
    item(header, "モダリティ", "Modalities", modalities.join("、"));
    item(
        header,
        "受付番号",
        "Accession number",
        study.text("accessionNumber").to_owned(),
    );
    item(
        header,
        "画像数",
        "Images",
        study.text("instances").to_owned(),
    );
    let rows: Vec<_> = study
        .list("series")
        .iter()
        .map(|series| {
            let names = ["number", "modality", "description", "bodyPart", "instances"];
            row(names.map(|name| series.text(name).to_owned()))
        })
        .collect();
    readable.push(Table {
        title: Title::new("シリーズ", "Series"),
        headings: headings(&[
            ("番号", "Number"),
            ("モダリティ", "Modality"),
            ("説明", "Description"),
            ("部位", "Body part"),
            ("画像数", "Images"),
        ]),
        rows,
    });
    readable.notes.push(Title::new(
        "画像は所蔵施設のPACSにあります。縮小画像は別の文書です。",
        "The images are in the facility's PACS. A thumbnail is a document of its own.",
    ));
}
