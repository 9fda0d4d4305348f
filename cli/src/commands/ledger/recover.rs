//! Going on after a quorum was lost for good.
//!
//! Nothing here needs a running replica: what is left is looked at on each machine, the networks agree by telephone
//! on the longest prefix, one of them draws up the statement, each signs it with its governance key, and each machine
//! of the new lineage starts from the prefix and the statement.

use super::archive::{broken, telling};
use super::fsck::failure;
use super::join::{Request, keep_place, prepare, read, store_of, write};
use crate::commands::At;
use crate::commands::show::{Progress, Table};
use crate::ui::{Exit, Failure};
use crate::{genesis, keys, ops};
use clap::Subcommand;
use sekisho_domain::{Genesis, KeyPurpose, Recovery, Seat};
use sekisho_ledger::recovery::Statement;
use sekisho_replica::offline::{
    self, Archive, ArchiveError, RecoverError, check_statement, remains, start_lineage,
};
use sekisho_words::moment;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub(in crate::commands) enum Command {
    /// Say how much of the ledger a quorum cosigned in each of these stopped replicas' folders and backups
    #[command(
        after_help = "Example:\n  sekisho ledger recover look /var/lib/sekisho/ledger /backup/ledger-2026-11"
    )]
    Look {
        /// A stopped replica's data folder (with ledger.redb in it), or an export or backup
        #[arg(value_name = "DIR", required = true)]
        places: Vec<PathBuf>,
    },
    /// Write the prefix a quorum cosigned, from a stopped replica's data folder, for every new replica to start from
    #[command(
        after_help = "Example:\n  sekisho ledger recover keep /var/lib/sekisho/ledger --out prefix"
    )]
    Keep {
        /// The data folder with the longest prefix
        #[arg(value_name = "DIR")]
        place: PathBuf,
        /// The folder to write
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Make new keys and a request for a seat on this machine, which is to be a replica of the next lineage
    #[command(
        after_help = "Example:\n  sekisho ledger recover seat --endpoint sekisho.example.jp:7443"
    )]
    Seat {
        /// HOST:PORT where the other replicas will reach this one
        #[arg(long, value_name = "HOST:PORT")]
        endpoint: String,
    },
    /// Draw up the statement: from this prefix on, with these replicas; signed with this network's governance key
    #[command(
        after_help = "Example:\n  sekisho ledger recover propose --prefix prefix --seat a/join-request.json \\\n    \
                      --seat b/join-request.json --seat c/join-request.json --out recovery.json"
    )]
    Propose {
        /// What `recover keep` wrote, or a backup: the longest there is anywhere
        #[arg(long, value_name = "DIR")]
        prefix: PathBuf,
        /// A machine's request for a seat; once for each
        #[arg(long, value_name = "FILE", required = true)]
        seat: Vec<PathBuf>,
        /// Where to write the statement
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Add this network's signature to the statement, after checking that nothing longer is left here
    #[command(
        after_help = "Example:\n  sekisho ledger recover sign recovery.json --have /var/lib/sekisho/ledger"
    )]
    Sign {
        /// The statement
        #[arg(value_name = "FILE")]
        statement: PathBuf,
        /// What this network has left: if a quorum cosigned more of it than the statement keeps, nothing is signed
        #[arg(long, value_name = "DIR")]
        have: Vec<PathBuf>,
    },
    /// Start the next lineage on this machine: check everything, fill the new replica's store, begin
    #[command(
        after_help = "Example:\n  sekisho ledger recover start recovery.json --prefix prefix"
    )]
    Start {
        /// The statement, signed by two thirds of the networks
        #[arg(value_name = "FILE")]
        statement: PathBuf,
        /// The prefix it continues
        #[arg(long, value_name = "DIR")]
        prefix: PathBuf,
    },
}

/// A statement as people pass it on. Only the envelope counts; what it says is there to be read.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StatementFile {
    says: serde_json::Value,
    envelope: String,
}

pub(super) fn run(command: Command, at: &At) -> Result<Exit, Failure> {
    match command {
        Command::Look { places } => look(&places, at),
        Command::Keep { place, out } => keep(&place, &out, at),
        Command::Seat { endpoint } => seat(&endpoint, at),
        Command::Propose { prefix, seat, out } => propose(&prefix, &seat, &out, at),
        Command::Sign { statement, have } => sign(&statement, &have, at),
        Command::Start { statement, prefix } => start(&statement, &prefix, at),
    }
}

/// Reads a statement.
///
/// # Errors
/// It cannot be read or is none.
pub(super) fn load(path: &Path) -> Result<Statement, Failure> {
    let file: StatementFile = read(path)?;
    let name = path.display();
    let none = |why: String| {
        Failure::new(
            Exit::Unverified,
            format!("{name} は復旧の声明ではありません：{why}"),
            format!("{name} is no statement of a recovery: {why}"),
        )
    };
    let bytes = hex::decode(&file.envelope).map_err(|e| none(e.to_string()))?;
    Statement::from_bytes(&bytes).map_err(|e| none(e.to_string()))
}

