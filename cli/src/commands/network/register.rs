//! What a network certifies of itself with its governance key: its node key and its facilities.

use super::init::check_name;
use crate::commands::At;
use crate::commands::args::codes_of;
use crate::keys;
use crate::ops::{self, Session};
use crate::ui::{Exit, Failure};
use clap::Subcommand;
use sekisho_domain::{AreaCode, Body, FacilityId, FacilityKind, KeyPurpose};
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(in crate::commands) enum FacilityCommand {
    /// Register a facility: only registered ones can ask and be asked
    #[command(
        after_help = "Example:\n  sekisho network facility add 4110100015 --kind hospital --name 佐賀見本病院 --municipality 41201"
    )]
    Add {
        /// The facility's 10-digit code
        #[arg(value_name = "CODE")]
        code: FacilityId,
        /// What kind of place it is
        #[arg(long, value_name = "KIND", value_parser = codes_of!(FacilityKind))]
        kind: FacilityKind,
        /// Its name
        #[arg(long, value_name = "NAME")]
        name: String,
        /// The municipality it stands in, 5 digits (JIS X 0402); tells where a declared disaster reaches it
        #[arg(long, value_name = "CODE")]
        municipality: Option<AreaCode>,
    },
    /// End a facility's membership, from this moment on
    #[command(after_help = "Example:\n  sekisho network facility leave 4110100015")]
    Leave {
        /// The facility's 10-digit code
        #[arg(value_name = "CODE")]
        code: FacilityId,
    },
}

pub(super) async fn node_key(at: &At) -> Result<Exit, Failure> {
    let session = at.session()?;
    let key = keys::signing(&session.keys, KeyPurpose::Node)?;
    let (id, public_key) = (key.key_id(), key.public_key());
    let there = at
        .replayed(&session)
        .await?
        .view()
        .key(&id)
        .map_err(|e| ops::unreadable(&e))?;
    if let Some(there) = there {
        let revoked = there.value.revoked;
        if let Some(index) = revoked {
            return Err(Failure::new(
                Exit::Refused,
                format!("ノード鍵 {id} は台帳 {index} 番で失効しています。新しい鍵が必要です"),
                format!(
                    "the node key {id} was revoked at ledger index {index}; a new one is needed"
                ),
            ));
        }
        let ja = format!("ノード鍵はすでに登録されています：{id}");
        let en = format!("The node key is registered already: {id}");
        at.ui.result(
            &json!({ "key": id, "registered": false, "already": true }),
            at.ui.pick(&ja, &en),
        );
        return Ok(Exit::Done);
    }
    let body = Body::KeyAdd {
        purpose: KeyPurpose::Node,
        public_key,
        endpoint: None,
    };
    let done = ops::govern(&session, body).await?.accepted()?;
    let ja = format!("ノード鍵を登録しました（台帳 {} 番）：{id}", done.index);
    let en = format!(
        "The node key is registered at ledger index {}: {id}",
        done.index
    );
    at.ui.result(
        &json!({ "key": id, "registered": true, "already": false, "index": done.index, "time_ms": done.time }),
        at.ui.pick(&ja, &en),
    );
    Ok(Exit::Done)
}

/// A municipality of the prefecture the facility's code names.
fn check_municipality(code: &FacilityId, municipality: Option<&AreaCode>) -> Result<(), Failure> {
    match municipality {
        Some(area) if area.is_prefecture() || area.prefecture() != code.prefecture() => {
            let prefecture = code.prefecture();
            Err(Failure::usage(
                format!("{area} は都道府県 {prefecture} の市区町村コード（5桁）ではありません"),
                format!("{area} is no municipality (5 digits) of prefecture {prefecture}"),
            ))
        }
        _ => Ok(()),
    }
}

pub(super) async fn facility(command: FacilityCommand, at: &At) -> Result<Exit, Failure> {
    let (body, facility, ja, en) = match command {
        FacilityCommand::Add {
            code,
            kind,
            name,
            municipality,
        } => {
            check_name(&name)?;
            check_municipality(&code, municipality.as_ref())?;
            let said = (
                format!("施設 {code} {name}（{}）を登録しました", kind.ja()),
                format!("Facility {code} {name} ({}) is registered", kind.en()),
            );
            (
                Body::FacilityRegister {
                    facility: code.clone(),
                    kind,
                    name,
                    municipality,
                },
                code,
                said.0,
                said.1,
            )
        }
        FacilityCommand::Leave { code } => {
            let said = (
                format!("施設 {code} の参加を終了しました"),
                format!("Facility {code} has left"),
            );
            (
                Body::FacilityLeave {
                    facility: code.clone(),
                },
                code,
                said.0,
                said.1,
            )
        }
    };
    let session: Session = at.session()?;
    let done = ops::govern(&session, body).await?.accepted()?;
    at.recorded(&done, &json!({ "facility": facility }), &ja, &en);
    Ok(Exit::Done)
}
