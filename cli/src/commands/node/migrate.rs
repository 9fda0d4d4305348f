//! `sekisho node migrate`: index and contents copied, compared, and only then switched.
//!
//! ```text
//! contents stored ──▶ entries copied beside the target ──▶ both compared ──▶ contents read and hashed ──▶ switched
//! ```
//! Cut off anywhere before the last step, the target is as it was for whoever opens it, and beginning again goes on from
//! what is there. The origin is never changed.

use super::super::At;
use super::super::show::Progress;
use crate::config::{Config, ContentsConfig, IndexConfig, NodeConfig};
use crate::stores;
use crate::ui::{Exit, Failure, Ui};
use clap::Args;
use sekisho_documents::migrate::{self, Copied, Moved, Step, Summary};
use sekisho_documents::{DocumentIndex, Error, StoreSettings};
use sekisho_node::{NodeStore, ingested_digest};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(in crate::commands) struct MigrateArgs {
    /// The configuration to move to: the same but for [node.index] and [node.contents]
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

/// What is to be done: the two configurations, and in what they differ.
struct Plan {
    from: Config,
    to: Config,
    index: bool,
    contents: bool,
}

pub(super) async fn run(args: MigrateArgs, at: &At) -> Result<Exit, Failure> {
    let plan = Plan::of(at.config()?, &args.to)?;
    let (ui, to) = (at.ui, args.to);
    // Reads and writes without pause: off the threads that serve others.
    let done = tokio::task::spawn_blocking(move || plan.carry_out(ui, &to)).await;
    done.unwrap_or_else(|e| {
        Err(Failure::of(
            Exit::Unavailable,
            "移行することが",
            "migrate",
            &e,
        ))
    })
}

fn failed(error: &(dyn std::error::Error + 'static)) -> Failure {
    let exit = match error.downcast_ref::<Error>() {
        Some(Error::Setting { .. } | Error::Owned { .. } | Error::InUse { .. }) => Exit::Usage,
        Some(Error::Corrupt { .. } | Error::Format { .. }) => Exit::Unverified,
        _ => Exit::Unavailable,
    };
    Failure::of(
        exit,
        "移行することが（元の索引と文書はそのままです。同じコマンドで続きから再開できます）",
        "migrate; the origin is as it was, and the same command goes on from here",
        error,
    )
}

/// A configuration's node.
fn node(config: &Config) -> Result<&NodeConfig, Failure> {
    config.node.as_ref().ok_or_else(|| {
        Failure::usage(
            "設定ファイルに [node] がありません",
            "the configuration has no [node]",
        )
    })
}

impl Plan {
    fn of(from: Config, to: &Path) -> Result<Self, Failure> {
        let to = Config::load(to).map_err(|faults| Failure::from((to, faults)))?;
        let (ours, theirs) = (node(&from)?, node(&to)?);
        let digests = [ours, theirs].map(|of| ingested_digest(&stores::sources(of), None));
        if from.network != to.network || from.data != to.data || digests[0] != digests[1] {
            return Err(Failure::usage(
                "移行先の設定ファイルは、[node.index] と [node.contents] のほかは同じでなければなりません（network.id、server.data、[[node.source]]）",
                "the configuration to move to must be the same but for [node.index] and [node.contents] \
                 (network.id, server.data, every [[node.source]])",
            ));
        }
        let (index, contents) = (
            !same_index(&ours.index, &theirs.index),
            !same_contents(&ours.contents, &theirs.contents),
        );
        if !index && !contents {
            return Err(Failure::usage(
                "移行するものがありません。[node.index] と [node.contents] はどちらも同じです",
                "there is nothing to move: [node.index] and [node.contents] are the same in both",
            ));
        }
        Ok(Self {
            from,
            to,
            index,
            contents,
        })
    }

    fn carry_out(&self, ui: Ui, to_file: &Path) -> Result<Exit, Failure> {
        let (ours, theirs) = (node(&self.from)?, node(&self.to)?);
        // Of one process at a time, so no node of this data runs, and none starts before the end.
        let memory = NodeStore::open(&self.from.data.join("node.redb")).map_err(|e| {
            let told = Failure::of(
                Exit::Usage,
                "ノードのデータを開くことが",
                "open the node's data",
                &e,
            );
            match &e {
                sekisho_node::StoreError::InUse { .. } => Failure::usage(
                    format!(
                        "ノードが動いています。止めてから実行してください（{}）",
                        told.words.ja
                    ),
                    format!("the node is running; stop it first ({})", told.words.en),
                ),
                _ => told,
            }
        })?;
        let from = stores::open_index(&self.from, ours).map_err(|e| failed(&e))?;
        let mut told = Told(Progress::new(ui));
        let sources = stores::sources(ours);
        let files = stores::files(&sources);
        let store = stores::contents(theirs).map_err(|e| failed(&e))?;
        let stored = match (&store, self.contents) {
            (Some(store), true) => {
                store.probe().map_err(|e| failed(&e))?;
                let moved =
                    migrate::store(from.as_ref(), &files, store, &mut |step| told.tell(step));
                Some(moved.map_err(|e| failed(&e))?)
            }
            _ => None,
        };
        let copied = match self.index {
            true => Some(copy(from.as_ref(), &self.to, theirs, &mut told)?),
            false => None,
        };
        let checked = match self.contents {
            true => {
                let contents = files.released_from(store.clone());
                let checked = migrate::check(from.as_ref(), &contents, &mut |step| told.tell(step));
                Some(checked.map_err(|e| failed(&e))?)
            }
            false => None,
        };
        told.0.end();
        let result = Outcome {
            stored,
            index: copied
                .as_ref()
                .map(|copy| (copy.copied, &copy.origin, &copy.summary)),
            checked,
        };
        if !result.holds() {
            ui.result(&result.json(false), result.text(ui, false));
            return Ok(Exit::Unverified);
        }
        if let Some(copy) = &copied {
            copy.target.take_beside().map_err(|e| failed(&e))?;
        }
        // The node need not read everything anew: what it read is where it now looks.
        let digest = |of: &NodeConfig| -> Result<_, Failure> {
            let store = stores::contents(of).map_err(|e| failed(&e))?;
            Ok(ingested_digest(
                &stores::sources(of),
                store.as_ref().map(|store| store.id()),
            ))
        };
        if memory.ingested().map_err(|e| failed(&e))? == Some(digest(ours)?) {
            memory
                .set_ingested(Some(digest(theirs)?))
                .map_err(|e| failed(&e))?;
        }
        let mut json = result.json(true);
        if let Some(object) = json.as_object_mut() {
            object.insert("next".to_owned(), json!(self.next(to_file).1));
        }
        let (next_ja, next_en) = self.next(to_file);
        ui.result(
            &json,
            format!("{}{}", result.text(ui, true), ui.pick(&next_ja, &next_en)),
        );
        Ok(Exit::Done)
    }

    /// What the operator does next.
    fn next(&self, to_file: &Path) -> (String, String) {
        let to = to_file.display();
        let mut ja = format!("\n次に：sekisho serve --config {to}\n");
        let mut en = format!("\nNext: sekisho serve --config {to}\n");
        let mut remove = |ja_what: String, en_what: String| {
            ja.push_str(&format!("移行先で確かめてから消してください：{ja_what}\n"));
            en.push_str(&format!("Once that has proved itself, remove: {en_what}\n"));
        };
        let of = self.from.node.as_ref();
        if self.index {
            match of.map(|of| &of.index) {
                Some(IndexConfig::Postgres { .. }) => remove(
                    "元のデータベースの表 sekisho_file と sekisho_index（DROP TABLE）".to_owned(),
                    "the tables sekisho_file and sekisho_index of the old database (DROP TABLE)"
                        .to_owned(),
                ),
                _ => {
                    let path = stores::embedded(&self.from);
                    let path = path.display();
                    remove(format!("フォルダ {path}"), format!("the folder {path}"));
                }
            }
        }
        if let (true, Some(ContentsConfig::ObjectStore(store))) =
            (self.contents, of.map(|of| &of.contents))
        {
            let StoreSettings { bucket, prefix, .. } = store;
            remove(
                format!("バケット {bucket} の {prefix}/ 以下"),
                format!("everything below {prefix}/ in bucket {bucket}"),
            );
        }
        (ja, en)
    }
}

fn same_index(a: &IndexConfig, b: &IndexConfig) -> bool {
    match (a, b) {
        (IndexConfig::Embedded, IndexConfig::Embedded) => true,
        (IndexConfig::Postgres { url: a, .. }, IndexConfig::Postgres { url: b, .. }) => a == b,
        _ => false,
    }
}

fn same_contents(a: &ContentsConfig, b: &ContentsConfig) -> bool {
    match (a, b) {
        (ContentsConfig::Files, ContentsConfig::Files) => true,
        (ContentsConfig::ObjectStore(a), ContentsConfig::ObjectStore(b)) => {
            (&a.endpoint, &a.bucket, &a.prefix) == (&b.endpoint, &b.bucket, &b.prefix)
        }
        _ => false,
    }
}

/// A copy that has not taken its place.
struct Copy {
    target: Box<dyn DocumentIndex>,
    copied: Copied,
    origin: Summary,
    summary: Summary,
}

fn copy(
    from: &dyn DocumentIndex,
    config: &Config,
    of: &NodeConfig,
    told: &mut Told,
) -> Result<Copy, Failure> {
    let target = stores::open_index(config, of).map_err(|e| failed(&e))?;
    let beside = target.beside().map_err(|e| failed(&e))?;
    let copied = migrate::copy(from, beside.as_ref(), &mut |step| told.tell(step));
    let copied = copied.map_err(|e| failed(&e))?;
    let mut summary = |index: &dyn DocumentIndex| {
        migrate::summary(index, &mut |step| told.tell(step)).map_err(|e| failed(&e))
    };
    let (origin, summary) = (summary(from)?, summary(beside.as_ref())?);
    drop(beside);
    Ok(Copy {
        target,
        copied,
        origin,
        summary,
    })
}

/// What came of it.
struct Outcome<'a> {
    stored: Option<Moved>,
    index: Option<(Copied, &'a Summary, &'a Summary)>,
    checked: Option<Moved>,
}

impl Outcome<'_> {
    /// Whether the copy is the same, and every document's contents are what the index says.
    fn holds(&self) -> bool {
        self.index.is_none_or(|(_, origin, copy)| origin == copy)
            && self
                .checked
                .as_ref()
                .is_none_or(|checked| checked.wrong_total() == 0)
    }

    fn json(&self, switched: bool) -> Value {
        let index = self.index.map(|(copied, origin, copy)| {
            json!({ "copied": copied, "same": origin == copy, "origin": origin, "copy": copy })
        });
        json!({ "switched": switched, "index": index, "stored": self.stored, "checked": self.checked })
    }

    fn text(&self, ui: Ui, switched: bool) -> String {
        let mut lines = Vec::new();
        if let Some((copied, origin, copy)) = self.index {
            let (same, written) = (copied.same, copied.written);
            lines.push((
                format!(
                    "索引：{} 件（新たに {written}、前からあったもの {same}）",
                    copy.records
                ),
                format!(
                    "Index: {} entries ({written} written now, {same} there before)",
                    copy.records
                ),
            ));
            lines.push(match origin == copy {
                true => (
                    format!(
                        "照合：種別ごとの件数もダイジェストも一致（{}）",
                        copy.digest
                    ),
                    format!(
                        "Compared: counts of every kind and the digest are the same ({})",
                        copy.digest
                    ),
                ),
                false => (
                    "照合：一致しません。切り替えていません".to_owned(),
                    "Compared: they are NOT the same; nothing is switched".to_owned(),
                ),
            });
        }
        if let Some(stored) = &self.stored {
            let (newly, there) = (stored.stored, stored.there);
            lines.push((
                format!("文書：新たに {newly} 件を格納（前からあったもの {there} 件）"),
                format!("Contents: {newly} documents stored now, {there} there before"),
            ));
        }
        if let Some(checked) = &self.checked {
            let (there, bytes) = (checked.there, checked.bytes);
            lines.push((
                format!("検査：{there} 件、{bytes} バイトを読み、ハッシュはすべて索引どおり"),
                format!(
                    "Checked: {there} documents, {bytes} bytes read; their hashes are the index's"
                ),
            ));
            for (why, count) in &checked.wrong {
                lines.push((
                    format!("  索引と違うもの（{why}）：{count} 件。先に sekisho ingest を実行してください"),
                    format!("  not what the index says ({why}): {count}; run sekisho ingest first"),
                ));
            }
        }
        lines.push(match switched {
            true => ("切り替えました。".to_owned(), "Switched.".to_owned()),
            false => (
                "切り替えていません。元のまま使えます。".to_owned(),
                "Not switched; the origin is as it was.".to_owned(),
            ),
        });
        let lines = lines
            .iter()
            .map(|(ja, en)| ui.pick(ja, en))
            .collect::<Vec<_>>();
        lines.join("\n")
    }
}

/// Progress in words.
struct Told(Progress);

impl Told {
    fn tell(&mut self, step: Step) {
        self.0.tell(|| match step {
            Step::Stored { documents, newly } => (
                format!("文書を格納中：{documents} 件（新たに {newly}）"),
                format!("storing contents: {documents} documents, {newly} of them now"),
            ),
            Step::Copied { entries, newly } => (
                format!("索引を複写中：{entries} 件（新たに {newly}）"),
                format!("copying the index: {entries} entries, {newly} of them now"),
            ),
            Step::Compared { entries } => (
                format!("索引を照合中：{entries} 件"),
                format!("comparing the index: {entries} entries"),
            ),
            Step::Checked { documents, bytes } => (
                format!("文書を検査中：{documents} 件、{bytes} バイト"),
                format!("checking contents: {documents} documents, {bytes} bytes"),
            ),
        });
    }
}
