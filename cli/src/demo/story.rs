//! How the demo tells what happens: short paragraphs for people, one object for machines.

use super::facts;
use crate::ops::{Found, FoundEnd, Retrieved};
use crate::ui::Ui;
use sekisho_domain::{EntryIndex, NetworkId, NetworkOutcome};
use serde::Serialize;
use std::collections::BTreeSet;
use std::io::Write;
use std::time::Instant;

/// What one asked network ended in, at one step of a scene.
#[derive(Debug, Clone, Serialize)]
pub struct ToldOutcome {
    /// Which step of the scene.
    pub step: String,
    /// The network.
    pub network: NetworkId,
    /// Its outcome's code, with what belongs to it.
    #[serde(flatten)]
    pub outcome: NetworkOutcome,
}

/// One scene, as it ended.
#[derive(Debug, Clone, Serialize)]
pub struct ToldScene {
    /// a to g.
    pub id: char,
    /// In the chosen language.
    pub title: String,
    /// Whether it ended as it should.
    pub ok: bool,
    /// Every network asked in it.
    pub asked: BTreeSet<NetworkId>,
    /// What each ended in, step by step.
    pub outcomes: Vec<ToldOutcome>,
    /// The last ledger index of the scene.
    pub ledger_index: Option<EntryIndex>,
    /// How long it took.
    pub seconds: f64,
    /// What was not as it should be.
    pub faults: Vec<String>,
}

/// A scene being told.
pub struct Scene {
    ui: Ui,
    began: Instant,
    told: ToldScene,
}

impl Scene {
    /// Begins a scene with its title.
    pub fn begin(ui: Ui, id: char, ja: &str, en: &str) -> Self {
        let title = ui.pick(ja, en).to_owned();
        let scene = Self {
            ui,
            began: Instant::now(),
            told: ToldScene {
                id,
                title,
                ok: true,
                asked: BTreeSet::new(),
                outcomes: Vec::new(),
                ledger_index: None,
                seconds: 0.0,
                faults: Vec::new(),
            },
        };
        scene.line(&format!("\n({id}) {}", scene.told.title));
        scene
    }

    /// One line of the story: on standard output, or with `--json` on standard error.
    fn line(&self, text: &str) {
        let _ = if self.ui.json {
            writeln!(std::io::stderr().lock(), "{text}")
        } else {
            writeln!(std::io::stdout().lock(), "{text}")
        };
    }

    /// One sentence of the story.
    pub fn tell(&self, ja: impl AsRef<str>, en: impl AsRef<str>) {
        self.line(&format!("    {}", self.ui.pick(ja.as_ref(), en.as_ref())));
    }

    /// A block shown as it is, indented.
    pub fn show(&self, text: &str) {
        text.lines()
            .for_each(|line| self.line(&format!("      | {line}")));
    }

    /// Something that must be so.
    pub fn check(&mut self, holds: bool, ja: &str, en: &str) {
        if !holds {
            self.told.ok = false;
            let fault = self.ui.pick(ja, en).to_owned();
            self.line(&format!("    ✗ {fault}"));
            self.told.faults.push(fault);
        }
    }

    /// Remembers where the ledger stands.
    pub fn at(&mut self, index: EntryIndex) {
        self.told.ledger_index = Some(
            self.told
                .ledger_index
                .map_or(index, |before| before.max(index)),
        );
    }

    /// Tells what a query came to: the index, then each network's outcome in words.
    pub fn answers(&mut self, step: &str, found: &Found) {
        self.at(found.index);
        self.tell(
            format!(
                "台帳 {} 番で、{} つのネットワークそれぞれについて判断されました。",
                found.index,
                found.ends.len()
            ),
            format!(
                "Decided at ledger index {}, for {}.",
                found.index,
                match found.ends.len() {
                    1 => "the one network asked".to_owned(),
                    n => format!("each of {n} networks"),
                }
            ),
        );
        let mut ends: Vec<&FoundEnd> = found.ends.iter().collect();
        ends.sort_by_key(|end| {
            facts::NETWORKS
                .iter()
                .position(|n| n.id == end.network.as_str())
        });
        for end in ends {
            self.outcome(step, &end.network, &end.outcome);
        }
    }

    /// Tells what a retrieve came to.
    pub fn retrieved(&mut self, step: &str, network: &NetworkId, retrieved: &Retrieved) {
        self.at(retrieved.index);
        self.outcome(step, network, &retrieved.outcome);
    }

    fn outcome(&mut self, step: &str, network: &NetworkId, outcome: &NetworkOutcome) {
        let mark = match outcome {
            NetworkOutcome::Answered { .. } => "○",
            NetworkOutcome::Denied { .. } => "×",
            _ => "△",
        };
        let name = match self.ui.language {
            sekisho_domain::Language::Ja => facts::called(network),
            sekisho_domain::Language::En => facts::of(network.as_str())
                .map_or_else(|| network.to_string(), |n| n.name_en.to_owned()),
        };
        self.line(&format!(
            "      {mark} {name}: {}",
            self.ui.language.pick(outcome.ja(), outcome.en())
        ));
        self.told.asked.insert(network.clone());
        self.told.outcomes.push(ToldOutcome {
            step: step.to_owned(),
            network: network.clone(),
            outcome: outcome.clone(),
        });
    }

    /// Ends the scene.
    pub fn end(mut self) -> ToldScene {
        let seconds = self.began.elapsed().as_secs_f64();
        self.told.seconds = (seconds * 1000.0).round() / 1000.0;
        let (mark, words) = if self.told.ok {
            ("✓", ("想定どおり", "as it should be"))
        } else {
            ("✗", ("想定と違います", "NOT as it should be"))
        };
        self.line(&format!(
            "    {mark} {} ({:.1} s)",
            self.ui.pick(words.0, words.1),
            self.told.seconds
        ));
        self.told
    }
}
