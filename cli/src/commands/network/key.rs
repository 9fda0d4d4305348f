//! A network's keys: certified, replaced and revoked by its governance key.

use crate::commands::At;
use crate::commands::args::codes_of;
use crate::keys;
use crate::ops::{self, Recorded, Session};
use crate::ui::{Exit, Failure};
use clap::{Args, Subcommand};
use sekisho_domain::{Body, KeyId, KeyPurpose, check_endpoint};
use sekisho_ledger::signature::SigningKey;
use serde_json::json;
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub(in crate::commands) enum Command {
    /// Certify a key of this network: makes its file in the key folder where there is none, and registers it
    #[command(
        after_help = "Example:\n  sekisho network key add --purpose officer\n  \
                      sekisho network key add --purpose officer --file /media/officer.key"
    )]
    Add(AddArgs),
    /// End a key: from its ledger index on nothing it signs counts
    #[command(
        after_help = "Example:\n  sekisho network key revoke 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    )]
    Revoke {
        /// The key's id, as `network show` prints it
        #[arg(value_name = "KEY-ID")]
        key: KeyId,
    },
    /// Put a new key in a key's place: registers it, swaps the files, keeps the old file beside it
    #[command(
        after_help = "Example:\n  sekisho network key rotate --purpose node\n  sekisho network key rotate --purpose officer"
    )]
    Rotate {
        /// Which key
        #[arg(long, value_name = "PURPOSE", value_parser = codes_of!(KeyPurpose))]
        purpose: KeyPurpose,
    },
}

#[derive(Debug, Args)]
pub(in crate::commands) struct AddArgs {
    /// What the key may sign
    #[arg(long, value_name = "PURPOSE", value_parser = codes_of!(KeyPurpose))]
    purpose: KeyPurpose,
    /// The key's file; else the one of its purpose in the key folder
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// For a transport key: where the network's node answers
    #[arg(long, value_name = "HOST:PORT", required_if_eq("purpose", "transport"))]
    endpoint: Option<String>,
}

pub(super) async fn run(command: Command, at: &At) -> Result<Exit, Failure> {
    match command {
        Command::Add(args) => add(args, at).await,
        Command::Revoke { key } => {
            let done = ops::govern(&at.session()?, Body::KeyRevoke { key })
                .await?
                .accepted()?;
            let ja = format!("鍵 {key} を失効させました");
            let en = format!("Key {key} is revoked");
            at.recorded(&done, &json!({ "key": key }), &ja, &en);
            Ok(Exit::Done)
        }
        Command::Rotate { purpose } => rotate(purpose, at).await,
    }
}

/// Keys of which the ledger knows others only by the members' majority or the genesis.
fn check(purpose: KeyPurpose) -> Result<(), Failure> {
    match purpose {
        KeyPurpose::Authority => Err(Failure::usage(
            "災害対策当局の鍵は、加盟ネットワークの過半数が `sekisho network authority admit` で承認します",
            "an authority's key is admitted by a majority of the members: `sekisho network authority admit`",
        )),
        KeyPurpose::Checkpoint => Err(Failure::usage(
            "検証点鍵は創設ファイルで定められ、台帳では変えられません",
            "the checkpoint keys are those of the genesis file; the ledger does not change them",
        )),
        _ => Ok(()),
    }
}

async fn add(args: AddArgs, at: &At) -> Result<Exit, Failure> {
    check(args.purpose)?;
    if let Some(endpoint) = &args.endpoint {
        check_endpoint(endpoint).map_err(|e| {
            Failure::usage(
                format!("--endpoint {endpoint} は HOST:PORT の形ではありません"),
                format!("--endpoint {endpoint}: {e}"),
            )
        })?;
    }
    let session = at.session()?;
    let path = args
        .file
        .unwrap_or_else(|| keys::path(&session.keys, args.purpose));
    let key = keys::create_at(&path, args.purpose)?;
    let done = certify(&session, args.purpose, &key, args.endpoint).await?;
    let (id, name) = (key.key_id(), path.display());
    let ja = format!(
        "{} {id} を登録しました（ファイル {name}）",
        args.purpose.ja()
    );
    let en = format!(
        "The {} key {id} is registered (file {name})",
        args.purpose.en()
    );
    let object = json!({ "key": id, "purpose": args.purpose, "file": path });
    at.recorded(&done, &object, &ja, &en);
    Ok(Exit::Done)
}

