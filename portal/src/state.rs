//! What every page works with.

use crate::accesses::Accesses;
use crate::accounts::{Accounts, By, Hashed};
use crate::clinician::Visits;
use crate::limits::Limits;
use crate::messages::Messages;
use crate::pages::Open;
use crate::sessions::Sessions;
use crate::signin::{Provider, ProviderSettings, Refusal, passkeys};
use axum::http::Method;
use sekisho_domain::{Genesis, Language, NetworkId};
use sekisho_node::{Environment, Ledger, NodeError, Operating, Snapshot};
use sekisho_proto::v1;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OnceCell, Semaphore, oneshot};
use webauthn_rs::prelude::Webauthn;

/// How a portal is set up.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The network it belongs to.
    pub network: NetworkId,
    /// Its address as browsers know it, without a path: `https://portal.example.jp`. Requests under another name are
    /// refused.
    pub origin: String,
    /// How long a session may stay unused.
    pub idle: Duration,
    /// A demo: the pages say so, and the ready accounts stand on the sign-in page.
    pub demo: bool,
    /// The network's identity provider, if it has one.
    pub provider: Option<ProviderSettings>,
}

/// What a replica says of itself, for the operator's page; handed in, because a node without a replica has none.
#[tonic::async_trait]
pub trait Standing: Send + Sync + 'static {
    /// As `LedgerService.Status` tells it; none where there is no replica here.
    async fn status(&self) -> Option<v1::StatusReply>;
    /// Where this process tells Prometheus how it is, if it does.
    fn metrics(&self) -> Option<String> {
        None
    }
}

/// What a portal works with; each part is opened by whoever starts it.
pub struct Parts {
    /// The node's side of its own people.
    pub node: Operating,
    /// Reads the ledger as the node does.
    pub ledger: Arc<dyn Ledger>,
    /// How the replica stands.
    pub standing: Arc<dyn Standing>,
    /// Who may sign in. Belongs to this portal alone.
    pub accounts: Accounts,
    /// Every access in one row, made from the ledger. Belongs to this portal alone.
    pub accesses: Accesses,
    /// Its clock.
    pub environment: Arc<dyn Environment>,
    /// The ledger's founding file, from which an officer has it applied again.
    pub genesis: Genesis,
}

/// A running portal. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Portal(Arc<Inner>);

