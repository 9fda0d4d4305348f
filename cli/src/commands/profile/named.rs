//! A network as people name one: by its id or name in the surveys, or by a profile file.

use crate::ui::{Failure, Words};
use sekisho_domain::{DomainError, NetworkId};
use sekisho_profiles::facts::built_in;
use sekisho_profiles::mapping::Way;
use sekisho_profiles::profile::{self, FILE_BYTES_MAX, NetworkProfile};
use std::io::Read;
use std::path::Path;
use std::str::FromStr;

/// A network's name, and the way of consenting it chooses, if it offers several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::commands) struct NetworkArg {
    name: String,
    way: Option<Way>,
}

impl FromStr for NetworkArg {
    type Err = DomainError;
    fn from_str(text: &str) -> Result<Self, DomainError> {
        // A file may have any name.
        let (name, way) = match text.rsplit_once('=') {
            Some((name, way)) if !Path::new(text).exists() => (name, Some(way.parse()?)),
            _ => (text, None),
        };
        Ok(Self {
            name: name.to_owned(),
            way,
        })
    }
}

/// The crate's words as the program's.
pub(in crate::commands) fn said(words: profile::Words) -> Words {
    Words::new(words.ja, words.en)
}

impl NetworkArg {
    /// Its profile.
    ///
    /// # Errors
    /// There is no such network or file, the file is no profile, or the network does not offer the way chosen.
    pub(in crate::commands) fn profile(&self) -> Result<NetworkProfile, Failure> {
        let path = Path::new(&self.name);
        if path.is_file() {
            return self.file(path);
        }
        let facts = built_in().map_err(|e| Failure::usage(e.to_string(), e.to_string()))?;
        let name = &self.name;
        let of = facts.network(name).ok_or_else(|| {
            Failure::usage(
                format!("{name} というネットワークもファイルもありません。同じ名前が複数ある場合はIDで指定してください（`sekisho profile list`）"),
                format!("there is no network and no file {name}; where several have one name, name it by its id (`sekisho profile list`)"),
            )
        })?;
        let Some(way) = self.way else {
            return Ok(NetworkProfile::of(of));
        };
        NetworkProfile::choosing(of, way).map_err(|offered| {
            let offered: Vec<_> = offered.iter().map(Way::to_string).collect();
            let offered = offered.join(", ");
            Failure::usage(
                format!("{name} の調査回答にあるのは次の方式です：{offered}（{way} はありません）"),
                format!(
                    "the surveys name these ways of {name}: {offered}; {way} is not among them"
                ),
            )
        })
    }

    /// Its profile; those of its members where the survey's row is the sum of several networks, for each signs itself.
    ///
    /// # Errors
    /// As [`NetworkArg::profile`].
    pub(in crate::commands) fn members(&self) -> Result<Vec<NetworkProfile>, Failure> {
        let profile = self.profile()?;
        if profile.members.is_empty() {
            return Ok(vec![profile]);
        }
        let member = |id: &NetworkId| {
            let name = id.to_string();
            Self { name, way: None }.profile()
        };
        profile.members.iter().map(member).collect()
    }

    fn file(&self, path: &Path) -> Result<NetworkProfile, Failure> {
        let name = path.display();
        if self.way.is_some() {
            return Err(Failure::usage(
                format!("{name} はプロファイルファイルです。同意の方式はファイルに書きます"),
                format!("{name} is a profile file: its way of consenting stands in it"),
            ));
        }
        let mut bytes = Vec::new();
        // One byte more than may be, so that it is told apart.
        let most = u64::try_from(FILE_BYTES_MAX)
            .unwrap_or(u64::MAX)
            .saturating_add(1);
        std::fs::File::open(path)
            .and_then(|file| file.take(most).read_to_end(&mut bytes))
            .map_err(|e| {
                Failure::of(
                    crate::ui::Exit::Usage,
                    &format!("{name} を読むことが"),
                    &format!("read {name}"),
                    &e,
                )
            })?;
        profile::parse(&bytes).map_err(|e| {
            Failure::usage(
                format!("{name} はプロファイルとして読めません：{e}"),
                format!("{name} is no profile: {e}"),
            )
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn profile(text: &str) -> Result<NetworkProfile, Failure> {
        text.parse::<NetworkArg>().unwrap().profile()
    }

    #[test]
    fn a_network_is_named_by_id_name_way_or_file() {
        assert_eq!(profile("まめネット").unwrap().id.as_str(), "mhlw-171");
        let chosen = profile("mhlw-168=listed-facilities").unwrap();
        assert_eq!(chosen.missing(), vec![]);
        let refused = profile("mhlw-168=each-facility").unwrap_err().words.en;
        assert!(
            refused.contains("all-facilities:notice-with-opt-out, listed-facilities"),
            "{refused}"
        );
        assert!("mhlw-168=anywhere".parse::<NetworkArg>().is_err());
        assert!(
            profile("電子@連絡帳")
                .unwrap_err()
                .words
                .en
                .contains("by its id")
        );

        // The row of 山形県 is the sum of its four networks.
        let yamagata = "mhlw-061".parse::<NetworkArg>().unwrap().members().unwrap();
        let ids: Vec<_> = yamagata.iter().map(|p| p.id.as_str()).collect();
        assert_eq!(ids, ["mhlw-057", "mhlw-058", "mhlw-059", "mhlw-060"]);

        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a=b.toml");
        std::fs::write(&path, profile::write(&chosen)).unwrap();
        let path = path.display().to_string();
        assert_eq!(profile(&path).unwrap().id.as_str(), "mhlw-168");
        std::fs::write(&path, "form = 1\nid = 2\n").unwrap();
        let refused = profile(&path).unwrap_err().words.en;
        assert!(refused.contains("line 2: \"id = 2\""), "{refused}");
    }
}
