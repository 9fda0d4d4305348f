//! `sekisho page`: more of a result that `query` ended with, without asking anybody again.

use super::At;
use super::query::{COLUMNS, of_document, row};
use super::show::Table;
use crate::ops;
use crate::ui::{Exit, Failure};
use clap::Args;
use sekisho_domain::TimeMs;
use sekisho_proto::v1;
use sekisho_words::moment;
use serde_json::{Value, json};

#[derive(Debug, Args)]
pub(super) struct PageArgs {
    /// The result's id, as `query` prints it
    #[arg(value_name = "RESULT", value_parser = bytes)]
    result: Bytes,
    /// Who asked, by the id used in this network; nobody else reads the result
    #[arg(long, value_name = "ID")]
    practitioner: String,
    /// Documents on the page, 1 to 1000
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    max: u32,
    /// Where to go on, as the page before said; else the first page
    #[arg(long, value_name = "PLACE", value_parser = bytes)]
    after: Option<Bytes>,
}

/// Bytes written in hexadecimal.
#[derive(Debug, Clone)]
struct Bytes(Vec<u8>);

fn bytes(text: &str) -> Result<Bytes, String> {
    hex::decode(text)
        .map(Bytes)
        .map_err(|_| "it is written in hexadecimal, as query and page print it".to_owned())
}

pub(super) async fn run(args: PageArgs, at: &At) -> Result<Exit, Failure> {
    let request = v1::PageRequest {
        result: args.result.0,
        practitioner: args.practitioner,
        max: args.max,
        after: args.after.map(|place| place.0).unwrap_or_default(),
    };
    let page = ops::page(&at.session()?, request).await?;
    let mut table = Table::new(COLUMNS.map(|(ja, en)| at.ui.pick(ja, en)));
    for found in &page.documents {
        let networks = found.networks.join("+");
        if let Some(document) = &found.document {
            table.row(row(&networks, document, at.ui));
        }
        for version in &found.versions {
            if let Some(document) = &version.document {
                table.row(row(
                    &format!("  {}", version.networks.join("+")),
                    document,
                    at.ui,
                ));
            }
        }
    }
    let (shown, total) = (page.documents.len(), page.documents_total);
    let until = moment(TimeMs(page.until_ms), at.ui.language);
    let next = hex::encode(&page.next);
    let more = at.ui.language.pick(
        match next.as_str() {
            "" => "これで最後です".to_owned(),
            next => format!("続きは --after {next}"),
        },
        match next.as_str() {
            "" => "this is the last page".to_owned(),
            next => format!("go on with --after {next}"),
        },
    );
    let sum = at.ui.language.pick(
        format!("全 {total} 件のうち {shown} 件（{until} まで保持）。{more}"),
        format!("{shown} of {total} documents, kept until {until}; {more}"),
    );
    let text = match table.is_empty() {
        true => sum,
        false => format!("{table}\n{sum}"),
    };
    let documents: Vec<_> = page.documents.iter().map(object).collect();
    at.ui.result(
        &json!({
            "index": page.access, "documents": documents, "documents_total": total, "until_ms": page.until_ms,
            "next": (!next.is_empty()).then_some(next),
        }),
        text,
    );
    Ok(Exit::Done)
}

fn object(found: &v1::FoundDocument) -> Value {
    let versions: Vec<_> = found.versions.iter().map(object).collect();
    let mut object = found.document.as_ref().map_or(json!({}), of_document);
    object["networks"] = json!(found.networks);
    object["versions"] = json!(versions);
    object
}
