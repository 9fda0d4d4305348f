//! Making a network: keys, a configuration, a card.

use super::card::{Card, CardKeys};
use crate::commands::At;
use crate::config::{Config, EXAMPLE};
use crate::keys;
use crate::ui::{Exit, Failure};
use clap::Args;
use sekisho_domain::{Entry, KeyPurpose, NetworkId, PublicKey, ReplicaId};
use sekisho_replica::{EXPECTED_RTT_DEFAULT_MS, EXPECTED_RTT_MS};
use serde_json::json;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(in crate::commands) struct InitArgs {
    /// The network's id: 1 to 40 characters of a-z, 0-9 and '-'
    #[arg(long, value_name = "ID")]
    id: NetworkId,
    /// The organisation's name
    #[arg(long, value_name = "NAME")]
    name: String,
    /// Where this machine listens
    #[arg(long, value_name = "IP:PORT")]
    listen: SocketAddr,
    /// The folder for keys, configuration and card
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Where others reach it, if not under the listening address
    #[arg(long, value_name = "HOST:PORT")]
    endpoint: Option<String>,
    /// The number of its replica; every founder takes another one
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=i64::MAX as u64))]
    replica: u64,
    /// The round trip between the two replicas farthest apart, in milliseconds, the same for all founders
    #[arg(long, value_name = "MS", default_value_t = EXPECTED_RTT_DEFAULT_MS, value_parser = clap::value_parser!(u64).range(EXPECTED_RTT_MS))]
    expected_rtt_ms: u64,
}

pub(super) fn run(args: &InitArgs, at: &At) -> Result<Exit, Failure> {
    let endpoint = endpoint(args)?;
    check_name(&args.name)?;
    let text = configuration(args)?;
    let path = args.dir.join("sekisho.toml");
    // Before anything is made: a folder that serves already must not be half changed.
    if std::fs::read_to_string(&path).is_ok_and(|there| there != text) {
        let name = path.display();
        return Err(Failure::usage(
            format!("{name} はすでにあり、内容が異なります。上書きしません"),
            format!("{name} exists with other content; it is not overwritten"),
        ));
    }
    let folder = args.dir.join("keys");
    let failed = |e: std::io::Error| {
        let name = args.dir.display();
        Failure::of(
            Exit::Usage,
            &format!("{name} に書くことが"),
            &format!("write to {name}"),
            &e,
        )
    };
    std::fs::create_dir_all(&args.dir).map_err(failed)?;
    // Nobody else need even list the keys.
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .map_err(failed)?;
    let key = |purpose| keys::create(&folder, purpose).map(|key| key.public_key());
    let card = Card {
        network: args.id.clone(),
        name: args.name.clone(),
        replica: ReplicaId(args.replica),
        endpoint,
        keys: CardKeys {
            governance: key(KeyPurpose::Governance)?,
            node: key(KeyPurpose::Node)?,
            transport: key(KeyPurpose::Transport)?,
            checkpoint: key(KeyPurpose::Checkpoint)?,
        },
    };
    let card_path = args.dir.join("card.json");
    std::fs::write(&path, text).map_err(failed)?;
    std::fs::write(&card_path, card.text()?).map_err(failed)?;
    tell(&card, &path, &card_path, &folder, at);
    Ok(Exit::Done)
}

fn tell(card: &Card, config: &Path, card_path: &Path, folder: &Path, at: &At) {
    let governance = fingerprint(&card.keys.governance);
    let (id, keys, path, shown) = (
        &card.network,
        folder.display(),
        config.display(),
        card_path.display(),
    );
    let ja = format!(
        "ネットワーク {id}（{}）の準備ができました。\n\
         \x20 鍵：      {keys}（他の人に読まれない場所に。governance.key は普段は切り離して保管してください）\n\
         \x20 設定：    {path}\n\
         \x20 名刺：    {shown}\n\
         \x20 運営鍵ID：{governance}\n\n\
         名刺を創設の取りまとめ役に渡し、運営鍵IDを電話で確かめてください。\n\
         genesis.json を受け取ったら設定ファイルの隣に置き、台帳IDを電話で確かめてから `sekisho serve` を実行します。",
        card.name
    );
    let en = format!(
        "Network {id} ({}) is prepared.\n\
         \x20 keys:              {keys} (keep them from others; store governance.key offline between uses)\n\
         \x20 configuration:     {path}\n\
         \x20 card:              {shown}\n\
         \x20 governance key id: {governance}\n\n\
         Give the card to whoever founds the ledger, and compare the governance key id by telephone.\n\
         Put the genesis.json you get back beside the configuration, compare the ledger id by telephone, then run `sekisho serve`.",
        card.name
    );
    at.ui.result(
        &json!({ "network": id, "config": config, "card": card_path, "keys": folder, "governance_key_id": governance, "public": card }),
        at.ui.pick(&ja, &en),
    );
}

