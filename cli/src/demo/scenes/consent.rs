//! (b) one list after consent; (c) nothing before it; (e) nothing after its withdrawal.

use super::{
    ConsentId, DenyReason, Failure, Found, HESITANT, KURUME, MOVED, Memory, NetworkId,
    NetworkOutcome, Scene, Session, Stage, ToldScene, Ui, answered, ask, denied, id, open, ops,
    outcome,
};
use sekisho_domain::{Capture, Category, FacilitySelector, Language, Side, Withdrawal};
use sekisho_ingest::render;
use sekisho_proto::v1;

/// How many lines of an opened document the story shows.
const SHOWN_LINES: usize = 16;

async fn consent(
    session: &Session,
    patient: v1::Patient,
    side: Side,
    at: &str,
    facilities: FacilitySelector,
) -> Result<ConsentId, Failure> {
    use v1::grant_consent::Facilities;
    let grant = v1::GrantConsent {
        patient: Some(patient),
        side: side.number().into(),
        facilities: Some(match facilities {
            FacilitySelector::All => Facilities::AllFacilities(v1::Everything {}),
            FacilitySelector::Listed(set) => Facilities::ListedFacilities(v1::FacilitySet {
                facilities: set.iter().map(ToString::to_string).collect(),
            }),
        }),
        categories: None,
        purposes: None,
        period: Some(v1::Period {
            from_ms: 0,
            until_ms: None,
        }),
        capture: Capture::Written.number().into(),
        recorded_by: at.to_owned(),
        counterpart: None,
        practitioners: Vec::new(),
        proxy: None,
        evidence_note: "consent form kept at the hospital / 同意書は病院で保管".to_owned(),
    };
    let recorded = ops::record(session, v1::record_request::Record::GrantConsent(grant))
        .await?
        .accepted()?;
    Ok(ConsentId(recorded.index))
}

/// The patient consents that the visited hospital looks.
pub(super) async fn consent_viewing(
    session: &Session,
    patient: v1::Patient,
    at: &str,
) -> Result<ConsentId, Failure> {
    consent(
        session,
        patient,
        Side::Viewing,
        at,
        FacilitySelector::Listed([id(at)?].into()),
    )
    .await
}

/// The patient consents that hospitals of the network let documents out.
pub(super) async fn consent_disclosing(
    session: &Session,
    patient: v1::Patient,
    at: &str,
    facilities: FacilitySelector,
) -> Result<ConsentId, Failure> {
    consent(session, patient, Side::Disclosing, at, facilities).await
}

pub(super) async fn one_list(
    ui: Ui,
    stage: &Stage,
    memory: &mut Memory,
) -> Result<ToldScene, Failure> {
    let mut scene = Scene::begin(
        ui,
        'b',
        "佐賀の患者が久留米の病院を受診し、同意して、一つの一覧になる",
        "A Saga patient visits a Kurume hospital, consents there, and gets one list",
    );
    let session = &stage.place("azaleanet")?.session;
    let patient = stage.local_id(MOVED, KURUME)?;
    let given = consent_viewing(session, patient.clone(), KURUME).await?;
    memory.consent = Some(given);
    scene.tell(
        format!("患者は久留米見本病院で、書面で同意しました（台帳 {given} 番）。医師が五つのネットワークすべてに照会します。"),
        format!("The patient consented in writing at the Kurume hospital (index {given}). The physician asks all five networks."),
    );
    let found = ask(session, patient.clone(), KURUME, &[]).await?;
    scene.answers("after-consent", &found);
    memory.asked_at = Some(found.index);
    for network in ["pikapikalink", "azaleanet", "yamechikugo"] {
        scene.check(
            answered(&found, network),
            &format!("{network} が回答するはずです"),
            &format!("{network} should have answered"),
        );
    }
    for network in ["mamenet", "oshidorinet"] {
        let ok = denied(&found, network, DenyReason::NoAgreement);
        scene.check(
            ok,
            &format!("{network} は協定がなく不許可のはずです"),
            &format!("{network} should be denied for want of an agreement"),
        );
    }
    scene.tell(
        format!(
            "医師の画面には、{} 件の文書が一つの一覧で並びます。",
            found.documents.len()
        ),
        format!(
            "The physician sees {} documents in one list.",
            found.documents.len()
        ),
    );
    let pikapika: NetworkId = id("pikapikalink")?;
    for category in [Category::Prescription, Category::LabResult] {
        let chosen = found.documents.iter().find(|(network, document)| {
            *network == pikapika
                && document.category == i32::from(category.number())
                && !document.deprecated
        });
        let Some((network, document)) = chosen else {
            scene.check(
                false,
                &format!("{} の文書があるはずです", category.ja()),
                &format!("there should be a {}", category.en()),
            );
            continue;
        };
        let opened = open(
            session,
            patient.clone(),
            KURUME,
            network,
            &document.unique_id,
        )
        .await?;
        scene.tell(
            format!(
                "佐賀の「{}」を開きます（台帳 {} 番）。",
                document.title_ja, opened.index
            ),
            format!(
                "Opens \"{}\" of Saga (index {}).",
                document.title_en, opened.index
            ),
        );
        show(ui, &mut scene, &opened.content);
        let whole = opened.outcome == NetworkOutcome::Answered { count: 1 }
            && opened.content.len() as u64 == document.size_bytes;
        scene.check(
            whole,
            "文書が完全に届くはずです",
            "the document should have come whole",
        );
        scene.at(opened.index);
        memory.retrieved_at = memory.retrieved_at.or(Some(opened.index));
        memory.document = Some(document.clone());
    }
    Ok(scene.end())
}

