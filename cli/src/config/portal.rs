//! `[portal]`: the pages for people.

use super::oidc::{self, OidcConfig};
use super::read::Reader;
use crate::ui::Words;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Minutes a session may stay unused, unless told otherwise: a consultation with an interruption.
const IDLE_MINUTES: u64 = 20;
/// And what may be told: a shift at most.
const IDLE_MINUTES_ALLOWED: std::ops::RangeInclusive<u64> = 1..=720;

/// Where and how the pages are served.
#[derive(Debug, Clone)]
pub struct PortalConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Its address as browsers know it, without a path.
    pub origin: String,
    /// Its certificate; none: plain HTTP, on loopback.
    pub certificate: Option<WebCertificate>,
    /// How long a session may stay unused.
    pub idle: Duration,
    /// Whether it says that it is a demo, and shows its ready accounts.
    pub demo: bool,
    /// The network's identity provider.
    pub oidc: Option<OidcConfig>,
}

/// The certificate browsers see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebCertificate {
    /// The chain, PEM.
    pub chain: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
}

pub(super) fn read(mut section: Reader<'_>, base: &Path) -> Option<PortalConfig> {
    let listen = section.required::<SocketAddr>("listen", "127.0.0.1:8443");
    let chain = section.optional_path("certificate", base);
    let key = section.optional_path("key", base);
    let origin = section.optional::<Origin>("origin", "https://portal.example.jp");
    let idle = section.optional_number("idle_minutes", IDLE_MINUTES_ALLOWED, IDLE_MINUTES);
    let demo = section.flag("demo", false);
    let certificate = match (chain, key) {
        (Some(chain), Some(key)) => Some(WebCertificate { chain, key }),
        (None, None) => None,
        _ => {
            section.fault(
                "certificate",
                Words::new(
                    "certificate と key は両方書いてください（証明書とその秘密鍵の PEM ファイル）",
                    "and key go together: PEM files of the certificate and of its private key",
                ),
            );
            None
        }
    };
    if let (Some(listen), None) = (listen, &certificate)
        && !listen.ip().is_loopback()
    {
        section.fault(
            "listen",
            Words::new(
                format!(
                    "{listen} は他の計算機から届きます。certificate と key を書くか、127.0.0.1:ポート にして、TLS を受け持つ\
                     プロキシの後ろに置いてください"
                ),
                format!(
                    "{listen} is reachable from elsewhere; name certificate and key, or write 127.0.0.1:port and put it \
                     behind a proxy that speaks TLS"
                ),
            ),
        );
    }
    let wanted = section.section("oidc");
    let given = wanted.is_some();
    let oidc = wanted.and_then(|section| oidc::read(section, base));
    section.finish();
    if given && oidc.is_none() {
        return None;
    }
    let listen = listen?;
    let scheme = if certificate.is_some() {
        "https"
    } else {
        "http"
    };
    let origin = origin.map_or_else(|| format!("{scheme}://{listen}"), |origin| origin.0);
    Some(PortalConfig {
        listen,
        origin,
        certificate,
        idle: Duration::from_secs(60 * idle?),
        demo: demo?,
        oidc,
    })
}

/// Scheme, host and port of a site (RFC 6454 §6.2).
struct Origin(String);

impl std::str::FromStr for Origin {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let host = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"));
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.:[]".contains(c);
        match host {
            Some(host) if !host.is_empty() && host.chars().all(plain) => Ok(Self(text.to_owned())),
            _ => {
                Err("an origin is https://host or https://host:port, in lower case, without a path")
            }
        }
    }
}
