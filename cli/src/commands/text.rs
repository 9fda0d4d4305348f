//! Files people write for the ledger, in TOML: reading one, and the hash of the text it stands for.

use crate::ui::{Exit, Failure};
use sekisho_domain::Hash;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::path::Path;

/// The longest text a hash is taken of; agreements and policies are a few pages.
const TEXT_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// A file's content and the folder its paths are relative to.
///
/// # Errors
/// It cannot be read.
pub(super) fn read(path: &Path) -> Result<(String, &Path), Failure> {
    let text = std::fs::read_to_string(path).map_err(|e| {
        let name = path.display();
        Failure::of(
            Exit::Usage,
            &format!("{name} を読むことが"),
            &format!("read {name}"),
            &e,
        )
    })?;
    Ok((text, path.parent().unwrap_or(Path::new("."))))
}

/// Reads TOML; says the line of the first fault.
///
/// # Errors
/// It is not TOML, or not of this form.
pub(super) fn parse<T: DeserializeOwned>(text: &str, example: &str) -> Result<T, Failure> {
    toml::from_str(text).map_err(|e| {
        let fault = e.to_string();
        let fault = fault.trim_end();
        Failure::usage(
            format!("ファイルの内容に誤りがあります。`{example}` が書き方の見本です：\n{fault}"),
            format!("the file is not in the form that `{example}` shows:\n{fault}"),
        )
    })
}

/// The SHA-256 of the text people read: of a file, or given as such. Exactly one of the two is named.
///
/// # Errors
/// None or both are named, or the file cannot be read.
pub(super) fn hash(file: Option<&Path>, given: Option<Hash>, base: &Path) -> Result<Hash, Failure> {
    match (file, given) {
        (Some(file), None) => {
            let path = base.join(file);
            let name = path.display();
            let failed = |e: std::io::Error| {
                Failure::of(
                    Exit::Usage,
                    &format!("本文 {name} を読むことが"),
                    &format!("read the text {name}"),
                    &e,
                )
            };
            let size = std::fs::metadata(&path).map_err(failed)?.len();
            if size > TEXT_BYTES_MAX {
                return Err(Failure::usage(
                    format!("本文 {name} は {size} バイトで、上限 {TEXT_BYTES_MAX} を超えています"),
                    format!("the text {name} has {size} bytes, at most {TEXT_BYTES_MAX} are read"),
                ));
            }
            Ok(Hash(
                Sha256::digest(std::fs::read(&path).map_err(failed)?).into(),
            ))
        }
        (None, Some(hash)) => Ok(hash),
        _ => Err(Failure::usage(
            "本文は text = \"ファイル名\" か text_sha256 = \"...\" のどちらか一方で示してください",
            "name the text by exactly one of text = \"FILE\" and text_sha256 = \"...\"",
        )),
    }
}
