//! What a source's table says of an SS-MIX2 storage besides where it is and whose.

use super::read::Reader;
use crate::ui::Words;
use sekisho_domain::Category;
use sekisho_ingest::follow::Follow;
use sekisho_ingest::{Layout, Quirk, Quirks, SsMix2Storage};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Minutes between two whole walks: from one, to a week.
const RECONCILE_MINUTES: std::ops::RangeInclusive<u64> = 1..=7 * 24 * 60;

/// How one storage is read and followed.
#[derive(Debug, Clone)]
pub struct SsMix2Config {
    /// Which of the two storages it is.
    pub layout: Layout,
    /// The root of its transaction storage.
    pub transactions: Option<PathBuf>,
    /// Categories of local kinds.
    pub kinds: BTreeMap<String, Category>,
    /// Deviations taken.
    pub quirks: Quirks,
    /// How it is followed.
    pub follow: Option<Follow>,
}

impl SsMix2Config {
    /// Sets a storage up so.
    pub fn set(&self, storage: &mut SsMix2Storage) {
        storage.layout = self.layout;
        storage.transactions.clone_from(&self.transactions);
        storage.kinds.clone_from(&self.kinds);
        storage.quirks = self.quirks;
        storage.follow = self.follow;
    }
}

/// Reads the rest of a storage's table.
pub(super) fn read(source: &mut Reader<'_>, layout: Layout, base: &Path) -> Option<SsMix2Config> {
    let transactions = source.optional::<String>("transactions", "/srv/ssmix2/4110000001_TR");
    let quirks = quirks(source);
    let kinds = kinds(source);
    let follow = source.flag("follow", true);
    let usual = Follow::default();
    let usual_minutes = usual.reconcile_every.as_secs() / 60;
    let minutes = source.optional_number("reconcile_minutes", RECONCILE_MINUTES, usual_minutes);
    let follow = follow?.then_some(Follow {
        reconcile_every: Duration::from_secs(minutes? * 60),
        ..usual
    });
    Some(SsMix2Config {
        layout,
        transactions: transactions.map(|path| base.join(path)),
        kinds: kinds?,
        quirks: quirks?,
        follow,
    })
}

fn quirks(source: &mut Reader<'_>) -> Option<Quirks> {
    let mut quirks = Quirks::default();
    let mut is_known = true;
    for (key, taken) in [("accept", true), ("refuse", false)] {
        for code in source.texts(key, "[\"document-by-path\"]")? {
            match Quirk::named(&code) {
                Some(quirk) => quirks = quirks.with(quirk, taken),
                None => {
                    let all: Vec<_> = Quirk::ALL.iter().map(|quirk| quirk.code()).collect();
                    let all = all.join(", ");
                    source.fault(
                        key,
                        Words::new(
                            format!("{code:?} という逸脱はありません。あるもの：{all}"),
                            format!("{code:?} is no deviation; there are {all}"),
                        ),
                    );
                    is_known = false;
                }
            }
        }
    }
    is_known.then_some(quirks)
}

fn kinds(source: &mut Reader<'_>) -> Option<BTreeMap<String, Category>> {
    let mut kinds = BTreeMap::new();
    let mut is_known = true;
    for line in source.texts("kinds", "[\"L777 = operation\"]")? {
        let read = line.split_once('=').and_then(|(code, category)| {
            let category = category.trim().parse::<Category>().ok()?;
            Some((code.trim().to_owned(), category))
        });
        match read {
            Some((code, category)) => drop(kinds.insert(code, category)),
            None => {
                source.fault(
                    "kinds",
                    Words::new(
                        format!("{line:?} は「ローカルコード = 情報の種類」ではありません。例：L777 = operation"),
                        format!("{line:?} is not a local code = a category; for example L777 = operation"),
                    ),
                );
                is_known = false;
            }
        }
    }
    is_known.then_some(kinds)
}
