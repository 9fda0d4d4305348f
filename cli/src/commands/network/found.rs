//! Founding a ledger from the founders' cards.

use super::card::Card;
use super::init::check_name;
use crate::commands::At;
use crate::commands::show::Table;
use crate::ui::{Exit, Failure};
use crate::{genesis, ops};
use clap::Args;
use sekisho_domain::{FoundingNetwork, FoundingReplica, Genesis};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(in crate::commands) struct FoundArgs {
    /// A founder's card; once for each
    #[arg(long, value_name = "FILE", required = true)]
    card: Vec<PathBuf>,
    /// Where to write the founding file
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub(super) fn run(args: &FoundArgs, at: &At) -> Result<Exit, Failure> {
    if args.out.exists() {
        let name = args.out.display();
        return Err(Failure::usage(
            format!("{name} はすでにあります。台帳の創設ファイルは上書きしません"),
            format!("{name} exists; a founding file is never overwritten"),
        ));
    }
    let cards = args
        .card
        .iter()
        .map(|path| Card::load(path))
        .collect::<Result<Vec<_>, _>>()?;
    let genesis = genesis_of(&cards)?;
    let ledger = genesis::save(&args.out, &genesis)?;
    let pick = |ja, en| at.ui.pick(ja, en);
    let mut table = Table::new([
        pick("ネットワーク", "network"),
        pick("名称", "name"),
        pick("レプリカ", "replica"),
        pick("接続先", "endpoint"),
        pick("運営鍵ID", "governance key id"),
    ]);
    for card in &cards {
        table.row([
            card.network.to_string(),
            card.name.clone(),
            card.replica.to_string(),
            card.endpoint.clone(),
            sekisho_ledger::signature::key_id(&card.keys.governance).to_string(),
        ]);
    }
    let out = args.out.display();
    let spaced = spaced(&ledger.to_string());
    let ja = format!(
        "{table}\n台帳を創設しました。\n  創設ファイル：{out}\n  台帳ID：      {spaced}\n\n\
         創設ファイルをすべての創設者に渡し、台帳IDと運営鍵IDを電話で読み合わせてください。"
    );
    let en = format!(
        "{table}\nThe ledger is founded.\n  founding file: {out}\n  ledger id:     {spaced}\n\n\
         Give the founding file to every founder, and compare the ledger id and governance key ids by telephone."
    );
    at.ui.result(&json!({ "ledger": ledger, "genesis": args.out, "networks": genesis.networks, "replicas": genesis.replicas }), pick(&ja, &en));
    Ok(Exit::Done)
}

/// In groups of eight, for reading aloud.
fn spaced(hex: &str) -> String {
    let groups: Vec<_> = (0..hex.len())
        .step_by(8)
        .filter_map(|at| hex.get(at..hex.len().min(at + 8)))
        .collect();
    groups.join(" ")
}

fn genesis_of(cards: &[Card]) -> Result<Genesis, Failure> {
    let mut networks = BTreeMap::new();
    let mut replicas = BTreeMap::new();
    for card in cards {
        check_name(&card.name)?;
        let network = FoundingNetwork {
            id: card.network.clone(),
            name: card.name.clone(),
            governance_key: card.keys.governance,
        };
        // One network may bring several replicas, each with its card.
        if networks
            .insert(card.network.clone(), network.clone())
            .is_some_and(|before| before != network)
        {
            let id = &card.network;
            return Err(Failure::usage(
                format!("{id} の名刺が二つあり、名称または運営鍵が異なります"),
                format!("two cards of {id} differ in name or governance key"),
            ));
        }
        let replica = FoundingReplica {
            id: card.replica,
            network: card.network.clone(),
            endpoint: card.endpoint.clone(),
            transport_key: card.keys.transport,
            checkpoint_key: card.keys.checkpoint,
        };
        if let Some(before) = replicas.insert(card.replica, replica) {
            let (id, one, other) = (card.replica, before.network, &card.network);
            return Err(Failure::usage(
                format!(
                    "レプリカ番号 {id} が {one} と {other} で重複しています。init の --replica で別の番号にしてください"
                ),
                format!(
                    "{one} and {other} both take replica {id}; one of them runs init with another --replica"
                ),
            ));
        }
    }
    Ok(Genesis {
        created: ops::now(),
        networks: networks.into_values().collect(),
        replicas: replicas.into_values().collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_aloud_in_groups() {
        assert_eq!(spaced("00112233445566778"), "00112233 44556677 8");
        assert_eq!(spaced(""), "");
    }
}
