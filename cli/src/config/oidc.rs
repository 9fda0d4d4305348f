//! `[portal.oidc]`: the network's identity provider, and what its claims mean here.

use super::read::Reader;
use crate::ui::Words;
use sekisho_portal::{Entitled, Mapping};
use std::path::{Path, PathBuf};

/// The identity provider people of the network sign in with.
#[derive(Debug, Clone)]
pub struct OidcConfig {
    /// Its issuer.
    pub issuer: String,
    /// As it knows the portal.
    pub client_id: String,
    /// The file of the secret it shares with the portal; none: PKCE alone.
    pub client_secret_file: Option<PathBuf>,
    /// Scopes asked for beside `openid`.
    pub scopes: Vec<String>,
    /// Which claims say what.
    pub mapping: Mapping,
    /// What officers, and anybody before an emergency, must have shown: one of these `acr`,
    pub strong_acr: Vec<String>,
    /// or one of these `amr`.
    pub strong_amr: Vec<String>,
    /// Certificates it must lead to; none are the system's.
    pub ca: Option<PathBuf>,
}

/// Reads `[portal.oidc]`; none if it has faults.
pub(super) fn read(mut section: Reader<'_>, base: &Path) -> Option<OidcConfig> {
    let issuer = section.required::<Issuer>("issuer", "https://idp.example.jp/realms/hospital");
    let client_id = section.required::<Word>("client_id", "sekisho");
    let client_secret_file = section.optional_path("client_secret_file", base);
    let scopes = section.texts("scopes", "scopes = [\"profile\"]");
    let mut claim = |key: &str, default: &str| {
        let given = section.optional::<Word>(key, default);
        given.map_or_else(|| default.to_owned(), |word| word.0)
    };
    let (role, facility) = (
        claim("role_claim", "roles"),
        claim("facility_claim", "facilities"),
    );
    let (practitioner, chart) = (
        claim("practitioner_claim", "practitioner"),
        claim("chart_claim", "chart"),
    );
    let strong_acr = section.texts("strong_acr", "strong_acr = [\"urn:example:gold\"]");
    let strong_amr = section.texts("strong_amr", "strong_amr = [\"mfa\", \"hwk\"]");
    let ca = section.optional_path("ca", base);
    let roles = match section.section("roles") {
        Some(mut roles) => roles.all::<Entitled>("clinician:physician"),
        None => Some(std::collections::BTreeMap::new()),
    };
    if roles
        .as_ref()
        .is_some_and(std::collections::BTreeMap::is_empty)
    {
        section.fault(
            "roles",
            Words::new(
                "ありません。だれも役割を得られません。例：[portal.oidc.roles] に doctors = \"clinician:physician\"",
                "is missing, so nobody would have a role; for example [portal.oidc.roles] with doctors = \"clinician:physician\"",
            ),
        );
    }
    section.finish();
    Some(OidcConfig {
        issuer: issuer?.0,
        client_id: client_id?.0,
        client_secret_file,
        scopes: scopes?,
        mapping: Mapping {
            role,
            facility,
            practitioner,
            chart,
            roles: roles.filter(|roles| !roles.is_empty())?,
        },
        strong_acr: strong_acr?,
        strong_amr: strong_amr?,
        ca,
    })
}

/// An issuer (OpenID Connect Discovery §4): over TLS, except on this machine; compared byte by byte.
struct Issuer(String);

impl std::str::FromStr for Issuer {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |host: &str| {
            let name = host.split(['/', ':']).next().unwrap_or_default();
            matches!(name, "localhost" | "127.0.0.1") || host.starts_with("[::1]")
        };
        let ours = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => !rest.is_empty(),
            (_, Some(rest)) => plain(rest),
            _ => false,
        };
        let odd = |c: char| c.is_whitespace() || matches!(c, '?' | '#' | '@');
        match ours && !text.chars().any(odd) {
            true => Ok(Self(text.to_owned())),
            false => Err(
                "an issuer is https://host/path as the provider writes it, http:// only on this machine",
            ),
        }
    }
}

/// A text that is not empty.
struct Word(String);

impl std::str::FromStr for Word {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim() == text && !text.is_empty() {
            true => Ok(Self(text.to_owned())),
            false => Err("is empty or begins or ends with a space"),
        }
    }
}
