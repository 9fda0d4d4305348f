//! A small HTTP client for a PACS: GET, HTTP/1.1, bounded in time and size; over TLS where the service root says https.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use hyper::{Request, StatusCode};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::ClientConfig;
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// Longest answer, in bytes: a page of studies has some hundred kilobytes, a thumbnail ten.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// How long an answer may take: a PACS renders an image within a second or two.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where a PACS answers: `http://host:port/path` or `https://host:port/path`, as DICOMweb's service root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceRoot {
    scheme: &'static str,
    authority: String,
    path: String,
}

impl ServiceRoot {
    /// Whether it is spoken to over TLS.
    pub fn is_https(&self) -> bool {
        self.scheme == "https"
    }
}

impl FromStr for ServiceRoot {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = match text.split_once("://") {
            Some(("http", rest)) => ("http", rest),
            Some(("https", rest)) => ("https", rest),
            _ => return Err("a service root begins with https:// or http://"),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = authority
            .rsplit_once(':')
            .ok_or("a service root has a host and a port")?;
        let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, '@' | '?' | '#' | '"' | '\\');
        if host.is_empty() || port.parse::<u16>().is_err() || !rest.chars().all(is_plain) {
            return Err("a service root is https://host:port/path");
        }
        Ok(Self {
            scheme,
            authority: authority.to_owned(),
            path: format!("/{}", path.trim_matches('/'))
                .trim_end_matches('/')
                .to_owned(),
        })
    }
}

impl fmt::Display for ServiceRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.path)
    }
}

/// Whose certificates a PACS may have.
#[derive(Clone)]
pub struct Trust(Arc<ClientConfig>);

impl Trust {
    /// Those that lead to a certificate of a PEM file or, without one, of the system; for the host of the service root.
    ///
    /// # Errors
    /// The file's certificates cannot be used.
    pub fn of(ca: Option<&Path>) -> Result<Self, sekisho_documents::Error> {
        Ok(Self(Arc::new(sekisho_documents::tls_client(ca)?)))
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trust")
    }
}

/// Why there is no answer. Displays say what the PACS does, and name no patient.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unanswered {
    #[error("has no such thing")]
    Absent,
    #[error("has several studies of one UID")]
    Several,
    #[error("answers {0}")]
    Status(StatusCode),
    #[error("cannot be asked: {0}")]
    Failed(String),
    #[error("did not answer within {} s", PATIENCE.as_secs())]
    Slow,
    #[error("answers what is no DICOM JSON ({0})")]
    Garbled(&'static str),
}

/// The user of a PACS and the password.
#[derive(Clone)]
pub struct Login {
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(withheld)")
    }
}

/// What is below a path of the service; nothing for 204. Blocks; not to be called on a thread that runs tasks.
pub(crate) fn get(
    root: &ServiceRoot,
    trust: Option<&Trust>,
    login: Option<&Login>,
    below: &str,
    accept: &'static str,
) -> Result<Vec<u8>, Unanswered> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| failed(&e))?;
    runtime.block_on(async {
        let answered = asked(root, trust, login, below, accept);
        let answered = tokio::time::timeout(PATIENCE, answered).await;
        answered.unwrap_or(Err(Unanswered::Slow))
    })
}

async fn asked(
    root: &ServiceRoot,
    trust: Option<&Trust>,
    login: Option<&Login>,
    below: &str,
    accept: &'static str,
) -> Result<Vec<u8>, Unanswered> {
    let mut request = Request::get(format!("{root}/{below}")).header(ACCEPT, accept);
    if let Some(login) = login {
        let encoded = STANDARD.encode(format!("{}:{}", login.user, login.password));
        let mut value =
            HeaderValue::from_str(&format!("Basic {encoded}")).map_err(|e| failed(&e))?;
        value.set_sensitive(true);
        request = request.header(AUTHORIZATION, value);
    }
    let request = request.body(Empty::<Bytes>::new());
    let request = request.map_err(|e| failed(&e))?;
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    let client = Client::builder(TokioExecutor::new());
    let answer = match (root.is_https(), trust) {
        (false, _) => client.build(http).request(request).await,
        (true, Some(Trust(tls))) => {
            let https = HttpsConnector::from((http, Arc::clone(tls)));
            client.build(https).request(request).await
        }
        (true, None) => {
            let reason = "no certificates are configured to know it by";
            return Err(Unanswered::Failed(reason.to_owned()));
        }
    };
    let answer = answer.map_err(|e| failed(&e))?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX)
        .collect()
        .await;
    let body = body.map_err(|e| failed(e.as_ref()))?.to_bytes();
    match status {
        StatusCode::OK => Ok(body.to_vec()),
        StatusCode::NO_CONTENT => Ok(Vec::new()),
        StatusCode::NOT_FOUND | StatusCode::GONE => Err(Unanswered::Absent),
        other => Err(Unanswered::Status(other)),
    }
}

/// A failure with its causes, each said once.
fn failed(error: &(dyn std::error::Error + 'static)) -> Unanswered {
    let (mut text, mut source) = (error.to_string(), error.source());
    while let Some(error) = source {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
        source = error.source();
    }
    Unanswered::Failed(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_root_is_plain() {
        for (text, shown) in [
            (
                "http://127.0.0.1:8042/dicom-web/",
                "http://127.0.0.1:8042/dicom-web",
            ),
            ("http://pacs:80", "http://pacs:80"),
            ("http://pacs:8080/a/b", "http://pacs:8080/a/b"),
            ("https://pacs:443/a/", "https://pacs:443/a"),
        ] {
            assert_eq!(text.parse::<ServiceRoot>().unwrap().to_string(), shown);
        }
        for bad in [
            "ftp://pacs:443/x",
            "https://pacs/x",
            "http://pacs/x",
            "http://:80",
            "http://a:b/",
            "http://u@p:80/",
            "http://p:80/?a",
            "pacs",
        ] {
            assert!(bad.parse::<ServiceRoot>().is_err(), "{bad}");
        }
    }
}
