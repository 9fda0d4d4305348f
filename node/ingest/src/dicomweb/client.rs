//! A small HTTP client for a PACS of the same house: GET, HTTP/1.1, bounded in time and size.
//!
//! Plain HTTP: PACS speak it inside the hospital. Where the way leads over other networks, a TLS proxy beside the node
//! carries it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::header::{ACCEPT, AUTHORIZATION, HOST, HeaderValue};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use std::fmt;
use std::io;
use std::str::FromStr;
use std::time::Duration;
use tokio::net::TcpStream;

/// Longest answer, in bytes: a page of studies has some hundred kilobytes, a thumbnail ten.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// How long an answer may take: a PACS renders an image within a second or two.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where a PACS answers: `http://host:port/path`, as DICOMweb's service root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceRoot {
    authority: String,
    path: String,
}

impl FromStr for ServiceRoot {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = text
            .strip_prefix("http://")
            .ok_or("a service root begins with http:// (a proxy beside the node speaks TLS)")?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = authority
            .rsplit_once(':')
            .ok_or("a service root has a host and a port")?;
        let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, '@' | '?' | '#' | '"' | '\\');
        if host.is_empty() || port.parse::<u16>().is_err() || !rest.chars().all(is_plain) {
            return Err("a service root is http://host:port/path");
        }
        Ok(Self {
            authority: authority.to_owned(),
            path: format!("/{}", path.trim_matches('/'))
                .trim_end_matches('/')
                .to_owned(),
        })
    }
}

impl fmt::Display for ServiceRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.path)
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unanswered {
    #[error("there is no such thing")]
    Absent,
    #[error("the PACS answers {0}")]
    Status(StatusCode),
    #[error("the PACS does not answer")]
    Io(#[source] io::Error),
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
    login: Option<&Login>,
    below: &str,
    accept: &'static str,
) -> Result<Vec<u8>, Unanswered> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Unanswered::Io)?;
    runtime.block_on(async {
        let answered = tokio::time::timeout(PATIENCE, asked(root, login, below, accept)).await;
        answered.unwrap_or_else(|_| Err(Unanswered::Io(io::ErrorKind::TimedOut.into())))
    })
}

async fn asked(
    root: &ServiceRoot,
    login: Option<&Login>,
    below: &str,
    accept: &'static str,
) -> Result<Vec<u8>, Unanswered> {
    let other =
        |error: Box<dyn std::error::Error + Send + Sync>| Unanswered::Io(io::Error::other(error));
    let stream = TcpStream::connect(&root.authority)
        .await
        .map_err(Unanswered::Io)?;
    let made = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = made.map_err(|e| other(e.into()))?;
    let carried = tokio::spawn(connection);
    let mut request = Request::get(format!("{}/{below}", root.path))
        .header(HOST, &root.authority)
        .header(ACCEPT, accept);
    if let Some(login) = login {
        let encoded = STANDARD.encode(format!("{}:{}", login.user, login.password));
        let mut value =
            HeaderValue::from_str(&format!("Basic {encoded}")).map_err(|e| other(e.into()))?;
        value.set_sensitive(true);
        request = request.header(AUTHORIZATION, value);
    }
    let request = request
        .body(Empty::<Bytes>::new())
        .map_err(|e| other(e.into()))?;
    let answer = sender
        .send_request(request)
        .await
        .map_err(|e| other(e.into()))?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX)
        .collect()
        .await;
    let body = body.map_err(other)?.to_bytes();
    carried.abort();
    match status {
        StatusCode::OK => Ok(body.to_vec()),
        StatusCode::NO_CONTENT => Ok(Vec::new()),
        StatusCode::NOT_FOUND | StatusCode::GONE => Err(Unanswered::Absent),
        other => Err(Unanswered::Status(other)),
    }
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
        ] {
            assert_eq!(text.parse::<ServiceRoot>().unwrap().to_string(), shown);
        }
        for bad in [
            "https://pacs:443/x",
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
