//! Records, pseudonyms and sources.

use super::*;

pub(super) fn grant(id: u8) -> v1::RecordRequest {
    let facilities = v1::FacilitySet {
        facilities: vec![KURUME_HOSPITAL.to_owned()],
    };
    v1::RecordRequest {
        request_id: vec![id; 16],
        record: Some(v1::record_request::Record::GrantConsent(v1::GrantConsent {
            patient: patient(),
            side: 2,
            facilities: Some(v1::grant_consent::Facilities::ListedFacilities(facilities)),
            capture: 1,
            recorded_by: KURUME_HOSPITAL.to_owned(),
            evidence_note: "form 12 in the archive".to_owned(),
            ..Default::default()
        })),
    }
}

fn accepted(reply: &v1::RecordReply) -> bool {
    matches!(
        &reply.outcome,
        Some(v1::Outcome {
            outcome: Some(v1::outcome::Outcome::Accepted(_))
        })
    )
}

#[tokio::test]
async fn a_consent_is_recorded_once_and_its_evidence_stays_here() {
    let case = Case::new().await;
    let first = case.record(grant(1)).await.unwrap();
    assert!(accepted(&first) && !first.duplicate, "{first:?}");
    let again = case.record(grant(1)).await.unwrap();
    assert!(again.duplicate && again.index == first.index, "{again:?}");
    let Body::ConsentGrant(consent) = &case.setting.ledger.bodies()[first.index as usize] else {
        panic!("no consent")
    };
    assert_eq!(
        (consent.policy_version, consent.subject),
        (1, case.setting.kurume_subject)
    );
    assert_eq!(consent.period.from, case.setting.ledger.now());
    let opened = case
        .kurume
        .0
        .store
        .opening(&consent.evidence)
        .unwrap()
        .unwrap();
    assert_eq!(opened.value(), b"form 12 in the archive");

    let withdraw = v1::RecordRequest {
        request_id: vec![2; 16],
        record: Some(v1::record_request::Record::WithdrawConsent(
            v1::ConsentWithdraw {
                consent: first.index,
                way: 1,
                recorded_by: KURUME_HOSPITAL.to_owned(),
                evidence: b"a letter".to_vec(),
            },
        )),
    };
    assert!(accepted(&case.record(withdraw.clone()).await.unwrap()));
    let twice = v1::RecordRequest {
        request_id: vec![3; 16],
        ..withdraw
    };
    assert!(
        !accepted(&case.record(twice).await.unwrap()),
        "a refusal is an answer, not an error"
    );
}

#[tokio::test]
async fn a_record_whose_window_passed_unseen_is_signed_again_and_taken_once() {
    let case = Case::new().await;
    case.setting.ledger.down();
    let failed = case.record(grant(1)).await.unwrap_err();
    assert_eq!(failed.code(), ErrorCode::Unavailable);
    case.setting.ledger.up();
    case.setting
        .ledger
        .with(|world| world.time = world.time.plus_ms(WINDOW_AFTER_MS + 1000));
    let late = case.record(grant(1)).await.unwrap_err();
    assert_eq!(
        late.code(),
        ErrorCode::Invalid,
        "this machine's clock has not moved: {late}"
    );

    let environment = crate::testing::Fixed::new("kurume later", case.setting.ledger.now());
    let store = {
        let Case {
            kurume, setting, ..
        } = &case;
        kurume.shutdown().await.unwrap();
        setting.dir.path().join("kurume.redb")
    };
    let Case {
        setting, kurume, ..
    } = case;
    drop(kurume);
    let store = crate::store::NodeStore::open(&store).unwrap();
    let nowhere = crate::testing::nowhere();
    let kurume =
        crate::testing::node(KURUME, &setting.ledger, &environment, store, &[], nowhere).await;
    let done = kurume
        .operating()
        .record_entry(grant(1), patience())
        .await
        .unwrap();
    assert!(accepted(&done) && !done.duplicate);
    let again = kurume
        .operating()
        .record_entry(grant(1), patience())
        .await
        .unwrap();
    assert!(again.duplicate && again.index == done.index);
}

