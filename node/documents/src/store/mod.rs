//! Contents in an S3-compatible object store.
//!
//! ```text
//! file ──checked against its entry──▶ object ──then──▶ entry applied to the index           (`keeping`)
//! object ──read and hashed as a file──▶ released                                             (`object`)
//! index forgets, later ──▶ object that no entry names any more is removed                   (`sweep`)
//! ```
//! An object is a document's bytes under `<prefix>/<source id>/<two digits>/<64 digits>`: the digits are SHA-256 over
//! the source and the content's hash. So an object never changes, the same content is stored once for a source, and a
//! listing names nobody. Bytes are read back in pieces and checked against the index's hash and size as a file's are;
//! what the store claims of them is believed nowhere.

mod error;
mod http;
mod keeping;
mod object;
mod sweep;

use crate::background::Background;
use crate::postgres::settings::secret;
use crate::{DocumentEntry, Error, SourceId};
use bytes::Bytes;
use futures::StreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path as Key;
use object_store::{
    BackoffConfig, GetOptions, GetRange, MultipartUpload, ObjectStore, ObjectStoreExt, RetryConfig,
};
use sekisho_domain::Hash;
use sha2::{Digest, Sha256};
use std::future::Future;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use error::StoreError;
pub use keeping::Keeping;
pub(crate) use object::Object;
pub use sweep::Swept;

/// How long one request may take, its attempts included: pieces are small.
const CALL_TIME: Duration = Duration::from_secs(30);
/// Attempts after the first.
const RETRIES_MAX: usize = 3;
/// For how long attempts are begun.
const RETRY_TIME: Duration = Duration::from_secs(15);
/// Bytes of one part of an object that is stored in parts; S3 asks for five megabytes at least.
const PART_BYTES: usize = 8 << 20;
/// Longest prefix of keys, in bytes; S3 allows keys of 1,024.
const PREFIX_BYTES_MAX: usize = 256;

/// How a store is reached. Secrets are files.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// Where, as `https://host:port`; plain HTTP only to this machine.
    pub endpoint: String,
    /// Its bucket, which must be there.
    pub bucket: String,
    /// Before all keys; empty for none.
    pub prefix: String,
    /// The region that requests are signed for.
    pub region: String,
    /// Whether the bucket is part of the path, not of the host's name.
    pub path_style: bool,
    /// File of the access key's id.
    pub access_key_file: PathBuf,
    /// File of the secret key.
    pub secret_key_file: PathBuf,
    /// Certificates the store's must lead to; none are the system's.
    pub ca: Option<PathBuf>,
}

/// A store of contents. All clones are one.
#[derive(Clone)]
pub struct ObjectContents(Arc<Inner>);

struct Inner {
    background: Background,
    store: Arc<AmazonS3>,
    prefix: String,
    /// Endpoint and bucket, for people.
    place: String,
    id: String,
    call_time: Duration,
    /// Held while objects are stored whose entries are applied next; alone, while some are removed.
    sweeping: std::sync::RwLock<()>,
}

impl std::fmt::Debug for ObjectContents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ObjectContents({})", self.0.place)
    }
}

fn setting(key: &'static str, what: impl Into<String>) -> Error {
    Error::Setting {
        key,
        what: what.into(),
    }
}

impl StoreSettings {
    /// The same rules the store itself would only tell one at a time.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn check(&self) -> Result<(), Error> {
        let refused = |what: &str| Err(setting("endpoint", what));
        let (scheme, rest) = self.endpoint.split_once("://").unwrap_or_default();
        let authority = rest.trim_end_matches('/');
        if !matches!(scheme, "http" | "https")
            || authority.is_empty()
            || authority.contains(['/', '@', '?'])
        {
            return refused("must be https://host:port, without path or user");
        }
        let host = authority
            .rsplit_once(':')
            .map_or(authority, |(host, port)| match port.parse::<u16>() {
                Ok(_) => host,
                Err(_) => authority,
            });
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let here = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        if scheme == "http" && !here {
            return refused("leads to another machine without TLS; write https://");
        }
        let named = |text: &str| {
            text.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        };
        if !(3..=63).contains(&self.bucket.len()) || !named(&self.bucket) {
            return Err(setting(
                "bucket",
                "must be 3 to 63 characters of a-z, 0-9, '-', '_' and '.'",
            ));
        }
        let parts = self.prefix.split('/');
        let well_formed = self.prefix.is_empty()
            || parts
                .into_iter()
                .all(|part| !part.is_empty() && named(part) && !part.starts_with('.'));
        if self.prefix.len() > PREFIX_BYTES_MAX || !well_formed {
            return Err(setting(
                "prefix",
                "must be names of a-z, 0-9, '-', '_' and '.' with '/' between them",
            ));
        }
        Ok(())
    }
}