async fn certify(
    session: &Session,
    purpose: KeyPurpose,
    key: &SigningKey,
    endpoint: Option<String>,
) -> Result<Recorded, Failure> {
    let body = Body::KeyAdd {
        purpose,
        public_key: key.public_key(),
        endpoint,
    };
    ops::govern(session, body).await?.accepted()
}

/// Adds the new key while the old one still holds, then swaps the files. A key no running process holds is revoked
/// at once by the new or the governance key; the node's and the transport key only once the process was restarted.
async fn rotate(purpose: KeyPurpose, at: &At) -> Result<Exit, Failure> {
    check(purpose)?;
    let session = at.session()?;
    let path = keys::path(&session.keys, purpose);
    let old = keys::signing_at(&path)?.key_id();
    let endpoint = match purpose {
        KeyPurpose::Transport => endpoint_of(&session, &old, at).await?,
        _ => None,
    };
    // An attempt that broke off goes on with the key it made.
    let fresh = path.with_extension("new.key");
    let key = keys::create_at(&fresh, purpose)?;
    let replayed = at.replayed(&session).await?;
    let known = replayed.view().key(&key.key_id());
    if known.map_err(|e| ops::unreadable(&e))?.is_none() {
        certify(&session, purpose, &key, endpoint).await?;
    }
    let short: String = old.to_string().chars().take(8).collect();
    let kept = path.with_file_name(format!("{}.{short}.old.key", purpose.code()));
    swap(&path, &fresh, &kept)?;
    let held = matches!(purpose, KeyPurpose::Node | KeyPurpose::Transport);
    let revoked = match held {
        true => None,
        // The governance key's own successor revokes it: it lies in its place now.
        false => Some(
            ops::govern(&session, Body::KeyRevoke { key: old })
                .await?
                .accepted()?
                .index,
        ),
    };
    let (id, name) = (key.key_id(), kept.display());
    let (ja, en) = match revoked {
        Some(index) => (
            format!(
                "{}を {id} に替え、前の鍵 {old} を台帳 {index} 番で失効させました（前の鍵ファイル {name}）",
                purpose.ja()
            ),
            format!(
                "The {} key is {id} now; {old} is revoked at ledger index {index} (its file: {name})",
                purpose.en()
            ),
        ),
        None => (
            format!(
                "{}を {id} に替えました。`sekisho serve` を再起動し、そのあと `sekisho network key revoke {old}` で前の鍵を失効させてください（前の鍵ファイル {name}）",
                purpose.ja()
            ),
            format!(
                "The {} key is {id} now. Restart `sekisho serve`, then revoke the old one with `sekisho network key revoke {old}` (its file: {name})",
                purpose.en()
            ),
        ),
    };
    let object =
        json!({ "key": id, "purpose": purpose, "old": old, "old_file": kept, "revoked": revoked });
    at.ui.result(&object, at.ui.pick(&ja, &en));
    Ok(Exit::Done)
}

async fn endpoint_of(session: &Session, key: &KeyId, at: &At) -> Result<Option<String>, Failure> {
    let replayed = at.replayed(session).await?;
    let known = replayed.view().key(key).map_err(|e| ops::unreadable(&e))?;
    Ok(known.and_then(|key| key.value.endpoint))
}

/// The old file first: at no moment does neither lie anywhere.
fn swap(path: &Path, fresh: &Path, kept: &Path) -> Result<(), Failure> {
    let moved = std::fs::rename(path, kept).and_then(|()| std::fs::rename(fresh, path));
    moved.map_err(|e| {
        Failure::of(
            Exit::Usage,
            "鍵ファイルを置き換えることが",
            "put the new key file in place",
            &e,
        )
    })
}