fn says(statement: &Statement) -> serde_json::Value {
    let recovery = statement.recovery();
    let seats: Vec<_> = statement
        .replicas()
        .iter()
        .zip(&recovery.seats)
        .map(|((id, network), seat)| {
            json!({ "replica": id, "network": network, "endpoint": seat.endpoint })
        })
        .collect();
    json!({
        "ledger": statement.ledger(), "lineage": statement.lineage(), "leaves": recovery.size,
        "root": recovery.root, "time_ms": statement.time(), "replicas": seats,
        "signatures": statement.envelope().signatures.len(),
    })
}

fn save(path: &Path, statement: &Statement) -> Result<(), Failure> {
    let file = StatementFile {
        says: says(statement),
        envelope: hex::encode(statement.to_bytes()),
    };
    write(path, &file)
}

fn told(statement: &Statement, at: &At) -> String {
    let (recovery, time) = (
        statement.recovery(),
        moment(statement.time(), at.ui.language),
    );
    let mut text = at.ui.language.pick(
        format!(
            "台帳 {} の第 {} 系統\n  引き継ぐ記録：{} 件\n  ルート：{}\n  作成：{time}\n  署名：{} 件\n",
            statement.ledger(), statement.lineage(), recovery.size, recovery.root,
            statement.envelope().signatures.len()
        ),
        format!(
            "Lineage {} of ledger {}\n  keeps {} leaves\n  root {}\n  drawn up {time}\n  {} signatures\n",
            statement.lineage(), statement.ledger(), recovery.size, recovery.root,
            statement.envelope().signatures.len()
        ),
    );
    for ((id, network), seat) in statement.replicas().iter().zip(&recovery.seats) {
        text.push_str(&format!("  {id} {network} {}\n", seat.endpoint));
    }
    text
}

fn founding(at: &At) -> Result<Genesis, Failure> {
    genesis::load(&at.config()?.genesis)
}

fn unusable(place: &Path, error: &ArchiveError) -> Failure {
    match error {
        ArchiveError::Replica(error) => failure(place, error),
        other => broken(other),
    }
}

fn archive(prefix: &Path, genesis: &Genesis, at: &At) -> Result<Archive, Failure> {
    let mut progress = Progress::new(at.ui);
    let mut tell = telling(&mut progress, "検証しています", "checking");
    let archive = offline::verify_archive(prefix, genesis, &mut tell).map_err(|e| broken(&e))?;
    drop(tell);
    progress.end();
    Ok(archive)
}

fn look(places: &[PathBuf], at: &At) -> Result<Exit, Failure> {
    let genesis = founding(at)?;
    let mut table = Table::new([
        at.ui.pick("場所", "place"),
        at.ui.pick("記録の数", "leaves"),
        at.ui.pick("ルート", "root"),
    ]);
    let (mut all, mut longest) = (Vec::new(), None);
    for place in places {
        let found = remains(place, &genesis, &mut |_, _| {});
        let name = place.display().to_string();
        match found {
            Ok(found) => {
                longest = longest.max(Some(found.size));
                all.push(json!({ "place": place, "leaves": found.size, "root": found.root }));
                table.row([name, found.size.to_string(), found.root.to_string()]);
            }
            Err(error) => {
                all.push(json!({ "place": place, "fault": error.to_string() }));
                table.row([name, "-".to_owned(), error.to_string()]);
            }
        }
    }
    let Some(longest) = longest else {
        at.ui
            .result(&json!({ "places": all, "longest": null }), table);
        return Ok(Exit::Unverified);
    };
    let last = at.ui.language.pick(
        format!("過半数が連署した最も長い記録は {longest} 件です。"),
        format!("The longest prefix a quorum cosigned has {longest} leaves."),
    );
    at.ui.result(
        &json!({ "places": all, "longest": longest }),
        format!("{table}\n{last}\n"),
    );
    Ok(Exit::Done)
}

fn keep(place: &Path, out: &Path, at: &At) -> Result<Exit, Failure> {
    let genesis = founding(at)?;
    let mut progress = Progress::new(at.ui);
    let mut tell = telling(&mut progress, "書き出しています", "writing");
    let kept = offline::export_stopped(place, &genesis, out, &mut tell);
    let size = kept.map_err(|e| unusable(place, &e))?;
    drop(tell);
    progress.end();
    let root = archive(out, &genesis, at)?.checkpoint().checkpoint.root();
    let name = out.display();
    let ja = format!("✓ {size} 件を {name} に書き、検証しました。ルート {root}");
    let en = format!("✓ {size} leaves are in {name}, checked; root {root}");
    let object = json!({ "out": out, "leaves": size, "root": root });
    at.ui.result(&object, at.ui.pick(&ja, &en));
    Ok(Exit::Done)
}

fn seat(endpoint: &str, at: &At) -> Result<Exit, Failure> {
    let config = at.config()?;
    let request = prepare(&config, endpoint)?;
    let path = config.keys.join("join-request.json");
    let name = path.display();
    let ja = format!(
        "新しい鍵を作り、席の申請を {name} に書きました。声明を起草するネットワークに渡してください"
    );
    let en = format!(
        "New keys are made, and the request for a seat is in {name}: hand it to whoever draws up the statement"
    );
    let object = json!({ "request": path, "public": request });
    at.ui.result(&object, at.ui.pick(&ja, &en));
    Ok(Exit::Done)
}