/// What is behind it.
pub struct Inner {
    /// How it is set up.
    pub settings: Settings,
    /// The node's side of its own people.
    pub node: Operating,
    /// Reads the ledger.
    pub ledger: Arc<dyn Ledger>,
    /// How the replica stands.
    pub standing: Arc<dyn Standing>,
    /// Who may sign in.
    pub accounts: Arc<Accounts>,
    /// Every access in one row; asked through [`Portal::accesses`].
    pub rows: Arc<Accesses>,
    /// Its clock.
    pub environment: Arc<dyn Environment>,
    /// The ledger's founding file.
    pub genesis: Arc<Genesis>,
    /// The ledger is applied again for one officer at a time: it takes memory and a processor.
    pub replays: Arc<Semaphore>,
    /// Who is signed in.
    pub sessions: Sessions,
    /// How often somebody may try.
    pub limits: Limits,
    /// The identity provider.
    pub(crate) provider: Option<Provider>,
    /// Checks passkeys; none where browsers make none for the portal's name.
    pub(crate) webauthn: Option<Webauthn>,
    /// Queries clinicians have open.
    pub visits: Visits,
    pub(crate) rules: BTreeMap<(String, &'static str), Open>,
    messages: [Messages; 2],
    name: OnceCell<String>,
}

impl std::ops::Deref for Portal {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Portal {
    pub(crate) fn new(
        settings: Settings,
        parts: Parts,
        rules: BTreeMap<(String, &'static str), Open>,
    ) -> Result<Self, crate::messages::MessageFault> {
        let idle_ms = u64::try_from(settings.idle.as_millis()).unwrap_or(u64::MAX);
        let provider = settings.provider.clone();
        Ok(Self(Arc::new(Inner {
            provider: provider.map(|of| Provider::new(of, &settings.origin)),
            webauthn: passkeys::of_origin(&settings.origin),
            settings,
            node: parts.node,
            ledger: parts.ledger,
            standing: parts.standing,
            accounts: Arc::new(parts.accounts),
            rows: Arc::new(parts.accesses),
            environment: parts.environment,
            genesis: Arc::new(parts.genesis),
            replays: Arc::new(Semaphore::new(1)),
            sessions: Sessions::new(idle_ms),
            limits: Limits::default(),
            visits: Visits::default(),
            rules,
            messages: [Messages::read(Language::Ja)?, Messages::read(Language::En)?],
            name: OnceCell::new(),
        })))
    }

    /// Asks the ledger once for the network's name; what cannot be read now is asked for again with the next page.
    pub(crate) async fn learn_name(&self) {
        let of = self.settings.network.clone();
        let asked = || {
            self.ask(move |snapshot| {
                Ok(snapshot
                    .view()
                    .network(&of)?
                    .map(|network| network.value.name))
            })
        };
        let known = self
            .0
            .name
            .get_or_try_init(|| async { asked().await.ok().flatten().ok_or(()) });
        // Without it, pages show the id.
        let _ = known.await;
    }

    /// The network's name, or its id.
    pub(crate) fn name(&self) -> &str {
        let id = self.settings.network.as_str();
        self.0.name.get().map_or(id, String::as_str)
    }

    /// A language's messages.
    pub fn messages(&self, language: Language) -> &Messages {
        let [ja, en] = &self.0.messages;
        language.pick(ja, en)
    }

    /// Nobody signs in with this account any more, and who is signed in with it is out.
    ///
    /// # Errors
    /// There is no such account, or the accounts failed.
    pub async fn disable(&self, name: &str, by: By) -> Result<(), crate::fault::Fault> {
        let of = name.to_owned();
        self.accounts(move |accounts| accounts.disable(&of, &by))
            .await?;
        self.sessions.end_all_of(name);
        Ok(())
    }

    /// Begins an account anew with a password given out once; who is signed in with it is out.
    ///
    /// # Errors
    /// There is no such account, or the accounts failed.
    pub async fn reset(
        &self,
        name: &str,
        password: Hashed,
        by: By,
    ) -> Result<(), crate::fault::Fault> {
        let of = name.to_owned();
        self.accounts(move |accounts| accounts.reset(&of, password, true, &by))
            .await?;
        self.sessions.end_all_of(name);
        Ok(())
    }

    /// How many were not let in with the identity provider, by reason; nothing where there is none.
    pub fn refused(&self) -> Vec<(Refusal, u64)> {
        let provider = self.provider.as_ref();
        provider.map_or_else(Vec::new, |provider| provider.refused().collect())
    }

    /// Who may open what, by method and path.
    pub(crate) fn open(&self, method: &Method, path: &str) -> Option<Open> {
        let wanted = if *method == Method::HEAD {
            Method::GET
        } else {
            method.clone()
        };
        self.rules
            .iter()
            .find(|((m, p), _)| m == wanted.as_str() && *p == path)
            .map(|(_, open)| *open)
    }

    /// Asks one consistent view of what the node's ledger has applied.
    ///
    /// # Errors
    /// The ledger cannot be read, or what `question` says.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Snapshot<'_>) -> Result<T, NodeError> + Send + 'static,
    ) -> Result<T, NodeError> {
        let (tell, told) = oneshot::channel();
        let question = Box::new(move |snapshot: &Snapshot<'_>| {
            // Nobody listens any more where the page was closed.
            let _ = tell.send(question(snapshot));
        });
        self.ledger.read(question).await?;
        told.await.map_err(|_| NodeError::ShutDown)?
    }

    /// Work on the accounts, which blocks on the disk.
    ///
    /// # Errors
    /// What `work` says.
    pub async fn accounts<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Accounts) -> Result<T, crate::accounts::AccountsFault> + Send + 'static,
    ) -> Result<T, crate::fault::Fault> {
        let accounts = Arc::clone(&self.0.accounts);
        let done = tokio::task::spawn_blocking(move || work(&accounts)).await;
        done.map_err(|_| crate::fault::Fault::Stopping)?
            .map_err(Into::into)
    }
}
