//! Image studies of a real PACS: what the contract of all sources leaves to them.

use super::client::Trust;
use super::pacs_test::{Pacs, image};
use super::relay_test::{Passes, Relay};
use super::{DicomWebSource, THUMBNAIL};
use crate::contract_test::{FACILITY, ONE, OTHER};
use crate::{Language, Source, render_document};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair,
};
use rustls::ServerConfig;
use sekisho_documents::{
    Contents, DocumentEntry, DocumentIndex, MemoryIndex, Patient, QuarantineReason, Query,
};
use std::sync::Arc;

fn found(index: &MemoryIndex, patient: &str, kind: &str) -> Vec<DocumentEntry> {
    let query = Query::of(Patient {
        facility: FACILITY.parse().unwrap(),
        local_patient_id: patient.parse().unwrap(),
    });
    let entries = index.find(&query).unwrap().entries;
    entries
        .into_iter()
        .filter(|e| e.kind.data_kind == kind)
        .collect()
}

fn released(source: &DicomWebSource, entry: &DocumentEntry) -> Option<Vec<u8>> {
    let checked = source.release(&Contents::new([]), entry, 0).ok()?;
    let mut pieces = checked.pieces().unwrap();
    let mut bytes = Vec::new();
    pieces.next(&mut bytes).unwrap();
    Some(bytes)
}

/// Why a source cannot be read.
fn fault(source: &DicomWebSource) -> String {
    let index = MemoryIndex::default();
    let error = source.ingest(&index, &mut |_| {}).unwrap_err();
    error.to_string()
}

#[test]
fn a_study_is_its_facts_and_a_thumbnail() {
    let Some(pacs) = Pacs::start() else {
        return;
    };
    let (relay, index) = (Relay::before(pacs.address), MemoryIndex::default());
    let source = pacs.source_at("http", &relay.address.to_string(), None);
    let ingest = || source.ingest(&index, &mut |_| {}).unwrap();
    pacs.put(&image(ONE, 1, 1, 1));
    pacs.put(&image(ONE, 1, 2, 3));
    pacs.put(&image("", 3, 1, 5));
    let report = ingest();
    assert_eq!((report.files, report.documents()), (2, 2));
    let reasons: Vec<_> = report.quarantined.into_iter().collect();
    assert_eq!(reasons, [(QuarantineReason::NoPatient, 1)]);
    let facts = found(&index, ONE, "DICOM-STUDY").remove(0);
    let thumbnail = found(&index, ONE, "DICOM-THUMBNAIL").remove(0);
    let bytes = released(&source, &facts).unwrap();
    let shown = render_document(&facts.kind.format_code.code, &bytes).text(Language::Ja);
    for words in ["関所", "胸部CT", "造影", "CHEST", "2026-04-01", "CT"] {
        assert!(shown.contains(words), "{words} is not in\n{shown}");
    }
    let picture = released(&source, &thumbnail).unwrap();
    assert!(picture.starts_with(b"\xff\xd8") && thumbnail.kind.mime_type == "image/jpeg");
    assert!(source.verify(&facts, &picture).is_err());
    // Another picture of the same length in the thumbnail's place.
    let mut other = picture.clone();
    *other.last_mut().unwrap() ^= 1;
    let path = format!("/dicom-web/{}/{THUMBNAIL}", thumbnail.location.path);
    relay.set(Passes::But(path.clone(), other));
    assert_eq!(released(&source, &thumbnail), None);
    relay.set(Passes::But(path, picture.clone()));
    assert_eq!(released(&source, &thumbnail), Some(picture));
}

#[test]
fn of_two_patients_with_one_studys_uid_neither_is_answered() {
    let Some(pacs) = Pacs::start() else {
        return;
    };
    let (source, index) = (pacs.source(), MemoryIndex::default());
    let ingest = || source.ingest(&index, &mut |_| {}).unwrap();
    pacs.put(&image(ONE, 1, 1, 1));
    ingest();
    let indexed = found(&index, ONE, "DICOM-STUDY").remove(0);
    let second = pacs.put(&image(OTHER, 1, 1, 1));
    assert_eq!(released(&source, &indexed), None);
    for changed in [1, 0] {
        let report = ingest();
        let reasons: Vec<_> = report.quarantined.into_iter().collect();
        assert_eq!(reasons, [(QuarantineReason::SeveralPatients, 1)]);
        assert_eq!(report.changed, changed);
        for patient in [ONE, OTHER] {
            assert_eq!(found(&index, patient, "DICOM-STUDY"), []);
            assert_eq!(found(&index, patient, "DICOM-THUMBNAIL"), []);
        }
    }
    pacs.delete(&format!(
        "/studies/{}",
        second["ParentStudy"].as_str().unwrap()
    ));
    ingest();
    assert_eq!(found(&index, ONE, "DICOM-STUDY"), [indexed]);
}