impl ObjectContents {
    /// A store of these settings. Nothing is asked of it yet: one that is away keeps no node from starting.
    ///
    /// # Errors
    /// [`Error::Setting`]: a setting, a secret's file or the certificates cannot be used.
    pub fn open(settings: &StoreSettings) -> Result<Self, Error> {
        Self::within(settings, CALL_TIME)
    }

    fn within(settings: &StoreSettings, call_time: Duration) -> Result<Self, Error> {
        settings.check()?;
        let endpoint = settings.endpoint.trim_end_matches('/');
        let retry = RetryConfig {
            backoff: BackoffConfig {
                init_backoff: Duration::from_millis(100),
                max_backoff: Duration::from_secs(2),
                base: 2.0,
            },
            max_retries: RETRIES_MAX,
            retry_timeout: RETRY_TIME,
        };
        let virtual_hosted = match endpoint.split_once("://") {
            Some((scheme, authority)) if !settings.path_style => {
                format!("{scheme}://{}.{authority}", settings.bucket)
            }
            _ => endpoint.to_owned(),
        };
        let store = AmazonS3Builder::new()
            .with_endpoint(virtual_hosted)
            .with_allow_http(endpoint.starts_with("http://"))
            .with_virtual_hosted_style_request(!settings.path_style)
            .with_bucket_name(&settings.bucket)
            .with_region(&settings.region)
            .with_access_key_id(secret(&settings.access_key_file, "access_key_file")?)
            .with_secret_access_key(secret(&settings.secret_key_file, "secret_key_file")?)
            .with_retry(retry)
            .with_http_connector(http::Http::new(settings.ca.as_deref())?)
            .build()
            .map_err(|e| setting("endpoint", e.to_string()))?;
        Ok(Self(Arc::new(Inner {
            background: Background::start("sekisho-contents").map_err(Error::Threads)?,
            store: Arc::new(store),
            prefix: settings.prefix.clone(),
            place: format!("{endpoint}/{}", settings.bucket),
            id: format!("{endpoint}/{}/{}", settings.bucket, settings.prefix),
            call_time,
            sweeping: std::sync::RwLock::default(),
        })))
    }

    /// Endpoint and bucket, for people.
    pub fn place(&self) -> &str {
        &self.0.place
    }

