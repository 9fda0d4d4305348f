//! Disaster authorities and networks that join: what the members admit by majority.

use super::card::Card;
use super::init::check_name;
use crate::commands::At;
use crate::keys;
use crate::ops::{self, Recorded};
use crate::ui::{Exit, Failure};
use clap::{Args, Subcommand};
use sekisho_domain::{AreaCode, Body, KeyPurpose, NetworkId, PublicKey};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The longest card looked at.
const CARD_BYTES_MAX: u64 = 64 * 1024;

#[derive(Debug, Subcommand)]
pub(in crate::commands) enum Command {
    /// Make an authority's key and the card to hand to the networks; run by the authority itself
    #[command(
        after_help = "Example:\n  sekisho network authority init --id tottori-ken --name 鳥取県 --prefecture 31 --dir authority"
    )]
    Init(InitArgs),
    /// Be for admitting a disaster authority; in force once a majority of the members said the same
    #[command(
        after_help = "Example:\n  sekisho network authority admit --card authority/authority-card.json"
    )]
    Admit {
        /// The authority's card
        #[arg(long, value_name = "FILE")]
        card: PathBuf,
    },
    /// Be for ending a disaster authority; in force once a majority of the members said the same
    #[command(after_help = "Example:\n  sekisho network authority end tottori-ken")]
    End {
        /// The authority
        #[arg(value_name = "ID")]
        id: NetworkId,
    },
}

#[derive(Debug, Args)]
pub(in crate::commands) struct InitArgs {
    /// The authority's id: 1 to 40 characters of a-z, 0-9 and '-'
    #[arg(long, value_name = "ID")]
    id: NetworkId,
    /// The organisation's name
    #[arg(long, value_name = "NAME")]
    name: String,
    /// A prefecture it may declare disasters in, 2 digits (JIS X 0401); once for each
    #[arg(long, value_name = "CODE", required = true)]
    prefecture: Vec<AreaCode>,
    /// The folder for the key and the card
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
}

/// What an authority hands to the networks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AuthorityCard {
    authority: NetworkId,
    name: String,
    prefectures: BTreeSet<AreaCode>,
    key: PublicKey,
}

pub(super) async fn run(command: Command, at: &At) -> Result<Exit, Failure> {
    match command {
        Command::Init(args) => init(args, at),
        Command::Admit { card } => {
            let card = load(&card)?;
            let body = Body::AuthorityAdmit {
                authority: card.authority.clone(),
                name: card.name.clone(),
                key: card.key,
                prefectures: card.prefectures.clone(),
            };
            let id = sekisho_ledger::signature::key_id(&card.key);
            at.ui.note(
                format!("鍵ID {id} を、当局に電話で確かめてください。"),
                format!("Compare the key id {id} with the authority by telephone."),
            );
            let session = at.session()?;
            let done = ops::govern(&session, body).await?.accepted()?;
            ops::reached(&session, done.index).await?;
            let replayed = at.replayed(&session).await?;
            let known = replayed.view().authority(&card.authority);
            let admitted = known.map_err(|e| ops::unreadable(&e))?.is_some();
            let name = format!("{} ({})", card.name, card.authority);
            majority(&done, &name, admitted, ("承認", "admitted"), at);
            Ok(Exit::Done)
        }
        Command::End { id } => {
            let session = at.session()?;
            let body = Body::AuthorityEnd {
                authority: id.clone(),
            };
            let done = ops::govern(&session, body).await?.accepted()?;
            ops::reached(&session, done.index).await?;
            let replayed = at.replayed(&session).await?;
            let known = replayed.view().authority(&id);
            let known = known.map_err(|e| ops::unreadable(&e))?;
            let ended = known.is_some_and(|a| a.value.ended.is_some());
            majority(&done, id.as_str(), ended, ("承認を終了", "ended"), at);
            Ok(Exit::Done)
        }
    }
}

