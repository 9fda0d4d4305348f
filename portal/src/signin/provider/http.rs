//! The HTTP client under OpenID Connect: hyper and rustls, as everywhere else here.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use rustls::ClientConfig;
use std::pin::Pin;
use std::time::Duration;

/// How long a connection may take.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// How long an answer may take: somebody waits.
const ANSWER_TIME: Duration = Duration::from_secs(10);
/// Largest answer: a set of keys, or all the claims of a person.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Why there is no answer. None of it names a person.
#[derive(Debug, thiserror::Error)]
pub enum HttpFault {
    /// Nobody answered.
    #[error("the identity provider cannot be reached")]
    Reach(#[source] hyper_util::client::legacy::Error),
    /// It did not answer in time.
    #[error("the identity provider did not answer within {} s", ANSWER_TIME.as_secs())]
    Late,
    /// Its answer broke off, or is larger than any should be.
    #[error("the identity provider's answer could not be read")]
    Read(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Connections to the provider.
#[derive(Debug, Clone)]
pub(super) struct Http(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl Http {
    /// Over TLS only, unless the provider itself is on this machine without it.
    pub fn new(tls: ClientConfig, plain: bool) -> Self {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(CONNECT_TIME));
        connector.set_nodelay(true);
        let builder = HttpsConnectorBuilder::new().with_tls_config(tls);
        let builder = match plain {
            true => builder.https_or_http(),
            false => builder.https_only(),
        };
        let connector = builder.enable_http1().wrap_connector(connector);
        Self(Client::builder(TokioExecutor::new()).build(connector))
    }

    async fn ask(self, request: HttpRequest) -> Result<HttpResponse, HttpFault> {
        let request = request.map(|body| Full::new(Bytes::from(body)));
        let answer = async {
            let answer = self.0.request(request).await.map_err(HttpFault::Reach)?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(HttpFault::Read)?.to_bytes();
            Ok(HttpResponse::from_parts(head, body.to_vec()))
        };
        tokio::time::timeout(ANSWER_TIME, answer)
            .await
            .unwrap_or(Err(HttpFault::Late))
    }
}

impl HttpFault {
    /// Whether the provider can be believed to be there, and to say too much.
    pub fn is_too_large(&self) -> bool {
        matches!(self, Self::Read(e) if e.is::<LengthLimitError>())
    }
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = HttpFault;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpFault>> + Send + 'c>>;
    fn call(&'c self, request: HttpRequest) -> Self::Future {
        // Redirects are not followed: an answer that is one is no answer.
        Box::pin(self.clone().ask(request))
    }
}
