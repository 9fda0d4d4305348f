//! A network's secret keys, as files.

use crate::config::Config;
use crate::ui::{Exit, Failure};
use sekisho_domain::KeyPurpose;
use sekisho_ledger::signature::SigningKey;
use sekisho_transport::{Identity, TransportKey, seed_file};
use std::path::{Path, PathBuf};

/// The file of a key in a network's key folder.
pub fn path(folder: &Path, purpose: KeyPurpose) -> PathBuf {
    folder.join(format!("{}.key", purpose.code()))
}

/// Reads a signing key.
///
/// # Errors
/// The file is missing, readable by others, or not a key.
pub fn signing(folder: &Path, purpose: KeyPurpose) -> Result<SigningKey, Failure> {
    let seed = seed_file::load(&path(folder, purpose)).map_err(|e| {
        Failure::of(
            Exit::Usage,
            &format!("{}を読むことが", purpose.ja()),
            &format!("read the {} key", purpose.en()),
            &e,
        )
    })?;
    Ok(SigningKey::from_secret(&seed))
}

/// Reads a signing key that is not in the network's folder, as an authority's.
///
/// # Errors
/// The file is missing, readable by others, or not a key.
pub fn signing_at(path: &Path) -> Result<SigningKey, Failure> {
    let name = path.display();
    let seed = seed_file::load(path).map_err(|e| {
        Failure::of(
            Exit::Usage,
            &format!("鍵ファイル {name} を読むことが"),
            &format!("read the key file {name}"),
            &e,
        )
    })?;
    Ok(SigningKey::from_secret(&seed))
}

/// Reads the transport key and makes its certificate.
///
/// # Errors
/// The file is missing, readable by others, or not a key.
pub fn identity(config: &Config) -> Result<Identity, Failure> {
    let failed = |e| {
        Failure::of(
            Exit::Usage,
            "通信鍵を読むことが",
            "read the transport key",
            &e,
        )
    };
    let key = TransportKey::load(&path(&config.keys, KeyPurpose::Transport)).map_err(failed)?;
    Identity::new(key).map_err(failed)
}

/// Makes a new key file, or reads the one there is.
///
/// # Errors
/// The file cannot be written, or is there but unusable.
pub fn create(folder: &Path, purpose: KeyPurpose) -> Result<SigningKey, Failure> {
    create_at(&path(folder, purpose), purpose)
}

/// The same in any file.
///
/// # Errors
/// The file cannot be written, or is there but unusable.
pub fn create_at(path: &Path, purpose: KeyPurpose) -> Result<SigningKey, Failure> {
    let seed = seed_file::load_or_create(path).map_err(|e| {
        Failure::of(
            Exit::Usage,
            &format!("{}を作ることが", purpose.ja()),
            &format!("create the {} key", purpose.en()),
            &e,
        )
    })?;
    Ok(SigningKey::from_secret(&seed))
}