    /// Endpoint, bucket and prefix: two that have the same are the same.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// Asks the store something: whether it is there, the bucket too, and the credentials allow to list it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn probe(&self) -> Result<(), StoreError> {
        let (store, prefix) = (Arc::clone(&self.0.store), self.prefix());
        self.call(async move {
            match store.list(prefix.as_ref()).next().await {
                Some(Err(error)) => Err(error),
                Some(Ok(_)) | None => Ok(()),
            }
        })
    }

    /// Whether an object of a document's size is there. Its bytes are not looked at.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn has(&self, entry: &DocumentEntry) -> Result<bool, StoreError> {
        let (store, key) = (Arc::clone(&self.0.store), self.key(entry));
        match self.call(async move { store.head(&key).await }) {
            Ok(meta) => Ok(meta.size == entry.size_bytes),
            Err(StoreError::Missing { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn prefix(&self) -> Option<Key> {
        (!self.0.prefix.is_empty()).then(|| Key::from(self.0.prefix.as_str()))
    }

    fn key(&self, entry: &DocumentEntry) -> Key {
        let digits = hex::encode(digest(&entry.location.source_id, &entry.hash));
        let source = entry.location.source_id.as_str();
        let (two, _) = digits.split_at(2);
        let path = match self.0.prefix.as_str() {
            "" => format!("{source}/{two}/{digits}"),
            prefix => format!("{prefix}/{source}/{two}/{digits}"),
        };
        Key::from(path)
    }

    /// Carries out a request in time.
    fn call<T: Send + 'static>(
        &self,
        request: impl Future<Output = object_store::Result<T>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let time = self.0.call_time;
        // The timer belongs to the threads that carry it out.
        let timed = async move { tokio::time::timeout(time, request).await };
        match self.0.background.wait(timed) {
            Some(Ok(Ok(done))) => Ok(done),
            Some(Ok(Err(error))) => Err(self.failed(&error)),
            Some(Err(_)) => Err(StoreError::Slow {
                store: self.0.place.clone(),
                seconds: time.as_secs(),
            }),
            None => Err(self.reason("its threads ended".to_owned())),
        }
    }

    fn reason(&self, reason: String) -> StoreError {
        StoreError::Failed {
            store: self.0.place.clone(),
            reason,
        }
    }

    fn failed(&self, error: &object_store::Error) -> StoreError {
        let store = self.0.place.clone();
        let reason = chain(error);
        // A bucket that is not there is no document that is not there.
        if reason.contains("NoSuchBucket") {
            let reason = "there is no such bucket".to_owned();
            return StoreError::Refused { store, reason };
        }
        match error {
            object_store::Error::NotFound { .. } => StoreError::Missing { store },
            object_store::Error::Precondition { .. } => StoreError::Replaced { store },
            object_store::Error::PermissionDenied { .. }
            | object_store::Error::Unauthenticated { .. } => StoreError::Refused { store, reason },
            // Of a listing, the crate tells the status in words only.
            _ if REFUSALS.iter().any(|status| reason.contains(status)) => {
                StoreError::Refused { store, reason }
            }
            _ => StoreError::Failed { store, reason },
        }
    }

    /// Some bytes of an object, and what it is; `same` is the version of it that is meant.
    fn read(
        &self,
        key: &Key,
        at: u64,
        length: u64,
        same: Option<&str>,
    ) -> Result<(Bytes, u64, Option<String>), StoreError> {
        let (store, key) = (Arc::clone(&self.0.store), key.clone());
        let options = GetOptions {
            range: (length > 0).then(|| GetRange::Bounded(at..at + length)),
            head: length == 0,
            if_match: same.map(str::to_owned),
            ..GetOptions::default()
        };
        self.call(async move {
            let got = store.get_opts(&key, options).await?;
            let (size, version) = (got.meta.size, got.meta.e_tag.clone());
            let bytes = match length {
                0 => Bytes::new(),
                _ => got.bytes().await?,
            };
            Ok((bytes, size, version))
        })
    }

    fn put(&self, key: &Key, bytes: Vec<u8>) -> Result<(), StoreError> {
        let (store, key) = (Arc::clone(&self.0.store), key.clone());
        self.call(async move { store.put(&key, bytes.into()).await.map(drop) })
    }

    fn begin(&self, key: &Key) -> Result<Box<dyn MultipartUpload>, StoreError> {
        let (store, key) = (Arc::clone(&self.0.store), key.clone());
        self.call(async move { store.put_multipart(&key).await })
    }
}

/// Statuses by which a store refuses whoever asks.
const REFUSALS: [&str; 2] = ["401 Unauthorized", "403 Forbidden"];

/// What an object's name is made of.
fn digest(source_id: &SourceId, hash: &Hash) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in [
        b"sekisho contents v1".as_slice(),
        source_id.as_str().as_bytes(),
        hash.as_bytes(),
    ] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

/// An error with its causes, each once.
fn chain(error: &object_store::Error) -> String {
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

#[cfg(test)]
#[path = "../store_test.rs"]
mod tests;
