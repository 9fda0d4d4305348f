//! Founding: two replicas that agree, two nodes, what the networks signed, and the documents of one patient.

use crate::*;
use sekisho_domain::*;
use sekisho_ledger::agreement_digest;
use sekisho_transport::{Identity, TransportKey};
use std::path::Path;
use tokio::net::TcpListener;

/// Two networks that serve.
pub struct Together {
    pub genesis: Genesis,
    pub saga: Site,
    pub kurume: Site,
    /// The patient's documents at Saga, oldest first.
    pub written: Vec<Vec<u8>>,
}

impl Together {
    pub async fn start() -> Self {
        let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let root = dirs[1].path().join("std01");
        std::fs::create_dir(&root).unwrap();
        let written: Vec<_> = (1..=3).map(|day| write_prescription(&root, day)).collect();

        // Kurume's id sorts first.
        let identities = [0, 1].map(|_| Identity::new(TransportKey::generate().unwrap()).unwrap());
        let mut listeners = Vec::new();
        for _ in 0..2 {
            listeners.push(TcpListener::bind("127.0.0.1:0").await.unwrap());
        }
        let names = [(KURUME, 1u8), (SAGA, 2u8)];
        let genesis = Genesis {
            created: TimeMs(now() - 1000),
            networks: names
                .iter()
                .map(|(name, number)| FoundingNetwork {
                    id: name.parse().unwrap(),
                    name: format!("ネットワーク {name}"),
                    governance_key: governance(*number).public_key(),
                })
                .collect(),
            replicas: names
                .iter()
                .zip(&identities)
                .zip(&listeners)
                .map(|(((name, number), identity), listener)| FoundingReplica {
                    id: ReplicaId((*number).into()),
                    network: name.parse().unwrap(),
                    endpoint: listener.local_addr().unwrap().to_string(),
                    transport_key: identity.public(),
                    checkpoint_key: checkpoint_key(*number).public_key(),
                })
                .collect(),
        };
        let mut sites = Vec::new();
        for (((site, identity), listener), dir) in
            names.into_iter().zip(identities).zip(listeners).zip(dirs)
        {
            sites.push(Site::start(&genesis, site, identity, listener, dir).await);
        }
        let (saga, kurume) = (sites.pop().unwrap(), sites.pop().unwrap());
        for site in [&saga, &kurume] {
            site.replica.wait_ready(patience()).await.unwrap();
        }
        found(&genesis, &saga, &kurume).await;
        until("the sources are read", async || {
            saga.node.answers_documents()
        })
        .await;
        Self {
            genesis,
            saga,
            kurume,
            written,
        }
    }
}

/// A prescription in the form and at the place SS-MIX2 gives it; its bytes.
fn write_prescription(root: &Path, day: u32) -> Vec<u8> {
    let date = format!("202604{day:02}");
    let lines = [
        "MSH|^~\\&|HIS|SEND|GW|RCV|20260401120000.12||RDE^O11|1|P|2.5||||||~ISO IR87||ISO 2022-1994".to_owned(),
        format!("PID|0001||{PATIENT}^^^^PI||SEKISHO^TARO^^^^^L^A||19480405|M"),
        format!("ORC|NW|1||1|||||{date}103045||||||||01^NAIKA^99XY1"),
        format!("RXE||1^{DRUG}^HOT9|1||TAB^TAB^MR9P|||||15|TAB^TAB^MR9P"),
    ];
    let bytes = format!("{}\r", lines.join("\r")).into_bytes();
    let folder = root.join(format!("000/901/{PATIENT}/{date}/OMP-01"));
    std::fs::create_dir_all(&folder).unwrap();
    let name = format!("{PATIENT}_{date}_OMP-01_000000000000001_{date}110000000_01_1");
    std::fs::write(folder.join(name), &bytes).unwrap();
    bytes
}

/// What the two networks agreed, and where they are.
async fn found(genesis: &Genesis, saga: &Site, kurume: &Site) {
    let period = Period {
        from: genesis.created,
        until: None,
    };
    for site in [saga, kurume] {
        let key = governance(site.number);
        let (facility, kind) = match site.name {
            SAGA => (SAGA_HOSPITAL, FacilityKind::Hospital),
            _ => (KURUME_HOSPITAL, FacilityKind::Hospital),
        };
        let public_key = node_key(site.number).public_key();
        let rule = Rule {
            scope: Scope::EachFacility,
            capture: [Capture::Written].into(),
            new_facility: NewFacility::NeedsConsent(Capture::Written),
            withdrawal: [Withdrawal::Written].into(),
        };
        let bodies = [
            Body::KeyAdd {
                purpose: KeyPurpose::Node,
                public_key,
                endpoint: None,
            },
            Body::FacilityRegister {
                facility: facility.parse().unwrap(),
                kind,
                name: format!("病院 {facility}"),
                municipality: None,
            },
            Body::ConsentPolicyPublish(ConsentPolicy {
                version: 1,
                valid_from: genesis.created,
                text_hash: Hash([1; 32]),
                disclosing: None,
                viewing: Some(rule),
                voids_earlier: false,
                emergency: None,
            }),
        ];
        for body in bodies {
            site.say(genesis, &key, body).await;
        }
    }
    let agreement = Agreement {
        id: "saga-kurume".parse().unwrap(),
        version: 1,
        parties: [SAGA, KURUME].map(|n| n.parse().unwrap()).into(),
        grants: vec![Grant {
            disclosing: SAGA.parse().unwrap(),
            viewing: KURUME.parse().unwrap(),
            categories: Codes::all(),
            purposes: [Purpose::Treat].into(),
            facility_kinds: [FacilityKind::Hospital].into(),
            roles: [Role::Physician].into(),
            consent_rule: ConsentRule::Viewing,
            valid: period,
        }],
        retention: Retention::AsOwnRecord,
        settlement: Settlement::EachOwn,
        valid: period,
        text_hash: Hash([2; 32]),
    };
    let signature = Body::AgreementSign {
        id: agreement.id.clone(),
        version: 1,
        digest: agreement_digest(&agreement),
    };
    let proposal = Body::AgreementPropose(agreement);
    saga.say(genesis, &governance(saga.number), proposal).await;
    kurume
        .say(genesis, &governance(kurume.number), signature)
        .await;
}
