//! `sekisho config`: the configuration file's documentation and its check.

use super::At;
use crate::config::EXAMPLE;
use crate::ui::{Exit, Failure};
use clap::Subcommand;
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Print a configuration with every setting explained
    #[command(after_help = "Example:\n  sekisho config example > sekisho.toml")]
    Example,
    /// Check a configuration and report everything that is wrong with it
    #[command(after_help = "Example:\n  sekisho config check --config sekisho.toml")]
    Check,
}

pub(super) fn run(command: &Command, at: &At) -> Result<Exit, Failure> {
    match command {
        Command::Example => at.ui.result(&json!({ "example": EXAMPLE }), EXAMPLE),
        Command::Check => {
            let config = at.config()?;
            let (path, network) = (at.path(), &config.network);
            let roles = [
                ("replica", config.replica.is_some()),
                ("light", config.voters().is_some()),
                ("node", config.node.is_some()),
                ("broker", config.broker),
            ];
            let roles: Vec<_> = roles
                .iter()
                .filter(|(_, runs)| *runs)
                .map(|(name, _)| *name)
                .collect();
            let sources = config.node.as_ref().map_or(0, |node| node.sources.len());
            let metrics = config.metrics.map(|of| crate::metrics::url(of.listen));
            let (name, all) = (path.display(), roles.join(", "));
            let (metrics_ja, metrics_en) = match &metrics {
                Some(url) => (
                    format!("メトリクスは {url} です。"),
                    format!(" Metrics at {url}."),
                ),
                None => Default::default(),
            };
            let ja = format!(
                "{name} に誤りはありません。ネットワーク {network}、役割 {all}、ストレージ {sources} 件、{} で待ち受けます。{metrics_ja}",
                config.listen
            );
            let en = format!(
                "{name} has no faults: network {network}, roles {all}, {sources} storage(s), listens on {}.{metrics_en}",
                config.listen
            );
            at.ui.result(
                &json!({ "config": path, "network": network, "roles": roles, "sources": sources, "listen": config.listen, "metrics": metrics }),
                at.ui.pick(&ja, &en),
            );
        }
    }
    Ok(Exit::Done)
}