#[test]
fn a_pacs_that_refuses_or_is_away_is_told_by_name() {
    let Some(mut pacs) = Pacs::start() else {
        return;
    };
    let at = pacs.source().service.to_string();
    let mut stranger = pacs.source();
    stranger.login.as_mut().unwrap().password = "7".into();
    let expected = format!("source pacs cannot be read: the PACS at {at} answers 401 Unauthorized");
    assert_eq!(fault(&stranger), expected);
    let relay = Relay::before(pacs.address);
    let relayed = pacs.source_at("http", &relay.address.to_string(), None);
    relay.set(Passes::But("/".into(), b"<html>".to_vec()));
    assert!(
        fault(&relayed).contains("answers what is no DICOM JSON"),
        "{}",
        fault(&relayed)
    );
    pacs.stop();
    let said = fault(&pacs.source());
    assert!(
        said.contains(&at) && said.contains("Connection refused"),
        "{said}"
    );
}

/// What a server with a certificate for `name` of an authority shows; and the authority's, for who asks.
fn certified(authority: &str, name: &str) -> (ServerConfig, String) {
    let mut ca = CertificateParams::new([]).unwrap();
    ca.distinguished_name = DistinguishedName::new();
    ca.distinguished_name.push(DnType::CommonName, authority);
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let shown = CertificateParams::new([name.to_owned()]).unwrap();
    let shown = shown.signed_by(&key, &ca).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![shown.der().clone()],
            key.serialize_der().try_into().unwrap(),
        );
    (config.unwrap(), ca.pem())
}

#[test]
fn a_pacs_over_tls_is_known_by_its_certificate() {
    let Some(pacs) = Pacs::start() else {
        return;
    };
    let (dir, index) = (tempfile::tempdir().unwrap(), MemoryIndex::default());
    let (config, authority) = certified("the hospital's", "127.0.0.1");
    let (_, other) = certified("another's", "127.0.0.1");
    std::fs::write(dir.path().join("ca"), authority).unwrap();
    std::fs::write(dir.path().join("other"), other).unwrap();
    let relay = Relay::with_tls(config, pacs.address);
    let port = relay.address.port();
    let by = |host: &str, ca: Option<&str>| {
        let trust = Trust::of(ca.map(|ca| dir.path().join(ca)).as_deref()).unwrap();
        pacs.source_at("https", &format!("{host}:{port}"), Some(trust))
    };
    pacs.put(&image(ONE, 1, 1, 1));
    let source = by("127.0.0.1", Some("ca"));
    source.ingest(&index, &mut |_| {}).unwrap();
    let entries = ["DICOM-STUDY", "DICOM-THUMBNAIL"].map(|kind| found(&index, ONE, kind).remove(0));
    for entry in &entries {
        assert!(
            released(&source, entry).is_some(),
            "{}",
            entry.kind.data_kind
        );
    }
    let unset = pacs.source_at("https", &format!("127.0.0.1:{port}"), None);
    for (source, reason) in [
        (by("127.0.0.1", Some("other")), "UnknownIssuer"),
        (by("127.0.0.1", None), "UnknownIssuer"),
        (
            by("localhost", Some("ca")),
            "not valid for name \"localhost\"",
        ),
        (unset, "no certificates are configured"),
    ] {
        let (at, said) = (source.service.to_string(), fault(&source));
        assert!(said.contains(&at) && said.contains(reason), "{said}");
        for entry in &entries {
            assert_eq!(released(&source, entry), None, "{reason}");
        }
    }
    // Who does not begin TLS is not answered.
    let plain = pacs.source_at("http", &format!("127.0.0.1:{port}"), None);
    assert!(fault(&plain).contains("cannot be asked"));
    assert!(Trust::of(Some(&dir.path().join("absent"))).is_err());
}