/// The beginning of a document, decoded, in the reader's language.
fn show(ui: Ui, scene: &mut Scene, content: &[u8]) {
    let language = match ui.language {
        Language::Ja => sekisho_ingest::Language::Ja,
        Language::En => sekisho_ingest::Language::En,
    };
    let text = render(content).text(language);
    scene.check(
        !text.contains('\u{fffd}'),
        "文字化けがあってはなりません",
        "no character may be garbled",
    );
    let lines: Vec<_> = text.lines().filter(|l| !l.trim().is_empty()).collect();
    scene.show(
        &lines
            .get(..SHOWN_LINES.min(lines.len()))
            .unwrap_or_default()
            .join("\n"),
    );
    if lines.len() > SHOWN_LINES {
        scene.show("…");
    }
}

pub(super) async fn before_consent(
    ui: Ui,
    stage: &Stage,
    memory: &Memory,
) -> Result<ToldScene, Failure> {
    let mut scene = Scene::begin(
        ui,
        'c',
        "同じ医師が、まだ同意していない別の患者について照会する",
        "The same physician asks about another patient, before consent",
    );
    let session = &stage.place("azaleanet")?.session;
    let patient = stage.local_id(HESITANT, KURUME)?;
    let found = ask(session, patient.clone(), KURUME, &[]).await?;
    scene.answers("before-consent", &found);
    for network in ["pikapikalink", "azaleanet", "yamechikugo"] {
        let ok = denied(&found, network, DenyReason::NoViewingConsent);
        scene.check(
            ok,
            &format!("{network} は同意がなく不許可のはずです"),
            &format!("{network} should be denied for want of consent"),
        );
    }
    scene.check(
        found.documents.is_empty(),
        "文書が一件でも見えてはなりません",
        "not a single document may be seen",
    );
    scene.tell(
        "文書は一件も、件数さえも見えません。",
        "Not one document is seen, nor how many there are.",
    );
    // Knowing a document's id helps nobody: opening is a request of its own.
    if let Some(document) = &memory.document {
        let pikapika = id("pikapikalink")?;
        let opened = open(session, patient, KURUME, &pikapika, &document.unique_id).await?;
        scene.tell(
            "別の患者の文書番号を知っていて、開こうとしても、",
            "Trying to open a document whose id is known from elsewhere:",
        );
        scene.retrieved("open-before-consent", &pikapika, &opened);
        let refused = matches!(opened.outcome, NetworkOutcome::Denied { .. })
            && opened.content.is_empty()
            && opened.header.is_none();
        scene.check(
            refused,
            "内容が渡ってはなりません",
            "no content may have come",
        );
    }
    Ok(scene.end())
}

pub(super) async fn withdrawn(
    ui: Ui,
    stage: &Stage,
    memory: &Memory,
) -> Result<ToldScene, Failure> {
    let mut scene = Scene::begin(ui, 'e', "患者が同意を撤回する", "The patient withdraws");
    let session = &stage.place("azaleanet")?.session;
    let Some(consent) = memory.consent else {
        scene.check(
            false,
            "撤回する同意がありません",
            "there is no consent to withdraw",
        );
        return Ok(scene.end());
    };
    let withdraw = v1::ConsentWithdraw {
        consent: consent.0.0,
        way: Withdrawal::Written.number().into(),
        recorded_by: KURUME.to_owned(),
        evidence: Vec::new(),
    };
    let withdrawal = ops::record(
        session,
        v1::record_request::Record::WithdrawConsent(withdraw),
    )
    .await?
    .accepted()?;
    scene.tell(
        format!("患者は同意（台帳 {consent} 番）を書面で撤回しました（{} 番）。同じ医師がもう一度照会します。", withdrawal.index),
        format!("The patient withdrew the consent of index {consent} in writing (index {}). The same physician asks again.", withdrawal.index),
    );
    let found: Found = ask(session, stage.local_id(MOVED, KURUME)?, KURUME, &[]).await?;
    scene.answers("after-withdrawal", &found);
    scene.check(
        found.index > withdrawal.index,
        "撤回より後の番号のはずです",
        "the index should be later than the withdrawal's",
    );
    for network in ["pikapikalink", "azaleanet", "yamechikugo"] {
        let ok = matches!(
            outcome(&found, network),
            Some(NetworkOutcome::Denied {
                reason: DenyReason::ConsentWithdrawn
            })
        );
        scene.check(
            ok,
            &format!("{network} は撤回により不許可のはずです"),
            &format!("{network} should be denied by the withdrawal"),
        );
    }
    scene.check(
        found.documents.is_empty(),
        "文書が見えてはなりません",
        "no document may be seen",
    );
    Ok(scene.end())
}