fn propose(prefix: &Path, seats: &[PathBuf], out: &Path, at: &At) -> Result<Exit, Failure> {
    crate::commands::private::check_absent(out)?;
    let config = at.config()?;
    let genesis = founding(at)?;
    let key = keys::signing(&config.keys, KeyPurpose::Governance)?;
    let archive = archive(prefix, &genesis, at)?;
    let checkpoint = &archive.checkpoint().checkpoint;
    let seat = |path: &PathBuf| -> Result<Seat, Failure> {
        let request = Request::load(path)?;
        Ok(Seat {
            network: request.network,
            endpoint: request.endpoint,
            transport_key: request.transport_key,
            checkpoint_key: request.checkpoint_key,
        })
    };
    let recovery = Recovery {
        size: checkpoint.size(),
        root: checkpoint.root(),
        seats: seats.iter().map(seat).collect::<Result<_, _>>()?,
    };
    let lineage = archive.roster().lineage() + 1;
    let ledger = sekisho_ledger::ledger_id(&genesis);
    let statement = Statement::new(ledger, lineage, recovery, ops::now(), &key);
    // Read back as everybody will read it: too many seats, or an address that is none, shows here.
    let statement = Statement::from_bytes(&statement.to_bytes())
        .map_err(|e| Failure::of(Exit::Usage, "声明を作ることが", "draw up the statement", &e))?;
    save(out, &statement)?;
    at.ui.result(&says(&statement), told(&statement, at));
    Ok(Exit::Done)
}

fn sign(path: &Path, have: &[PathBuf], at: &At) -> Result<Exit, Failure> {
    let config = at.config()?;
    let genesis = founding(at)?;
    let mut statement = load(path)?;
    let kept = statement.recovery().size;
    for place in have {
        let found = remains(place, &genesis, &mut |_, _| {}).map_err(|e| unusable(place, &e))?;
        if found.size > kept {
            let (name, size) = (place.display(), found.size);
            return Err(Failure::new(
                Exit::Refused,
                format!(
                    "{name} には過半数が連署した {size} 件があり、声明が引き継ぐ {kept} 件より長いため、署名しません"
                ),
                format!(
                    "{name} holds {size} leaves that a quorum cosigned, more than the {kept} the statement keeps: not signed"
                ),
            ));
        }
    }
    let key = keys::signing(&config.keys, KeyPurpose::Governance)?;
    statement.sign(&key).map_err(|e| {
        Failure::of(
            Exit::Usage,
            "声明に署名することが",
            "sign the statement",
            &e,
        )
    })?;
    save(path, &statement)?;
    at.ui.result(&says(&statement), told(&statement, at));
    Ok(Exit::Done)
}

fn start(path: &Path, prefix: &Path, at: &At) -> Result<Exit, Failure> {
    let config = at.config()?;
    let genesis = founding(at)?;
    let statement = load(path)?;
    let archive = archive(prefix, &genesis, at)?;
    let refused = |error: &RecoverError| match error {
        RecoverError::Archive(ArchiveError::Replica(e)) => failure(&config.ledger_data(), e),
        RecoverError::Archive(e) => broken(e),
        other => Failure::of(
            Exit::Refused,
            "新しい系統を始めることが",
            "start the next lineage",
            other,
        ),
    };
    check_statement(&archive, &statement).map_err(|e| refused(&e))?;
    let checkpoint = keys::signing(&config.keys, KeyPurpose::Checkpoint)?;
    let Some(replica) = statement.replica_of(&checkpoint.public_key()) else {
        return Err(Failure::new(
            Exit::Refused,
            "声明に、このマシンの検証点鍵の席がありません。`sekisho ledger recover seat` の申請が声明に入っているか確かめてください",
            "the statement has no seat for this machine's checkpoint key; see whether its request of `sekisho ledger recover seat` is in it",
        ));
    };
    let mut progress = Progress::new(at.ui);
    let mut tell = telling(&mut progress, "取り込んでいます", "filling the store");
    keep_place(&config, replica)?;
    let filled = store_of(&config, replica);
    let begun = start_lineage(&archive, &statement, &filled, &genesis, &mut tell);
    let (size, root) = begun.map_err(|e| refused(&e))?;
    drop(tell);
    progress.end();
    let lineage = statement.lineage();
    let ja = format!(
        "✓ 第 {lineage} 系統を {size} 件から始めます。ルート {root}（全マシンで同じはずです）。設定ファイルの [replica] に id = {replica} と書き、`sekisho serve` で始めてください"
    );
    let en = format!(
        "✓ Lineage {lineage} begins with {size} leaves, root {root}, which must be the same on every machine. Write id = {replica} under [replica] in the configuration and start with `sekisho serve`"
    );
    let object = json!({ "lineage": lineage, "replica": replica, "leaves": size, "root": root });
    at.ui.result(&object, at.ui.pick(&ja, &en));
    Ok(Exit::Done)
}
