//! (f) a node stops, then two voters, then three; then all come back.

use super::consent::consent_viewing;
use super::{
    EntryIndex, Failure, HESITANT, KURUME, NetworkOutcome, Scene, Session, Stage, ToldScene, Ui,
    answered, ask, outcome,
};
use crate::ops::failure_of;
use crate::ui::Exit;
use sekisho_domain::Hash;
use sekisho_ledger::merkle;
use sekisho_proto::v1;
use sekisho_transport::{Deadline, outgoing};
use std::time::{Duration, Instant};

/// The deadline of the request that cannot be decided.
const NO_QUORUM_TIMEOUT: Duration = Duration::from_secs(3);
/// What a caller may wait beyond its deadline for the refusal itself.
const MARGIN: Duration = Duration::from_millis(1500);
/// How long recovery may take: an election, and connections made again.
const RECOVERY: Duration = Duration::from_secs(20);

const ASKED: [&str; 3] = ["pikapikalink", "azaleanet", "yamechikugo"];

pub(super) async fn failing(ui: Ui, stage: &mut Stage) -> Result<ToldScene, Failure> {
    let mut scene = Scene::begin(
        ui,
        'f',
        "ノードと台帳の一部が止まり、また動き出す",
        "Nodes and voters stop, and come back",
    );
    let session = stage.place("azaleanet")?.session.clone();
    let patient = stage.local_id(HESITANT, KURUME)?;
    let given = consent_viewing(&session, patient.clone(), KURUME).await?;
    scene.tell(
        format!("もう一人の患者も、説明を受けて同意しました（台帳 {given} 番）。"),
        format!("The other patient has now been informed and consented (index {given})."),
    );

    scene.tell(
        "八女筑後のプロセスを止めます（台帳の投票者 5 のうち 1）。",
        "The process of Yame-Chikugo is ended (1 of 5 voters).",
    );
    stage.kill("yamechikugo").await?;
    let found = ask(&session, patient.clone(), KURUME, &ASKED).await?;
    scene.answers("one-down", &found);
    let unreachable = outcome(&found, "yamechikugo") == Some(&NetworkOutcome::Unreachable);
    scene.check(
        unreachable,
        "八女筑後は「接続できません」のはずです",
        "Yame-Chikugo should be unreachable",
    );
    for network in ["pikapikalink", "azaleanet"] {
        scene.check(
            answered(&found, network),
            &format!("{network} は回答するはずです"),
            &format!("{network} should have answered"),
        );
    }

    scene.tell(
        "まめネットも止めます（5 のうち 2）。",
        "Mame Net is ended as well (2 of 5).",
    );
    stage.kill("mamenet").await?;
    let found = ask(&session, patient.clone(), KURUME, &ASKED).await?;
    scene.answers("two-down", &found);
    scene.check(
        answered(&found, "pikapikalink"),
        "過半数が残るので回答するはずです",
        "a majority remains: it should have answered",
    );
    let before = standing(&session).await?;

    scene.tell(
        "おしどりネットも止めます（5 のうち 3）。過半数がなくなります。",
        "Oshidori Net is ended too (3 of 5): no majority remains.",
    );
    stage.kill("oshidorinet").await?;
    let mut hasty = session.clone();
    hasty.timeout = NO_QUORUM_TIMEOUT;
    let asked = Instant::now();
    let refused = ask(&hasty, patient.clone(), KURUME, &ASKED).await;
    let waited = asked.elapsed();
    match &refused {
        Err(failure) => {
            scene.tell(
                format!(
                    "{:.1} 秒で、はっきりと断られました：{}",
                    waited.as_secs_f64(),
                    failure.words.ja
                ),
                format!(
                    "Refused clearly after {:.1} s: {}",
                    waited.as_secs_f64(),
                    failure.words.en
                ),
            );
            let in_time = waited <= NO_QUORUM_TIMEOUT + MARGIN;
            scene.check(
                failure.exit == Exit::Unavailable,
                "「利用できない」という理由のはずです",
                "the reason should be that it is unavailable",
            );
            scene.check(
                in_time,
                "期限内に断られるはずです",
                "should have been refused within the deadline",
            );
        }
        Ok(_) => scene.check(
            false,
            "過半数なしに判断されてはなりません",
            "nothing may be decided without a majority",
        ),
    }

    scene.tell("三つとも起動し直します。", "All three are started again.");
    stage
        .start(&["yamechikugo", "mamenet", "oshidorinet"])
        .await?;
    let found = until_whole(&session, &patient).await?;
    scene.answers("all-back", &found);
    for network in ASKED {
        scene.check(
            answered(&found, network),
            &format!("{network} は再び回答するはずです"),
            &format!("{network} should answer again"),
        );
    }
    let mut kept = true;
    for place in stage.places.values() {
        kept &= holds_all(&place.session, &before, found.index).await?;
    }
    scene.check(
        kept,
        "確定した記録が失われています",
        "an acknowledged entry was lost",
    );
    if kept {
        scene.tell(
            format!(
                "停止前に確定した {} 件の記録は、五つの台帳すべてに残っています。",
                before.size
            ),
            format!(
                "All {} entries acknowledged before are on all five replicas.",
                before.size
            ),
        );
    }
    Ok(scene.end())
}

/// A replica's tree at some moment.
struct Standing {
    size: u64,
    root: Hash,
}

async fn standing(session: &Session) -> Result<Standing, Failure> {
    let ask = outgoing(v1::StatusRequest {}, session.deadline());
    let status = session
        .ledger_client()
        .status(ask)
        .await
        .map_err(|s| failure_of(&s, &session.address))?
        .into_inner();
    let root = Hash::try_from(status.root.as_slice())
        .map_err(|e| Failure::of(Exit::Unverified, "ルートを読むことが", "read the root", &e))?;
    Ok(Standing {
        size: status.tree_size,
        root,
    })
}

/// Asks until every network answers again.
async fn until_whole(session: &Session, patient: &v1::Patient) -> Result<super::Found, Failure> {
    let until = Instant::now() + RECOVERY;
    loop {
        let found = ask(session, patient.clone(), KURUME, &ASKED).await;
        let whole = found
            .as_ref()
            .is_ok_and(|found| ASKED.iter().all(|n| answered(found, n)));
        if whole || Instant::now() > until {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Whether a replica's tree, once it has applied `index`, continues the earlier one: by a consistency proof.
async fn holds_all(
    session: &Session,
    before: &Standing,
    index: EntryIndex,
) -> Result<bool, Failure> {
    let until = Instant::now() + RECOVERY;
    let now = loop {
        let now = standing(session).await?;
        if now.size > index.0 || Instant::now() > until {
            break now;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let request = v1::ConsistencyProofRequest {
        size1: before.size,
        size2: now.size,
    };
    let ask = outgoing(request, Deadline::after(session.timeout));
    let reply = session
        .ledger_client()
        .consistency_proof(ask)
        .await
        .map_err(|s| failure_of(&s, &session.address))?;
    let proof = merkle::parse_proof(&reply.into_inner().hashes);
    let holds = proof.and_then(|proof| {
        merkle::verify_consistency(before.size, now.size, &proof, &before.root, &now.root)
    });
    Ok(now.size > index.0 && holds.is_ok())
}
