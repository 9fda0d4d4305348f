//! P11, the ledger's part: nothing about a person is ever stored.

use crate::bundle::{self, ShownOpening};
use crate::commitment::{Opening, Salt};
use crate::store::{StateRead, Table};
use crate::testing::{
    World, facility, grant, grant_without_consent, network, proxy, review, subject,
};
use base64::Engine as _;
use sekisho_domain::*;
use sha2::{Digest, Sha256};

pub(super) const SAGA: &str = "4110000001";
pub(super) const KURUME: &str = "4010000001";

/// An invented person: everything that must never be on the ledger.
const PERSON: [&str; 14] = [
    "久留米 花野子",
    "クルメ ハナノコ",
    "ｸﾙﾒ ﾊﾅﾉｺ",
    "Kurume Hananoko",
    "1985-04-12",
    "19850412",
    "昭和60年4月12日",
    "06139999",
    "記号７７・番号１２３４５６",
    "K-00012345",
    "福岡県久留米市架空町一丁目2番3号",
    "0942-99-0000",
    "退院時サマリー 久留米花野子様",
    "urn:oid:1.2.392.999999.1.4.77",
];

/// What is remembered of a value: its bytes, as they are and in the ways bytes are written and hashed.
fn marks(value: &str) -> Vec<Vec<u8>> {
    let utf8 = value.as_bytes().to_vec();
    let utf16: Vec<u16> = value.encode_utf16().collect();
    let hash: [u8; 32] = Sha256::digest(&utf8).into();
    let base64 = base64::engine::general_purpose::STANDARD_NO_PAD;
    vec![
        utf16.iter().flat_map(|unit| unit.to_be_bytes()).collect(),
        utf16.iter().flat_map(|unit| unit.to_le_bytes()).collect(),
        hex::encode(&utf8).into_bytes(),
        base64.encode(&utf8).into_bytes(),
        hash.to_vec(),
        hex::encode(hash).into_bytes(),
        utf8,
    ]
}

pub(super) fn holds(bytes: &[u8], mark: &[u8]) -> bool {
    bytes.windows(mark.len()).any(|window| window == mark)
}

/// An opening whose value says everything about the person; the salt is the party's own.
pub(super) fn opening(label: &str, of: &str, n: u8) -> Opening {
    let value = format!("{of}\n{}", PERSON.join("\n"));
    let salt = Sha256::digest([b"a salt of the test".as_slice(), &[n]].concat());
    Opening::new(label, Salt::from_bytes(salt.into()), value.into_bytes()).unwrap()
}

/// A patient's whole way through the ledger, every commitment made of all there is to know about them.
struct Told {
    world: World,
    access: EntryIndex,
    openings: Vec<Opening>,
    shown: Vec<ShownOpening>,
}

fn told() -> Told {
    let mut world = World::of(&["kurume", "saga"]);
    world.hospital("saga", SAGA);
    world.hospital("kurume", KURUME);
    world.policy("kurume", None, Some(Scope::EachFacility));
    world.certify("kurume", KeyPurpose::Officer);
    let grants = vec![
        grant("saga", "kurume", ConsentRule::Viewing),
        grant_without_consent("saga", "kurume", [Purpose::BreakGlass].into()),
    ];
    world.agree("link", grants);
    world.link(("saga", subject(1)), ("kurume", subject(2)));
    let mut openings = Vec::new();
    let mut committed = |label: &str, of: &str| {
        let new = opening(label, of, openings.len() as u8);
        openings.push(new.clone());
        new
    };
    let parent = Proxy {
        evidence: committed(bundle::EVIDENCE, "戸籍").commitment(),
        ..proxy("kurume", subject(2), KURUME, ProxyKind::Parent)
    };
    let parent = ProxyId(world.accept("kurume", Body::ProxyRegister(parent)));
    let visit = FacilitySelector::Listed([facility(KURUME)].into());
    let form = committed(bundle::EVIDENCE, "同意書");
    let consent = Consent {
        evidence: form.commitment(),
        proxy: Some(parent),
        ..world.consent("kurume", subject(2), Side::Viewing, KURUME, visit)
    };
    let first = ConsentId(world.accept("kurume", Body::ConsentGrant(consent.clone())));
    world.accept("kurume", Body::ConsentGrant(consent));
    let sealed = committed(bundle::SEALED, "留保").commitment();
    world.accept("saga", Body::ReservationSeal { sealed });
    let who = committed(bundle::PRACTITIONER, "医師");
    let document = committed(bundle::DOCUMENT, "文書");
    let request = AccessRequest {
        practitioner: who.commitment(),
        action: Action::RetrieveDocument,
        document: Some(document.commitment()),
        ..world.request("kurume", KURUME, subject(2), &["saga"])
    };
    let (access, decisions) = world.ask(&request);
    assert!(matches!(decisions[0].1, Decision::Permit(_)));
    let transfer = Transfer {
        access,
        disclosing: network("saga"),
        document: document.commitment(),
        content: committed(bundle::CONTENT, "内容").commitment(),
    };
    world.accept("saga", Body::Release(transfer.clone()));
    world.accept("kurume", Body::Receipt(transfer));
    let broken = AccessRequest {
        purpose: Purpose::BreakGlass,
        grounds: Grounds::Emergency(EmergencyReason::Unconscious),
        ..request
    };
    let (emergency, _) = world.ask(&broken);
    let judged = Review {
        evidence: committed(bundle::EVIDENCE, "理由").commitment(),
        ..review(emergency, Verdict::Appropriate)
    };
    world.accept("kurume", Body::EmergencyReview(judged));
    let withdrawn = Body::ConsentWithdraw {
        consent: first,
        way: Withdrawal::Written,
        recorded_by: facility(KURUME),
        evidence: committed(bundle::EVIDENCE, "撤回書").commitment(),
    };
    world.accept("kurume", withdrawn);
    let shown = [who, document].map(|opening| ShownOpening {
        index: access,
        opening,
    });
    Told {
        world,
        access,
        openings,
        shown: shown.into(),
    }
}

