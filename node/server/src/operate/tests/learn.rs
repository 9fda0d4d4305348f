//! Weights learnt from invented people's charts in a running node, put in force, kept over a restart, taken back.

use super::*;
use crate::operate::learn::learn;
use crate::store::{ChartRecord, NodeStore};
use crate::testing::{SAGA_OTHER, chart};
use sekisho_documents::Patient;
use sekisho_identity::{Address, Date, Demographics, Insured, Model, Name, Sex};
use sekisho_sample::{PopulationSpec, Record, population};
use v1::learn_weights_request::What;

fn demographics(record: &Record) -> Demographics {
    let written = &record.written;
    let [insurer, symbol, number, branch] = &written.insured;
    Demographics {
        kanji: Name::read(&written.kanji.0, &written.kanji.1),
        kana: Name::read(&written.kana.0, &written.kana.1),
        birth: Date::read(&written.birth).ok(),
        sex: Sex::read(written.sex),
        addresses: Address::read(&written.postal, &written.address)
            .into_iter()
            .collect(),
        phones: written.phones.clone(),
        insured: Insured::read(insurer, symbol, number, branch)
            .into_iter()
            .collect(),
    }
}

/// The charts of so many invented persons, put where those of the sources are.
fn charts(node: &Node, persons: u32) -> Vec<Patient> {
    let (mut rows, mut charts) = (Vec::new(), Vec::new());
    for (n, record) in population(&PopulationSpec::new(7, persons))
        .iter()
        .enumerate()
    {
        let chart = chart(SAGA_OTHER, &format!("L-{n}"));
        let record = ChartRecord {
            demographics: demographics(record),
            document: [1; 16],
        };
        rows.push((chart.clone(), Some(record)));
        charts.push(chart);
    }
    node.0.directory.put(&rows).unwrap();
    charts
}

async fn asked(node: &Node, what: What) -> Result<v1::LearnWeightsReply, NodeError> {
    let stream = learn(&node.0, v1::LearnWeightsRequest { what: Some(what) })?;
    Ok(all(stream).await.remove(0))
}

fn by() -> v1::WeightsBy {
    v1::WeightsBy {
        who: "clerk-1".to_owned(),
        why: "looked through".to_owned(),
    }
}

fn look() -> What {
    What::Look(v1::Everything {})
}

#[tokio::test]
async fn weights_are_learnt_from_own_charts_kept_and_taken_back() {
    let setting = Setting::new();
    let node = setting.saga().await;
    let inner = &node.0;
    let few = asked(&node, look()).await.unwrap();
    assert_eq!(few.refused.unwrap().code, "too-few-pairs");
    let refused = asked(&node, What::Apply(by())).await.unwrap();
    assert_eq!((refused.number, refused.history.len()), (0, 0));

    let charts = charts(&node, 1_200);
    let nobody = v1::WeightsBy::default();
    let wrong = asked(&node, What::Apply(nobody)).await.unwrap_err();
    assert!(matches!(wrong, NodeError::Invalid(_)), "{wrong:?}");
    let shown = asked(&node, look()).await.unwrap();
    assert_eq!(shown.refused, None);
    assert_eq!(shown.charts, inner.directory.charts_total().unwrap());
    assert!(
        shown.one_person > 500 && shown.pairs > shown.one_person,
        "{shown:?}"
    );
    for item in [
        "family", "given", "birth", "sex", "address", "phone", "insured",
    ] {
        let of = shown.weights.iter().filter(|w| w.item == item);
        let of: Vec<_> = of.collect();
        assert!(of.len() >= 2, "{item}");
        assert!(of.iter().any(|w| w.bits_after > 0.0), "{item}");
    }
    let stay = |reply: &v1::LearnWeightsReply| -> u64 {
        let stay = reply.changes.iter().filter(|c| c.before == c.after);
        stay.map(|c| c.pairs).sum()
    };
    let pairs: u64 = shown.changes.iter().map(|c| c.pairs).sum();
    assert!(stay(&shown) * 100 > pairs * 95, "{:?}", shown.changes);
    assert_eq!(
        *inner.directory.model(),
        Model::standard(),
        "nothing is changed"
    );
    // What is told is of nobody.
    let told = format!("{shown:?}");
    assert!(
        !charts
            .iter()
            .any(|c| told.contains(c.local_patient_id.as_str()))
    );

    // People have decided about the first pair that is linked.
    let linked = charts.iter().find_map(|chart| {
        let edges = inner.directory.edges(chart).unwrap();
        let (other, _) = edges.first()?;
        Some((chart.clone(), other.clone()))
    });
    let (a, b) = linked.unwrap();
    let wire = |chart: &Patient| {
        Some(v1::Chart {
            facility: chart.facility.to_string(),
            local_id: chart.local_patient_id.as_str().to_owned(),
        })
    };
    let apart = v1::DecideChartsRequest {
        a: wire(&a),
        b: wire(&b),
        same: false,
        who: "clerk-1".to_owned(),
        why: "twins".to_owned(),
    };
    super::super::people::decide(inner, apart).await.unwrap();
    let applied = asked(&node, What::Apply(by())).await.unwrap();
    assert_eq!((applied.number, applied.history.len()), (1, 1));
    let decided = applied.decided.unwrap();
    assert_eq!(decided.pairs, 1);
    let judged: u64 = applied.changes.iter().map(|c| c.pairs).sum();
    assert_eq!(judged, pairs - 1, "what is decided is nobody's to judge");
    let learnt = inner.directory.model();
    assert_ne!(*learnt, Model::standard());
    let known = crate::people::Known::read(&inner.store).unwrap();
    let person = crate::people::person(&inner.directory, &known, &a).unwrap();
    assert!(!person.charts.contains(&b), "the decision stands");

    // The next start has them.
    node.shutdown().await.unwrap();
    drop(node);
    let path = setting.dir.path().join("saga.redb");
    let store = loop {
        // Its tasks let go of the file one after the other.
        match NodeStore::open(&path) {
            Ok(store) => break store,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    let node = setting.saga_with(store).await;
    assert_eq!(node.0.directory.model(), learnt);
    let undone = asked(&node, What::Undo(by())).await.unwrap();
    assert_eq!(undone.number, 1);
    assert!(undone.history[0].undone.is_some());
    assert_eq!(*node.0.directory.model(), Model::standard());
    let again = learn(
        &node.0,
        v1::LearnWeightsRequest {
            what: Some(What::Undo(by())),
        },
    );
    let again = tokio_stream::StreamExt::next(&mut again.unwrap())
        .await
        .unwrap();
    assert_eq!(ErrorCode::of(&again.unwrap_err()), ErrorCode::NotFound);
}
