//! The pages for people, beside the node they are of.

use crate::config::{Config, OidcConfig, PortalConfig};
use crate::genesis;
use crate::side::Side;
use crate::ui::{Exit, Failure};
use sekisho_documents::tls_client;
use sekisho_domain::Genesis;
use sekisho_node::{Node, SystemEnvironment};
use sekisho_portal::accesses::Accesses;
use sekisho_portal::accounts::Accounts;
use sekisho_portal::{Certificate, Parts, Portal, ProviderSettings, Settings, Standing};
use sekisho_proto::v1;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Time for pages that are being written.
const GRACE: Duration = Duration::from_secs(3);

/// Where the accounts of a process are.
pub(crate) fn accounts_path(config: &Config) -> PathBuf {
    config.data.join("portal.redb")
}

/// What is opened before anything else is started, so that an address in use or a bad certificate is known first.
pub(super) struct Begun {
    listener: TcpListener,
    certificate: Option<Certificate>,
    settings: Settings,
    accounts: Accounts,
    accesses: Accesses,
    genesis: Genesis,
    metrics: Option<String>,
}

/// Pages that are served.
pub(super) struct Served {
    pub portal: Portal,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

struct Replica {
    side: Side,
    metrics: Option<String>,
}

#[tonic::async_trait]
impl Standing for Replica {
    async fn status(&self) -> Option<v1::StatusReply> {
        match &self.side {
            Side::Replica(replica) => replica.status().await.ok().map(Into::into),
            Side::Light(_) => None,
        }
    }

    fn metrics(&self) -> Option<String> {
        self.metrics.clone()
    }
}

/// The identity provider, with its secret and certificates read.
fn provider(of: OidcConfig) -> Result<ProviderSettings, Failure> {
    let failed = |path: &std::path::Path, e: &(dyn std::error::Error + 'static)| {
        let name = path.display();
        let (ja, en) = (format!("{name} を読むことが"), format!("read {name}"));
        Failure::of(Exit::Usage, &ja, &en, e)
    };
    let client_secret = match &of.client_secret_file {
        None => None,
        Some(path) => {
            let secret = std::fs::read_to_string(path).map_err(|e| failed(path, &e))?;
            let secret = secret.trim().to_owned();
            if secret.is_empty() {
                let name = path.display();
                return Err(Failure::usage(
                    format!(
                        "{name} は空です。認証サービスが発行したクライアントの秘密を書いてください"
                    ),
                    format!(
                        "{name} is empty; write the client's secret from the identity provider into it"
                    ),
                ));
            }
            Some(secret)
        }
    };
    let tls = tls_client(of.ca.as_deref()).map_err(|e| {
        let path = of.ca.clone().unwrap_or_default();
        failed(&path, &e)
    })?;
    Ok(ProviderSettings {
        issuer: of.issuer,
        client_id: of.client_id,
        client_secret,
        scopes: of.scopes,
        mapping: of.mapping,
        strong_acr: of.strong_acr,
        strong_amr: of.strong_amr,
        tls,
    })
}

impl Begun {
    pub async fn begin(config: &Config) -> Result<Option<Self>, Failure> {
        let Some(of) = &config.portal else {
            return Ok(None);
        };
        let PortalConfig {
            listen,
            origin,
            certificate,
            idle,
            demo,
            oidc,
        } = of.clone();
        let failed = |e: &(dyn std::error::Error + 'static)| {
            Failure::of(Exit::Usage, "ポータルを始めることが", "start the portal", e)
        };
        let certificate = certificate.map(|web| Certificate::read(&web.chain, &web.key));
        let certificate = certificate.transpose().map_err(|e| failed(&e))?;
        let provider = oidc.map(provider).transpose()?;
        super::create_data(&config.data)?;
        let accounts = Accounts::open(&accounts_path(config)).map_err(|e| failed(&e))?;
        let accesses = config.data.join("portal-accesses.redb");
        let accesses = Accesses::open(&accesses).map_err(|e| failed(&e))?;
        let listener = TcpListener::bind(listen).await.map_err(|e| {
            let (ja, en) = (
                format!("{listen} でポータルを待ち受けることが"),
                format!("listen for the portal on {listen}"),
            );
            Failure::of(Exit::Usage, &ja, &en, &e)
        })?;
        let settings = Settings {
            network: config.network.clone(),
            origin,
            idle,
            demo,
            provider,
        };
        Ok(Some(Self {
            listener,
            certificate,
            settings,
            accounts,
            accesses,
            genesis: genesis::load(&config.genesis)?,
            metrics: config.metrics.map(|of| crate::metrics::url(of.listen)),
        }))
    }

    pub fn serve(self, node: &Node, side: &Side) -> Result<Served, Failure> {
        let url = self.settings.origin.clone();
        let parts = Parts {
            node: node.operating(),
            ledger: side.of_node(),
            standing: Arc::new(Replica {
                side: side.clone(),
                metrics: self.metrics,
            }),
            accounts: self.accounts,
            accesses: self.accesses,
            environment: Arc::new(SystemEnvironment),
            genesis: self.genesis,
        };
        let portal = Portal::start(self.settings, parts).map_err(|e| {
            Failure::of(
                Exit::Usage,
                "ポータルを始めることが",
                "start the portal",
                &e,
            )
        })?;
        let stop = CancellationToken::new();
        let serving = portal
            .clone()
            .serve(self.listener, self.certificate, stop.clone());
        let task = tokio::spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(%error, "the portal ended");
            }
        });
        tracing::info!(url, "portal");
        Ok(Served { portal, stop, task })
    }
}

impl Served {
    /// Takes no more, and lets what is being written end.
    pub async fn end(self) {
        self.stop.cancel();
        if tokio::time::timeout(GRACE, self.task).await.is_err() {
            tracing::warn!("not every page was written to its end");
        }
    }
}