#[test]
fn p11_nothing_about_a_person_is_stored_and_all_proofs_hold_without_it() {
    let told = told();
    let (note, size) = told.world.checkpoint(2);
    let build = |shown: &[ShownOpening]| {
        bundle::build(&told.world.state, told.access, &note, size, shown).unwrap()
    };
    // The scan finds what is there to be found: a bundle that shows the openings holds the person.
    let with = build(&told.shown);
    assert_eq!(told.openings.len(), 8);
    for value in PERSON {
        assert!(holds(&with, value.as_bytes()), "{value}");
    }
    // The parties destroy mapping and salts. Nothing in the state, and no bundle made of it, holds the person.
    let without = build(&[]);
    let rows = Table::ALL.into_iter().flat_map(|table| {
        let rows = told.world.state.scan(table, b"", b"", usize::MAX).unwrap();
        rows.into_iter()
            .map(move |(key, value)| (format!("{table:?}"), [key, value].concat()))
    });
    let stored: Vec<_> = rows
        .chain([("bundle".to_owned(), without.clone())])
        .collect();
    let salts = told.openings.iter().map(|o| o.salt().as_bytes().to_vec());
    let values = told
        .openings
        .iter()
        .map(|o| Sha256::digest(o.value()).to_vec());
    let marks: Vec<_> = PERSON
        .iter()
        .flat_map(|value| marks(value))
        .chain(salts)
        .chain(values)
        .collect();
    for (place, bytes) in &stored {
        for mark in &marks {
            assert!(
                !holds(bytes, mark),
                "{place}: {}",
                String::from_utf8_lossy(mark)
            );
        }
    }
    // And everything is still proved.
    let verified = bundle::verify(&without, &told.world.genesis).unwrap();
    assert_eq!((verified.transfers.len(), verified.openings.len()), (2, 0));
    assert_eq!(
        bundle::verify(&with, &told.world.genesis)
            .unwrap()
            .openings
            .len(),
        2
    );
}

/// Whatever an entry can hold as text or as bytes has a name here, and what it is for. Nothing in it is free.
#[test]
fn p11_no_field_of_an_entry_has_room_for_a_person() {
    const TEXT: [(&str, &[&str]); 6] = [
        (
            "networks and authorities",
            &[
                "network",
                "parties",
                "disclosing",
                "viewing",
                "targets",
                "authority",
                "viewer_network",
            ],
        ),
        (
            "facility codes",
            &[
                "facility",
                "facilities",
                "recorded_by",
                "viewer_facility",
                "joining_facility",
            ],
        ),
        ("agreements", &["id"]),
        ("areas", &["municipality", "prefectures", "area"]),
        ("organisations' names and addresses", &["name", "endpoint"]),
        ("the envelope", &["payload_type"]),
    ];
    const BYTES: [(&str, &[&str]); 5] = [
        (
            "keys and signatures",
            &[
                "key",
                "key_id",
                "public_key",
                "governance_key",
                "transport_key",
                "checkpoint_key",
                "author",
                "signature",
            ],
        ),
        (
            "hashes",
            &["ledger", "text_hash", "digest", "state_digest", "root"],
        ),
        (
            "pseudonyms and request ids",
            &[
                "subject",
                "own",
                "practitioner_id",
                "practitioners",
                "viewer_practitioner",
                "reviewer",
                "request_id",
            ],
        ),
        (
            "salted commitments",
            &["practitioner", "evidence", "document", "content", "sealed"],
        ),
        ("the signed entry", &["payload"]),
    ];
    const NAMED: [&str; 4] = [
        "NetworkAdmit",
        "FacilityRegister",
        "AuthorityAdmit",
        "FoundingNetwork",
    ];
    let schema = include_str!("../../../../proto/sekisho/v1/entry.proto");
    let (mut message, mut fields) = ("", 0);
    for line in schema.lines() {
        let words: Vec<_> = line
            .split_whitespace()
            .filter(|w| !["optional", "repeated"].contains(w))
            .collect();
        match words[..] {
            ["message", name, ..] => message = name,
            [kind @ ("string" | "bytes"), field, "=", ..] => {
                let known = if kind == "string" {
                    &TEXT[..]
                } else {
                    &BYTES[..]
                };
                let found = known.iter().any(|(_, names)| names.contains(&field));
                assert!(found, "{message}.{field}: what is this {kind} for?");
                assert!(
                    field != "name" || NAMED.contains(&message),
                    "{message} has a name"
                );
                fields += 1;
            }
            _ => {}
        }
    }
    assert!(fields > 80, "{fields} fields");
}
