//! The HTTP client under the object store: hyper and rustls, as everything else here.

use crate::Error;
use crate::tls::tls_client;
use http_body_util::BodyExt;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector as MakeClient, HttpError, HttpErrorKind, HttpRequest,
    HttpRequestBody, HttpResponse, HttpResponseBody, HttpService,
};
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

/// How long a connection may take.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// Connections kept for the next request: as many as one batch stores at once.
const IDLE_MAX: usize = 8;

/// Makes connections to a store.
#[derive(Debug, Clone)]
pub(super) struct Http(Client<HttpsConnector<HttpConnector>, HttpRequestBody>);

impl Http {
    /// # Errors
    /// [`Error::Setting`]: the certificates cannot be used.
    pub fn new(ca: Option<&Path>) -> Result<Self, Error> {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(CONNECT_TIME));
        connector.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls_client(ca)?)
            // Plain HTTP leaves this machine only if the configuration's check lets it.
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let mut client = Client::builder(TokioExecutor::new());
        client.pool_max_idle_per_host(IDLE_MAX);
        Ok(Self(client.build(connector)))
    }
}

impl MakeClient for Http {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

impl HttpService for Http {
    fn call<'life, 'answer>(
        &'life self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'answer>>
    where
        'life: 'answer,
        Self: 'answer,
    {
        Box::pin(async move {
            let answer = self.0.request(request).await.map_err(|error| {
                let kind = match error.is_connect() {
                    true => HttpErrorKind::Connect,
                    // Nothing of an answer came: whoever asked may ask again.
                    false => HttpErrorKind::Request,
                };
                HttpError::new(kind, error)
            })?;
            let interrupted =
                |error: hyper::Error| HttpError::new(HttpErrorKind::Interrupted, error);
            Ok(answer.map(|body| HttpResponseBody::new(body.map_err(interrupted))))
        })
    }
}
