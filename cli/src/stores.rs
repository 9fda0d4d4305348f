//! A node's index and contents, opened as its configuration says.

use crate::config::{Config, ContentsConfig, IndexConfig, NodeConfig, SourceConfig};
use sekisho_documents::{
    Contents, DocumentIndex, Error, ObjectContents, PostgresIndex, PostgresSettings, SledIndex,
};
use sekisho_ingest::Source;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file beside the node's data that says by which name an index knows whose it is.
const OWNER_FILE: &str = "index-owner";

/// The node's sources.
pub fn sources(of: &NodeConfig) -> Vec<Arc<dyn Source>> {
    of.sources.iter().map(SourceConfig::source).collect()
}

/// Its contents as they lie in its sources' files.
pub fn files(sources: &[Arc<dyn Source>]) -> Contents {
    let roots = sources.iter().filter_map(|source| {
        let root = source.root()?;
        Some((source.id().clone(), root.to_owned()))
    });
    Contents::new(roots)
}

/// Folder of the embedded index.
pub fn embedded(config: &Config) -> PathBuf {
    config.data.join("index")
}

/// Opens the index to serve from. It holds only what the files say: an embedded one that cannot be opened is put aside
/// and built again; a database that is away is tried again when it is needed.
///
/// # Errors
/// It is in use, another node's, or cannot be made.
pub fn serve_index(config: &Config, of: &NodeConfig) -> Result<Arc<dyn DocumentIndex>, Error> {
    let path = embedded(config);
    let IndexConfig::Postgres { .. } = &of.index else {
        return Ok(Arc::new(open_embedded(&path)?));
    };
    let settings = postgres(&of.index)?;
    Ok(Arc::new(PostgresIndex::open_or_wait(
        settings,
        &owner(config)?,
    )?))
}

/// Opens the index as it is.
///
/// # Errors
/// It cannot be opened now.
pub fn open_index(config: &Config, of: &NodeConfig) -> Result<Box<dyn DocumentIndex>, Error> {
    match &of.index {
        IndexConfig::Embedded => Ok(Box::new(SledIndex::open(&embedded(config))?)),
        index @ IndexConfig::Postgres { .. } => Ok(Box::new(PostgresIndex::open(
            postgres(index)?,
            &owner(config)?,
        )?)),
    }
}

/// The store contents are released from; none where that is the sources' files.
///
/// # Errors
/// Its settings, credentials or certificates cannot be used.
pub fn contents(of: &NodeConfig) -> Result<Option<ObjectContents>, Error> {
    match &of.contents {
        ContentsConfig::Files => Ok(None),
        ContentsConfig::ObjectStore(settings) => ObjectContents::open(settings).map(Some),
    }
}

fn postgres(index: &IndexConfig) -> Result<PostgresSettings, Error> {
    match index {
        IndexConfig::Postgres {
            url,
            password_file,
            ca,
        } => PostgresSettings::new(url, password_file.as_deref(), ca.as_deref()),
        IndexConfig::Embedded => Err(Error::Setting {
            key: "kind",
            what: "is embedded".to_owned(),
        }),
    }
}

fn open_embedded(path: &Path) -> Result<SledIndex, Error> {
    match SledIndex::open(path) {
        Err(error @ Error::InUse { .. }) => Err(error),
        Err(error) => {
            let aside = SledIndex::move_aside(path)?;
            tracing::warn!(%error, aside = ?aside.map(|a| a.display().to_string()), "the document index is built again");
            SledIndex::open(path)
        }
        opened => opened,
    }
}

/// The name by which a shared database knows this node: its network, and a number of its data's own, so that neither
/// two networks nor two copies of one configuration write into one index.
fn owner(config: &Config) -> Result<String, Error> {
    let path = config.data.join(OWNER_FILE);
    let failed = |e: std::io::Error| Error::Setting {
        key: "data",
        what: format!("{}: {e}", path.display()),
    };
    let number = match fs::read_to_string(&path) {
        Ok(number) if !number.trim().is_empty() => number.trim().to_owned(),
        Ok(_) => make_owner(&path).map_err(failed)?,
        Err(e) if e.kind() == ErrorKind::NotFound => make_owner(&path).map_err(failed)?,
        Err(e) => return Err(failed(e)),
    };
    Ok(format!("{}/{number}", config.network))
}

/// Durable before it is relied on.
fn make_owner(path: &Path) -> std::io::Result<String> {
    let mut number = [0; 16];
    getrandom::fill(&mut number).map_err(std::io::Error::other)?;
    let (number, fresh) = (hex::encode(number), path.with_extension("fresh"));
    let mut file = File::create(&fresh)?;
    file.write_all(number.as_bytes())?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()?;
    Ok(number)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_node_keeps_its_name_and_two_have_two() {
        let text = "[network]\nid = \"saga\"\n[server]\nlisten = \"127.0.0.1:1\"\n[node]\n[broker]\n[replica]\nid = 1\n";
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let of = |dir: &Path| {
            fs::create_dir_all(dir.join("data")).unwrap();
            owner(&Config::parse(text, dir).unwrap()).unwrap()
        };
        let name = of(one.path());
        assert!(name.starts_with("saga/") && name.len() == 37, "{name}");
        assert_eq!(of(one.path()), name);
        assert_ne!(of(other.path()), name);
        fs::write(one.path().join("data/index-owner"), "").unwrap();
        assert_ne!(of(one.path()), name, "one that was never written");
    }
}
