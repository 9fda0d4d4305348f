//! Notices: what a network posts where its patients read it.

use crate::commands::args::{codes_of, period_from_now};
use crate::commands::show::Table;
use crate::commands::{At, text};
use crate::ops;
use crate::ui::{Exit, Failure};
use clap::{Args, Subcommand};
use sekisho_domain::{
    Body, EntryIndex, FacilityId, Hash, Nature, Notice, NoticeAbout, NoticeId, Purpose,
};
use sekisho_ledger::record::PostedNotice;
use sekisho_words::{Day, entry, period};
use serde_json::json;
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub(in crate::commands) enum Command {
    /// Post the purposes of use, at one facility or all, or that a facility has joined
    #[command(
        after_help = "Example:\n  sekisho network notice post --purpose TREAT --purpose COC --text notice.pdf\n  \
                      sekisho network notice post --joining 4110100023 --text joined.pdf"
    )]
    Post(PostArgs),
    /// Take a notice down, from this moment on
    #[command(after_help = "Example:\n  sekisho network notice remove 57")]
    Remove {
        /// The notice's ledger index
        #[arg(value_name = "INDEX")]
        index: u64,
    },
    /// List this network's notices, standing or not
    #[command(
        after_help = "Example:\n  sekisho network notice list\n  sekisho network notice list --json"
    )]
    List,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("about").args(["purpose", "joining"]).required(true))]
pub(in crate::commands) struct PostArgs {
    /// A purpose for which what is held there is used and provided; once for each
    #[arg(long, value_name = "PURPOSE", value_parser = codes_of!(Purpose))]
    purpose: Vec<Purpose>,
    /// At this facility only; else at every facility of the network
    #[arg(long, value_name = "CODE", requires = "purpose")]
    facility: Option<FacilityId>,
    /// This facility has joined; consents given before reach it once the notice has stood as long as the policy asks
    #[arg(long, value_name = "CODE")]
    joining: Option<FacilityId>,
    /// The posted text; its SHA-256 goes on the ledger
    #[arg(long, value_name = "FILE", conflicts_with = "text_sha256")]
    text: Option<PathBuf>,
    /// The posted text's SHA-256
    #[arg(long, value_name = "HEX")]
    text_sha256: Option<Hash>,
    /// The last day it stands; else until it is taken down
    #[arg(long, value_name = "YYYY-MM-DD")]
    until: Option<Day>,
}

pub(super) async fn run(command: Command, at: &At) -> Result<Exit, Failure> {
    match command {
        Command::Post(args) => post(args, at).await,
        Command::Remove { index } => {
            let body = Body::NoticeRemove {
                notice: NoticeId(EntryIndex(index)),
            };
            let done = ops::govern(&at.session()?, body).await?.accepted()?;
            let ja = format!("掲示 {index} 番を取り下げました");
            let en = format!("Notice {index} is taken down");
            at.recorded(&done, &json!({ "notice": index }), &ja, &en);
            Ok(Exit::Done)
        }
        Command::List => list(at).await,
    }
}

async fn post(args: PostArgs, at: &At) -> Result<Exit, Failure> {
    let about = match args.joining {
        Some(facility) => NoticeAbout::Joining { facility },
        None => {
            let ordinary = |p: &&Purpose| p.nature() != Nature::Ordinary;
            if let Some(purpose) = args.purpose.iter().find(ordinary) {
                return Err(Failure::usage(
                    format!(
                        "{purpose}（{}）は同意にもとづく利用目的ではないため、掲示の対象ではありません",
                        purpose.ja()
                    ),
                    format!(
                        "{purpose} ({}) does not rest on consent and is not posted",
                        purpose.en()
                    ),
                ));
            }
            NoticeAbout::Purposes {
                facility: args.facility,
                purposes: args.purpose.iter().copied().collect(),
            }
        }
    };
    let notice = Notice {
        about,
        period: period_from_now(args.until)?,
        text_hash: text::hash(args.text.as_deref(), args.text_sha256, Path::new("."))?,
    };
    let session = at.session()?;
    let body = Body::NoticePost(notice.clone());
    let said = entry(&body);
    let done = ops::govern(&session, body).await?.accepted()?;
    at.recorded(&done, &json!({ "notice": notice }), &said.ja, &said.en);
    Ok(Exit::Done)
}

async fn list(at: &At) -> Result<Exit, Failure> {
    let session = at.session()?;
    let replayed = at.replayed(&session).await?;
    let view = replayed.view();
    let read = |e| ops::unreadable(&e);
    let mut notices = view.notices_of_purposes(&session.network).map_err(read)?;
    notices.extend(view.notices_of_joining(&session.network).map_err(read)?);
    notices.sort_by_key(|notice| notice.posted);
    let pick = |ja, en| at.ui.pick(ja, en);
    let mut table = Table::new([
        pick("番号", "index"),
        pick("内容", "notice"),
        pick("期間", "period"),
        pick("状態", "state"),
    ]);
    let now = ops::now();
    for notice in &notices {
        let said = entry(&Body::NoticePost(notice.notice.clone()));
        let valid = period(&notice.notice.period);
        table.row([
            notice.posted.to_string(),
            at.ui.language.pick(said.ja, said.en),
            at.ui.language.pick(valid.ja, valid.en),
            state(notice, now, at),
        ]);
    }
    let text = match table.is_empty() {
        true => pick("掲示はありません", "nothing is posted").to_owned(),
        false => table.to_string(),
    };
    let objects: Vec<_> = notices
        .iter()
        .map(|n| {
            json!({
                "index": n.posted, "notice": n.notice, "stands_from_ms": n.stands_from, "removed": n.removed,
                "stands": n.stands(now),
            })
        })
        .collect();
    at.ui.result(
        &json!({ "network": session.network, "notices": objects, "leaves": replayed.size }),
        text,
    );
    Ok(Exit::Done)
}

fn state(notice: &PostedNotice, now: sekisho_domain::TimeMs, at: &At) -> String {
    match notice.removed {
        Some(index) => at.ui.language.pick(
            format!("取り下げ（{index} 番）"),
            format!("taken down ({index})"),
        ),
        None if notice.stands(now) => at.ui.pick("掲示中", "standing").to_owned(),
        None => at.ui.pick("期間外", "not in its period").to_owned(),
    }
}
