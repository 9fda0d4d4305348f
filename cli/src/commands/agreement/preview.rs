//! `sekisho agreement preview`: what an agreement would change for the patients on the ledger. Writes nothing.

use super::diff::read;
use crate::commands::At;
use crate::commands::show::{Progress, Table};
use crate::ops;
use crate::ui::{Exit, Failure};
use clap::Args;
use sekisho_domain::{Grant, Nature};
use sekisho_profiles::preview::{PATIENTS_MAX, PreviewError, REQUESTS_MAX, Step, preview};
use sekisho_words::{Day, Names};
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(in crate::commands) struct PreviewArgs {
    /// The agreement, as `agreement example` or `agreement draft --object` writes it
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(super) async fn run(args: &PreviewArgs, at: &At) -> Result<Exit, Failure> {
    let agreement = read(&args.file)?;
    let session = at.session()?;
    let replayed = at.replayed(&session).await?;
    let names = Names::of(replayed.view()).map_err(|e| ops::unreadable(&e))?;
    let mut progress = Progress::new(at.ui);
    let found = preview(&replayed.state, &agreement, |step, done, all| {
        progress.tell(|| match step {
            Step::Reading => (
                format!("台帳を読んでいます：{done}／{all}"),
                format!("reading the ledger: {done} of {all}"),
            ),
            Step::Deciding => (
                format!("患者ごとに判定しています：{done}／{all}"),
                format!("deciding for each patient: {done} of {all}"),
            ),
        });
    });
    progress.end();
    let found = found.map_err(|e| match e {
        PreviewError::State(e) => crate::ops::unreadable(&e),
        PreviewError::Refused { network, reason } => Failure::new(
            Exit::Refused,
            format!(
                "この協定は台帳に受け付けられません（{network} の署名）：{}",
                reason.ja()
            ),
            format!(
                "the ledger would refuse this agreement when {network} signs: {}",
                reason.en()
            ),
        ),
        PreviewError::NotAMember(network) => Failure::new(
            Exit::Refused,
            format!("{network} はこの台帳の参加者ではないか、運営鍵が失効しています。当事者の記号は `sekisho network show` で確かめてください"),
            format!("{network} is not a member of this ledger, or its governance key is revoked; see `sekisho network show` for the parties' ids"),
        ),
        other => Failure::of(
            Exit::Refused,
            "この協定を試すことが",
            "try this agreement",
            &other,
        ),
    })?;
    let headings = at.ui.pick(
        "文書|閲覧|患者|見える（前）|見える（後）|新たに|見えなくなる|広がる|狭まる",
        "Documents of|Seen by|Patients|Visible before|After|Gained|Lost|Wider|Narrower",
    );
    let pick = |ja: String, en: String| at.ui.pick(&ja, &en).to_owned();
    let mut columns = headings.split('|');
    let mut table = Table::new(std::array::from_fn::<_, 9, _>(|_| {
        columns.next().unwrap_or_default()
    }));
    let mut notes = String::new();
    for of in &found.directions {
        let (d, v) = (names.name(&of.disclosing), names.name(&of.viewing));
        let counts = [
            of.patients,
            of.visible_before,
            of.visible_after,
            of.gained,
            of.lost,
            of.wider,
            of.narrower,
        ];
        let [patients, before, after, gained, lost, wider, narrower] =
            counts.map(|n| n.to_string());
        table.row([
            d.clone(),
            v.clone(),
            patients,
            before,
            after,
            gained,
            lost,
            wider,
            narrower,
        ]);
        if of.other > 0 {
            notes.push_str(&pick(
                format!(
                    "{d} → {v}：{} 人は、見える情報の一部が増え、一部が減ります\n",
                    of.other
                ),
                format!(
                    "{d} → {v}: for {} patients some categories are added and some go\n",
                    of.other
                ),
            ));
        }
        if of.left_out > 0 {
            notes.push_str(&pick(
                format!(
                    "{d} → {v}：{} 人は、上限 {PATIENTS_MAX} 人を超えるため数えていません\n",
                    of.left_out
                ),
                format!(
                    "{d} → {v}: {} patients beyond {PATIENTS_MAX} are not counted\n",
                    of.left_out
                ),
            ));
        }
        if of.in_part > 0 {
            notes.push_str(&pick(
                format!(
                    "{d} → {v}：{} 人は、照会 {REQUESTS_MAX} 通りまでで判定しました\n",
                    of.in_part
                ),
                format!(
                    "{d} → {v}: for {} patients only {REQUESTS_MAX} requests were tried\n",
                    of.in_part
                ),
            ));
        }
    }
    let rests_on_consent = |g: &Grant| g.purposes.iter().all(|p| p.nature() == Nature::Ordinary);
    if !agreement.grants.iter().all(rests_on_consent) {
        notes.push_str(&pick(
            "緊急時・災害時・法令による閲覧は数えていません。患者の同意によらないため、留保（拒否）していない患者のすべてに及びます\n".to_owned(),
            "access in emergencies, in disasters and by law is not counted: it needs no consent, and reaches every patient without a reservation\n".to_owned(),
        ));
    }
    let day = Day::of(found.at);
    let when = pick(
        format!("{}の時点で、この協定が発効した場合\n", day.ja()),
        format!("as of {}, if this agreement came into force\n", day.en()),
    );
    at.ui.result(
        &json!({ "preview": found }),
        format!("{when}\n{table}{notes}"),
    );
    Ok(Exit::Done)
}
