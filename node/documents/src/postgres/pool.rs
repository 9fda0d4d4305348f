//! Few connections, used in turn, made anew when they break.

use super::settings::PostgresSettings;
use crate::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

/// Connections to the server at most: an answer takes a millisecond or two of one, and a server's connections are
/// processes of its own that all its clients share.
pub const POSTGRES_CONNECTIONS_MAX: usize = 8;
/// How long a statement may take; a page of a chart takes milliseconds, a batch some ten.
pub(super) const STATEMENT_TIME: Duration = Duration::from_secs(30);
/// How long whoever waits for an answer waits in all, for a connection and every attempt.
const ANSWER_TIME: Duration = Duration::from_secs(45);
/// How long removing an index's old rows or writing it anew may take.
const UPKEEP_TIME: Duration = Duration::from_secs(4 * 3600);
/// How often something is tried that was only in another's way, or whose connection broke.
const ATTEMPTS_MAX: u32 = 5;
/// Before the second attempt; twice as long before each further one.
const ATTEMPT_PAUSE: Duration = Duration::from_millis(20);

/// Why an attempt came to nothing.
pub(super) enum Fault {
    /// The connection or the server.
    Server(tokio_postgres::Error),
    /// What the database holds does not allow it.
    Index(Error),
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Server(error)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Index(error)
    }
}

/// One attempt's work on a connection.
pub(super) type Attempt<'a, T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send + 'a>>;

/// How long something may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// Somebody waits for the answer.
    Answer,
    /// Nobody does.
    Upkeep,
}

pub(super) struct Pool {
    settings: PostgresSettings,
    free: Mutex<Vec<Client>>,
    places: Semaphore,
}

impl Pool {
    pub fn new(settings: PostgresSettings) -> Self {
        Self {
            settings,
            free: Mutex::default(),
            places: Semaphore::new(POSTGRES_CONNECTIONS_MAX),
        }
    }

    pub fn server(&self) -> &str {
        &self.settings.server
    }

    /// Does something on a connection; again, where it was only in another's way or its connection broke. So it must
    /// be such that doing it twice is as good as once.
    pub async fn run<T>(
        self: Arc<Self>,
        patience: Patience,
        mut work: impl for<'a> FnMut(&'a mut Client) -> Attempt<'a, T> + Send,
    ) -> Result<T, Error> {
        let time = match patience {
            Patience::Answer => ANSWER_TIME,
            Patience::Upkeep => UPKEEP_TIME,
        };
        let begun = Instant::now();
        let attempts = async {
            let _place = self.places.acquire().await.map_err(|_| Error::Closed)?;
            let (mut attempt, mut pause) = (1, ATTEMPT_PAUSE);
            loop {
                let (fault, again) = match self.client(patience).await {
                    Ok(mut client) => match work(&mut client).await {
                        Ok(done) => {
                            self.put_back(client, patience);
                            return Ok(done);
                        }
                        // The connection is dropped with whatever was under way on it.
                        Err(Fault::Index(error)) => return Err(error),
                        Err(Fault::Server(error)) => (error, true),
                    },
                    // A server that is not there is told at once; one that broke off is asked again.
                    Err(error) => {
                        let reached = error.code().is_some() || error.is_closed();
                        (error, reached)
                    }
                };
                if attempt == ATTEMPTS_MAX || !again || !passes(&fault) {
                    return Err(self.failed(fault));
                }
                tracing::debug!(
                    attempt,
                    "a transaction of the document index is tried again"
                );
                sleep(pause).await;
                attempt += 1;
                pause *= 2;
            }
        };
        match timeout(time, attempts).await {
            Ok(done) => done,
            Err(_) => Err(Error::Slow {
                server: self.server().to_owned(),
                seconds: begun.elapsed().as_secs(),
            }),
        }
    }

    async fn client(&self, patience: Patience) -> Result<Client, tokio_postgres::Error> {
        if patience == Patience::Answer {
            while let Some(client) = self.take() {
                if !client.is_closed() {
                    return Ok(client);
                }
            }
        }
        let settings = &self.settings;
        let connected = settings.connection.connect(settings.tls.clone()).await;
        let (client, connection) = connected?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(
                    error = reason(&error),
                    "a connection to the document index ended"
                );
            }
        });
        let (statement_ms, idle_ms) = match patience {
            Patience::Answer => (STATEMENT_TIME.as_millis(), 2 * STATEMENT_TIME.as_millis()),
            Patience::Upkeep => (0, 0),
        };
        let limits = format!(
            "SET statement_timeout = {statement_ms}; SET idle_in_transaction_session_timeout = {idle_ms}"
        );
        client.batch_execute(&limits).await?;
        Ok(client)
    }

    fn take(&self) -> Option<Client> {
        self.free
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
    }

    fn put_back(&self, client: Client, patience: Patience) {
        if patience == Patience::Answer && !client.is_closed() {
            self.free
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(client);
        }
    }

    fn failed(&self, error: tokio_postgres::Error) -> Error {
        let server = self.server().to_owned();
        match error.as_db_error() {
            // Details and hints may quote a row; the message and its code do not.
            Some(said) => Error::Database {
                server,
                code: said.code().code().to_owned(),
                message: said.message().to_owned(),
            },
            None => Error::Unreachable {
                server,
                reason: reason(&error),
            },
        }
    }
}

/// Whether a later attempt may do better: a serialization failure, a deadlock, a server that went away.
fn passes(error: &tokio_postgres::Error) -> bool {
    let Some(code) = error.code() else {
        return error.is_closed() || has_io(error);
    };
    [
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
    ]
    .contains(code)
        || code.code().starts_with("08")
}

fn has_io(error: &tokio_postgres::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if error.is::<std::io::Error>() {
            return true;
        }
        source = error.source();
    }
    false
}

/// What a connection's failure was, with its causes.
fn reason(error: &tokio_postgres::Error) -> String {
    if let Some(said) = error.as_db_error() {
        return said.message().to_owned();
    }
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
        source = error.source();
    }
    text
}
