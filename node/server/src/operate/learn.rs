//! Weights learnt from the network's own charts: shown beside those in force, put in force, taken back.
//!
//! Nothing of any chart is told: weights, and how many pairs would be judged otherwise. What people decided about two
//! charts stands whatever the weights say.

use super::people::said;
use crate::NodeError;
use crate::blocking::blocking;
use crate::node::Inner;
use crate::people::{self, Known};
use crate::store::{Said, StoredWeights};
use sekisho_identity::{
    Band, Evidence, Item, Learning, Level, Model, Unlearnt, WEIGHTS_VERSION, band_of, changes,
    fellegi, learn_weights,
};
use sekisho_proto::v1;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use v1::learn_weights_request::What;

/// One reply, when all charts have been looked at.
pub(super) type Stream = ReceiverStream<Result<v1::LearnWeightsReply, Status>>;

/// What is to be done.
enum Do {
    Look,
    Apply(Said),
    Undo(Said),
}

/// Learns in the background: it takes minutes among many charts.
pub(super) fn learn(
    inner: &Arc<Inner>,
    request: v1::LearnWeightsRequest,
) -> Result<Stream, NodeError> {
    let by = |by: v1::WeightsBy| said(inner, by.who, by.why);
    let what = match request.what {
        None | Some(What::Look(_)) => Do::Look,
        Some(What::Apply(who)) => Do::Apply(by(who)?),
        Some(What::Undo(who)) => Do::Undo(by(who)?),
    };
    let slot = inner.learning.slot()?;
    let (sender, receiver) = mpsc::channel(1);
    let task = Arc::clone(inner);
    inner.spawn(async move {
        let done = blocking(move || {
            let _slot = slot;
            run(&task, what)
        });
        // Whoever left before the end finds it with the next call.
        let _ = sender.send(done.await.map_err(|e| e.status())).await;
    })?;
    Ok(ReceiverStream::new(receiver))
}

fn run(inner: &Inner, what: Do) -> Result<v1::LearnWeightsReply, NodeError> {
    let (store, directory) = (&inner.store, &inner.directory);
    let before = directory.model();
    let words = Known::read(store)?.words();
    let counted = directory.counted(&words.keys().cloned().collect())?;
    let mut reply = v1::LearnWeightsReply {
        charts: counted.charts,
        ..Default::default()
    };
    let after = match what {
        Do::Undo(said) => {
            reply.number = store.undo_weights(&said)?;
            store.weights_in_force()?
        }
        Do::Look | Do::Apply(_) => {
            match learn_weights(&counted.near, &counted.strangers, counted.charts) {
                Err(unlearnt) => {
                    reply.refused = Some(refused(&unlearnt));
                    reply.history = history(inner)?;
                    return Ok(reply);
                }
                Ok(learning) => {
                    tell(&mut reply, &learning);
                    if let Do::Apply(said) = what {
                        reply.number = store.put_weights(&StoredWeights {
                            version: WEIGHTS_VERSION,
                            model: learning.model.clone(),
                            charts: counted.charts,
                            pairs: learning.pairs,
                            said,
                            undone: None,
                        })?;
                    }
                    learning.model
                }
            }
        }
    };
    reply.weights = weights(&before, &after);
    reply.prior_before = fellegi::odds_bits(before.parameters.prior);
    reply.prior_after = fellegi::odds_bits(after.parameters.prior);
    let changed = changes(&counted.near, &before, &after).into_iter();
    reply.changes = changed
        .map(|((before, after), pairs)| v1::BandChange {
            before: code(before),
            after: code(after),
            pairs,
        })
        .collect();
    let mut decided = v1::DecidedPairs::default();
    for ((a, b), same) in &words {
        if let Some(levels) = directory.levels(a, b)? {
            let against = |model| {
                let wrong = if *same { Band::Apart } else { Band::Link };
                u64::from(band_of(&levels, model).0 == wrong)
            };
            decided.pairs += 1;
            decided.against_before += against(&before);
            decided.against_after += against(&after);
        }
    }
    reply.decided = Some(decided);
    // What was said is kept first: where this is cut off, the next start goes on with it.
    if reply.number > 0 {
        reply.waiting = people::weigh(store, directory)?;
    }
    reply.history = history(inner)?;
    Ok(reply)
}

fn tell(reply: &mut v1::LearnWeightsReply, learning: &Learning) {
    reply.pairs = learning.pairs;
    reply.one_person = learning.one_person;
    reply.rounds = learning.rounds;
}

fn refused(unlearnt: &Unlearnt) -> v1::LearningRefused {
    let said = unlearnt.sentence();
    v1::LearningRefused {
        code: unlearnt.code().to_owned(),
        ja: said.ja,
        en: said.en,
    }
}

fn code(band: Band) -> String {
    let code = match band {
        Band::Link => "link",
        Band::Review => "review",
        Band::Apart => "apart",
    };
    code.to_owned()
}

/// Each item's levels that occur, by both weights.
fn weights(before: &Model, after: &Model) -> Vec<v1::LevelWeight> {
    let mut weights = Vec::new();
    let fields = before
        .parameters
        .fields
        .iter()
        .zip(&after.parameters.fields);
    for (item, (old, new)) in Item::ALL.into_iter().zip(fields) {
        for (at, level) in (0u8..).zip(Level::ALL) {
            let share = |shares: &[f64]| shares.get(usize::from(at)).copied().unwrap_or_default();
            let (share_before, share_after) = (share(&old.m), share(&new.m));
            if share_before.max(share_after) < NEVER && share(&new.u) < NEVER {
                continue;
            }
            let said = Evidence {
                item,
                level,
                bits: 0.0,
            };
            let said = said.sentence();
            weights.push(v1::LevelWeight {
                item: people::code(&item),
                level: people::code(&level),
                ja: said.ja,
                en: said.en,
                bits_before: old.bits(at),
                bits_after: new.bits(at),
                share_before,
                share_after,
            });
        }
    }
    weights
}

/// Levels that an item cannot have are kept at less than this.
const NEVER: f64 = 2e-6;

fn history(inner: &Inner) -> Result<Vec<v1::WeightsKept>, NodeError> {
    let kept = inner.store.weights()?.into_iter();
    let kept = kept.map(|(number, weights)| v1::WeightsKept {
        number,
        who: weights.said.who,
        why: weights.said.why,
        at_ms: weights.said.at.0,
        charts: weights.charts,
        pairs: weights.pairs,
        undone: weights.undone.map(|said| v1::Undone {
            who: said.who,
            why: said.why,
            at_ms: said.at.0,
        }),
    });
    Ok(kept.collect())
}
