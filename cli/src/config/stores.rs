//! `[node.index]` and `[node.contents]`: where a node keeps its document index, and from where it releases contents.

use super::read::Reader;
use crate::ui::Words;
use sekisho_documents::{PostgresSettings, StoreSettings};
use std::path::{Path, PathBuf};

/// Where the document index is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum IndexConfig {
    /// In the folder of this process's data.
    #[default]
    Embedded,
    /// In a database that speaks PostgreSQL's protocol.
    Postgres {
        /// Where, without a password.
        url: String,
        /// The password's file, if it takes one.
        password_file: Option<PathBuf>,
        /// Certificates that the server's must lead to; none are the system's.
        ca: Option<PathBuf>,
    },
}

/// From where contents are released.
#[derive(Debug, Clone, Default)]
pub enum ContentsConfig {
    /// From the sources' own files, which stay where they are.
    #[default]
    Files,
    /// From an S3-compatible object store, into which they are copied when they are read.
    ObjectStore(StoreSettings),
}

/// Reads `[node.index]`; none if it has faults.
pub(super) fn index(section: Option<Reader<'_>>, base: &Path) -> Option<IndexConfig> {
    let Some(mut section) = section else {
        return Some(IndexConfig::default());
    };
    let kind = section.optional::<IndexKind>("kind", "embedded");
    let index = match kind.unwrap_or(IndexKind::Embedded) {
        IndexKind::Embedded => Some(IndexConfig::Embedded),
        IndexKind::Postgres => {
            let url = section.required::<Url>("url", "postgresql://sekisho@127.0.0.1/sekisho");
            let password_file = section.optional_path("password_file", base);
            let ca = section.optional_path("ca", base);
            url.map(|url| IndexConfig::Postgres {
                url: url.0,
                password_file,
                ca,
            })
        }
    };
    section.finish();
    index
}

/// Reads `[node.contents]`; none if it has faults.
pub(super) fn contents(section: Option<Reader<'_>>, base: &Path) -> Option<ContentsConfig> {
    let Some(mut section) = section else {
        return Some(ContentsConfig::default());
    };
    let kind = section.optional::<ContentsKind>("kind", "files");
    let contents = match kind.unwrap_or(ContentsKind::Files) {
        ContentsKind::Files => Some(ContentsConfig::Files),
        ContentsKind::ObjectStore => {
            let endpoint = section.required::<String>("endpoint", "https://s3.example.jp");
            let bucket = section.required::<String>("bucket", "sekisho");
            let prefix = section.optional::<String>("prefix", "pikapikalink");
            let region = section.optional::<String>("region", "us-east-1");
            let path_style = section.flag("path_style", true);
            let access_key_file =
                section.required_path("access_key_file", base, "keys/s3-access-key");
            let secret_key_file =
                section.required_path("secret_key_file", base, "keys/s3-secret-key");
            let ca = section.optional_path("ca", base);
            let settings = || {
                Some(StoreSettings {
                    endpoint: endpoint?,
                    bucket: bucket?,
                    prefix: prefix.unwrap_or_default(),
                    region: region.unwrap_or_else(|| REGION.to_owned()),
                    path_style: path_style?,
                    access_key_file: access_key_file?,
                    secret_key_file: secret_key_file?,
                    ca,
                })
            };
            let settings = settings();
            if let Some(Err(sekisho_documents::Error::Setting { key, what })) =
                settings.as_ref().map(StoreSettings::check)
            {
                section.fault(key, Words::new(format!("使えません（{key} {what}）"), what));
            }
            settings.map(ContentsConfig::ObjectStore)
        }
    };
    section.finish();
    contents
}

/// What requests are signed for where the store's own documentation names no region.
const REGION: &str = "us-east-1";

#[derive(Debug, Clone, Copy)]
enum IndexKind {
    Embedded,
    Postgres,
}

impl std::str::FromStr for IndexKind {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "embedded" => Ok(Self::Embedded),
            "postgres" => Ok(Self::Postgres),
            _ => Err("an index is \"embedded\" or on \"postgres\""),
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum ContentsKind {
    Files,
    ObjectStore,
}

impl std::str::FromStr for ContentsKind {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "files" => Ok(Self::Files),
            "object-store" => Ok(Self::ObjectStore),
            _ => Err("contents are released from \"files\" or an \"object-store\""),
        }
    }
}

struct Url(String);

impl std::str::FromStr for Url {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match PostgresSettings::check(text) {
            Ok(()) => Ok(Self(text.to_owned())),
            Err(error) => Err(error.to_string()),
        }
    }
}