/// Be for admitting a network; its card is that of `network init`.
pub(super) async fn admit_network(card: &Path, at: &At) -> Result<Exit, Failure> {
    let card = Card::load(card)?;
    check_name(&card.name)?;
    let id = sekisho_ledger::signature::key_id(&card.keys.governance);
    at.ui.note(
        format!("運営鍵ID {id} を、加わるネットワークに電話で確かめてください。"),
        format!("Compare the governance key id {id} with the joining network by telephone."),
    );
    let session = at.session()?;
    let body = Body::NetworkAdmit {
        network: card.network.clone(),
        name: card.name.clone(),
        governance_key: card.keys.governance,
    };
    let done = ops::govern(&session, body).await?.accepted()?;
    ops::reached(&session, done.index).await?;
    let replayed = at.replayed(&session).await?;
    let known = replayed.view().network(&card.network);
    let admitted = known.map_err(|e| ops::unreadable(&e))?.is_some();
    let name = format!("{} ({})", card.name, card.network);
    majority(&done, &name, admitted, ("承認", "admitted"), at);
    Ok(Exit::Done)
}

/// What a member's word came to: in force, or waiting for others.
fn majority(done: &Recorded, what: &str, in_force: bool, (ja, en): (&str, &str), at: &At) {
    let (ja, en) = match in_force {
        true => (
            format!("{what} を{ja}しました：過半数に達しました"),
            format!("{what} is {en}: a majority said so"),
        ),
        false => (
            format!("{what} の{ja}に賛成しました。過半数に達すると有効になります"),
            format!("This network is for it; {what} is {en} once a majority said the same"),
        ),
    };
    at.recorded(done, &json!({ "in_force": in_force }), &ja, &en);
}

fn init(args: InitArgs, at: &At) -> Result<Exit, Failure> {
    check_name(&args.name)?;
    if let Some(area) = args.prefecture.iter().find(|area| !area.is_prefecture()) {
        return Err(Failure::usage(
            format!("--prefecture {area} は都道府県コード（2桁）ではありません"),
            format!("--prefecture {area} is no prefecture (2 digits)"),
        ));
    }
    let failed = |e: &(dyn std::error::Error + 'static)| {
        let name = args.dir.display();
        Failure::of(
            Exit::Usage,
            &format!("{name} に書くことが"),
            &format!("write to {name}"),
            e,
        )
    };
    std::fs::create_dir_all(&args.dir).map_err(|e| failed(&e))?;
    let path = keys::path(&args.dir, KeyPurpose::Authority);
    let key = keys::create_at(&path, KeyPurpose::Authority)?;
    let card = AuthorityCard {
        authority: args.id.clone(),
        name: args.name.clone(),
        prefectures: args.prefecture.iter().cloned().collect(),
        key: key.public_key(),
    };
    let card_path = args.dir.join("authority-card.json");
    let text = serde_json::to_string_pretty(&card).map_err(|e| failed(&e))?;
    std::fs::write(&card_path, text + "\n").map_err(|e| failed(&e))?;
    let (id, shown, kept) = (key.key_id(), card_path.display(), path.display());
    let ja = format!(
        "災害対策当局 {}（{}）の鍵を作りました。\n  鍵：  {kept}（他の人に読まれない場所に）\n  名刺：{shown}\n  鍵ID：{id}\n\n\
         名刺を加盟ネットワークに渡し、鍵IDを電話で確かめてください。過半数が承認すると宣言できます。",
        args.id, args.name
    );
    let en = format!(
        "The key of authority {} ({}) is made.\n  key:    {kept} (keep it from others)\n  card:   {shown}\n  key id: {id}\n\n\
         Give the card to the member networks and compare the key id by telephone; once a majority admits it, it may declare.",
        args.id, args.name
    );
    let object = json!({ "authority": args.id, "key": path, "card": card_path, "key_id": id, "public": card });
    at.ui.result(&object, at.ui.pick(&ja, &en));
    Ok(Exit::Done)
}

fn load(path: &Path) -> Result<AuthorityCard, Failure> {
    let name = path.display();
    let failed = |e: &(dyn std::error::Error + 'static)| {
        Failure::of(
            Exit::Usage,
            &format!("名刺ファイル {name} を読むことが"),
            &format!("read the card {name}"),
            e,
        )
    };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|e| failed(&e))?;
    file.take(CARD_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|e| failed(&e))?;
    let card: AuthorityCard = serde_json::from_str(&text).map_err(|e| failed(&e))?;
    check_name(&card.name)?;
    Ok(card)
}