fn fingerprint(key: &PublicKey) -> String {
    sekisho_ledger::signature::key_id(key).to_string()
}

/// Where others reach the machine.
fn endpoint(args: &InitArgs) -> Result<String, Failure> {
    let endpoint = match &args.endpoint {
        Some(endpoint) => endpoint.clone(),
        None if args.listen.ip().is_unspecified() || args.listen.port() == 0 => {
            return Err(Failure::usage(
                format!(
                    "{} では他のネットワークから接続できません。--endpoint HOST:PORT を指定してください",
                    args.listen
                ),
                format!(
                    "others cannot connect to {}; say where they can with --endpoint HOST:PORT",
                    args.listen
                ),
            ));
        }
        None => args.listen.to_string(),
    };
    let form = endpoint.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port != 0)
    });
    if form && endpoint.len() <= Entry::ENDPOINT_BYTES_MAX {
        return Ok(endpoint);
    }
    Err(Failure::usage(
        format!("--endpoint {endpoint} は HOST:PORT の形ではありません"),
        format!("--endpoint {endpoint} is not HOST:PORT"),
    ))
}

/// The bound the ledger has for names.
pub(super) fn check_name(name: &str) -> Result<(), Failure> {
    let (got, max) = (name.chars().count(), Entry::NAME_CHARS_MAX);
    if got > 0 && got <= max && !name.contains(char::is_control) {
        return Ok(());
    }
    Err(Failure::usage(
        format!("名称は1〜{max}文字で、制御文字を含められません（{got}文字）"),
        format!("a name has 1 to {max} characters without control characters, this one has {got}"),
    ))
}

/// The documented example with this network's values; the example's storage stays as a comment.
fn configuration(args: &InitArgs) -> Result<String, Failure> {
    let values = [
        ("id = \"pikapikalink\"", format!("id = \"{}\"", args.id)),
        (
            "listen = \"0.0.0.0:7443\"",
            format!("listen = \"{}\"", args.listen),
        ),
        ("id = 1", format!("id = {}", args.replica)),
        (
            "expected_rtt_ms = 40",
            format!("expected_rtt_ms = {}", args.expected_rtt_ms),
        ),
    ];
    let mut text = String::new();
    let mut in_source = false;
    for line in EXAMPLE.lines() {
        in_source = (in_source || line == "[[node.source]]") && !line.is_empty();
        match values.iter().find(|(example, _)| *example == line) {
            Some((_, value)) => text.push_str(value),
            None if in_source && !line.starts_with('#') => text.push_str(&format!("# {line}")),
            None => text.push_str(line),
        }
        text.push('\n');
    }
    // What is written must be what was meant, whatever becomes of the example.
    let config = Config::parse(&text, &args.dir).map_err(|e| {
        Failure::of(
            Exit::Usage,
            "設定ファイルを作ることが",
            "make the configuration",
            &e,
        )
    })?;
    let replica = config.replica.as_ref().is_some_and(|r| {
        r.id.0 == args.replica && r.timing.expected_rtt_ms == args.expected_rtt_ms
    });
    if config.network == args.id && config.listen == args.listen && replica {
        return Ok(text);
    }
    Err(Failure::usage(
        "設定の見本が想定と異なります",
        "the configuration example is not as expected",
    ))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use sekisho_replica::Timing;

    fn args(listen: &str, endpoint: Option<&str>) -> InitArgs {
        InitArgs {
            id: "mamenet".parse().unwrap(),
            name: "まめネット".to_owned(),
            listen: listen.parse().unwrap(),
            dir: PathBuf::from("/etc/sekisho"),
            endpoint: endpoint.map(str::to_owned),
            replica: 4,
            expected_rtt_ms: 1,
        }
    }

    #[test]
    fn the_configuration_holds_what_was_asked_for_and_no_storage() {
        let text = configuration(&args("192.0.2.7:9000", None)).unwrap();
        let config = Config::parse(&text, Path::new("/etc/sekisho")).unwrap();
        let replica = config.replica.unwrap();
        assert_eq!((replica.id.0, replica.timing), (4, Timing::LOOPBACK));
        assert!(config.broker && config.node.unwrap().sources.is_empty());
        assert_eq!(text.lines().count(), EXAMPLE.lines().count());
    }

    #[test]
    fn an_address_nobody_can_reach_needs_an_endpoint() {
        assert_eq!(
            endpoint(&args("192.0.2.7:9000", None)).unwrap(),
            "192.0.2.7:9000"
        );
        assert_eq!(
            endpoint(&args("0.0.0.0:9000", Some("a.jp:9000"))).unwrap(),
            "a.jp:9000"
        );
        for (listen, endpoint_given) in [
            ("0.0.0.0:9000", None),
            ("192.0.2.7:0", None),
            ("192.0.2.7:1", Some("a.jp")),
        ] {
            assert!(
                endpoint(&args(listen, endpoint_given)).is_err(),
                "{listen} {endpoint_given:?}"
            );
        }
    }
}