#[tokio::test]
async fn pseudonyms_are_made_on_request_and_links_use_them() {
    let case = Case::new().await;
    let operating = case.kurume.operating();
    let local = v1::patient::Local {
        facility: KURUME_HOSPITAL.to_owned(),
        local_id: "K-2".to_owned(),
    };
    let patient = Some(v1::Patient {
        patient: Some(v1::patient::Patient::Local(local)),
    });
    let ask = |create| {
        operating.subject_of(v1::SubjectRequest {
            patient: patient.clone(),
            create,
        })
    };
    assert_eq!(ask(false).await.unwrap_err().code(), ErrorCode::NotFound);
    // A slip in the facility's code, or another network's, makes no patient.
    for facility in ["9999999999", crate::testing::SAGA_HOSPITAL] {
        let local = v1::patient::Local {
            facility: facility.to_owned(),
            local_id: "K-2".to_owned(),
        };
        let elsewhere = operating.subject_of(v1::SubjectRequest {
            patient: Some(v1::Patient {
                patient: Some(v1::patient::Patient::Local(local)),
            }),
            create: true,
        });
        assert_eq!(elsewhere.await.unwrap_err().code(), ErrorCode::Invalid);
    }
    let made = ask(true).await.unwrap();
    let again = ask(true).await.unwrap();
    assert_eq!(
        (made.created, again.created, &made.subject),
        (true, false, &again.subject)
    );
    let subject = SubjectId::try_from(made.subject.as_slice()).unwrap();
    let by_subject = |bytes: Vec<u8>| {
        Some(v1::Patient {
            patient: Some(v1::patient::Patient::Subject(bytes)),
        })
    };
    let link = |id: u8, patient| v1::RecordRequest {
        request_id: vec![id; 16],
        record: Some(v1::record_request::Record::LinkSubject(v1::LinkSubject {
            patient,
            other: Some(v1::SubjectRef {
                network: SAGA.to_owned(),
                subject: vec![3; 16],
            }),
            confirmed_by: Vec::new(),
        })),
    };
    let linked = case
        .record(link(1, by_subject(made.subject)))
        .await
        .unwrap();
    let bodies = case.setting.ledger.bodies();
    assert!(
        matches!(&bodies[linked.index as usize], Body::SubjectLink { own, .. } if *own == subject)
    );
    let stranger = case
        .record(link(2, by_subject(vec![9; 16])))
        .await
        .unwrap_err();
    assert_eq!(stranger.code(), ErrorCode::NotFound);
}

#[tokio::test]
async fn the_sources_are_read_again_on_request_and_reported() {
    let case = Case::new().await;
    case.setting.hospital.put(PATIENT, 9);
    let rebuilt = case
        .saga
        .operating()
        .ingest_sources(v1::IngestRequest { rebuild: true })
        .unwrap();
    let events = all(rebuilt).await;
    let Some(v1::ingest_event::Event::ReportJson(report)) =
        events.last().and_then(|e| e.event.clone())
    else {
        panic!("{events:?}")
    };
    let report: crate::IngestReport = serde_json::from_str(&report).unwrap();
    assert_eq!(
        report
            .sources
            .iter()
            .map(|s| s.documents())
            .collect::<Vec<_>>(),
        [4, 0]
    );
    assert!(events.len() >= 3, "progress for each source: {events:?}");
    assert!(case.saga.answers_documents());
    assert_eq!(case.documents().await.len(), 4);
    std::fs::remove_dir_all(&case.setting.other.source.root).unwrap();
    let gone = case
        .saga
        .operating()
        .ingest_sources(v1::IngestRequest { rebuild: true })
        .unwrap();
    let events: Vec<_> = tokio_stream::StreamExt::collect(gone).await;
    assert!(events.last().unwrap().is_err());
    // What was half built beside answers nothing; the index before stays as it was (P8).
    assert!(case.saga.answers_documents());
    assert_eq!(case.documents().await.len(), 4);
}
