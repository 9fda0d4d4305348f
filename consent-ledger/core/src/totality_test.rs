//! Whatever bytes come, reading them ends, and never in a panic.

use crate::bundle;
use crate::note::Note;
use crate::record;
use crate::store::{MemoryState, StateRead, StateWrite, Table};
use crate::testing::{World, grant, network, subject};
use crate::{Leaf, Strict, View, apply_batch, form};
use proptest::prelude::*;
use proptest::sample::Index;
use prost::Message;
use sekisho_domain::*;
use sekisho_proto::v1;
use std::sync::LazyLock;

/// A small ledger with an access, its bundle and a checkpoint.
struct Valid {
    world: World,
    envelope: v1::Envelope,
    leaf: Vec<u8>,
    note: String,
    bundle: Vec<u8>,
    rows: Vec<(Table, Vec<u8>, Vec<u8>)>,
}

static VALID: LazyLock<Valid> = LazyLock::new(|| {
    let mut world = World::of(&["kurume", "saga"]);
    world.hospital("kurume", "4010000001");
    world.policy("kurume", None, Some(Scope::EachFacility));
    world.agree("link", vec![grant("saga", "kurume", ConsentRule::Viewing)]);
    world.link(("saga", subject(1)), ("kurume", subject(2)));
    world.consent_to_visit("kurume", subject(2), "4010000001");
    let (access, _) = world.ask(&world.request("kurume", "4010000001", subject(2), &["saga"]));
    let (note, size) = world.checkpoint(2);
    let request = world.request("kurume", "4010000001", subject(2), &["saga"]);
    let envelope = world.sign("kurume", Body::AccessRequest(request));
    let rows = rows(&world);
    Valid {
        leaf: View(&world.state).leaf(access).unwrap().unwrap(),
        bundle: bundle::build(&world.state, access, &note, size, &[]).unwrap(),
        note,
        envelope,
        rows,
        world,
    }
});

/// A few bytes changed, put in, or taken out.
#[derive(Debug, Clone)]
enum Change {
    Set(Index, u8),
    Insert(Index, Vec<u8>),
    Cut(Index, usize),
    Repeat(Index, usize),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, to)| Change::Set(at, to)),
        (
            any::<Index>(),
            proptest::collection::vec(any::<u8>(), 1..12)
        )
            .prop_map(|(at, more)| Change::Insert(at, more)),
        (any::<Index>(), 1..40usize).prop_map(|(at, n)| Change::Cut(at, n)),
        (any::<Index>(), 1..80usize).prop_map(|(at, n)| Change::Repeat(at, n)),
    ];
    proptest::collection::vec(change, 1..4)
}

fn changed(bytes: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for change in changes {
        let at = |i: &Index| i.index(out.len().max(1)).min(out.len());
        match change {
            Change::Set(i, to) => {
                let at = at(i);
                if let Some(byte) = out.get_mut(at) {
                    *byte = *to;
                }
            }
            Change::Insert(i, more) => {
                let at = at(i);
                out.splice(at..at, more.iter().copied());
            }
            Change::Cut(i, n) => {
                let at = at(i);
                out.drain(at..(at + n).min(out.len()));
            }
            Change::Repeat(i, n) => {
                let at = at(i);
                let part = out[at..(at + n).min(out.len())].to_vec();
                out.splice(at..at, part);
            }
        }
    }
    out
}

fn read_all(bytes: &[u8]) {
    let _ = Leaf::decode(bytes);
    let _ = Note::parse(bytes);
    let _ = bundle::verify(bytes, &VALID.world.genesis);
    let _ = record::sources(bytes);
    if let Ok(envelope) = v1::Envelope::decode(bytes) {
        let _ = form(&envelope);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        read_all(&bytes);
        let envelope = v1::Envelope { payload: bytes, ..VALID.envelope.clone() };
        let _ = form(&envelope);
    }

    #[test]
    fn valid_bytes_with_a_few_changes(changes in changes()) {
        for bytes in [&VALID.leaf, &VALID.bundle, &VALID.note.clone().into_bytes()] {
            read_all(&changed(bytes, &changes));
        }
        // What is still formed is applied: its signature no longer holds, unless nothing was changed.
        let payload = changed(&VALID.envelope.payload, &changes);
        let same = payload == VALID.envelope.payload;
        let envelope = v1::Envelope { payload, ..VALID.envelope.clone() };
        let mut state = VALID.world.state.clone();
        let batch = v1::Batch { time_ms: VALID.world.time.0, envelopes: vec![envelope] };
        let applied = apply_batch(&mut state, &batch, &Strict).unwrap();
        prop_assert!(same || matches!(applied[0], crate::Applied::Invalid(_)), "{applied:?}");
    }

    #[test]
    fn a_changed_bundle_is_never_verified(changes in changes()) {
        let bytes = changed(&VALID.bundle, &changes);
        let verified = bundle::verify(&bytes, &VALID.world.genesis).is_ok();
        prop_assert_eq!(verified, bytes == VALID.bundle);
    }

    #[test]
    fn a_damaged_row_is_an_error_or_another_answer(row in any::<Index>(), changes in changes()) {
        let (table, key, value) = row.get(&VALID.rows);
        let mut state: MemoryState = VALID.world.state.clone();
        state.put(*table, key, changed(value, &changes)).unwrap();
        let batch = v1::Batch { time_ms: VALID.world.time.0, envelopes: vec![VALID.envelope.clone()] };
        let _ = apply_batch(&mut state, &batch, &Strict);
        let view = View(&state);
        let _ = (view.networks(), view.keys(KeyPurpose::Node), view.facilities(9), view.agreements(9));
        let _ = (view.policies(&network("kurume")), view.access(EntryIndex(9)), view.transfers(EntryIndex(9)));
        let _ = (crate::tree::root(&state, 3), crate::tree::consistency_proof(&state, 2, 5));
    }
}

/// A ledger with a record of every kind, and its rows.
static STORY: LazyLock<(World, Vec<(Table, Vec<u8>, Vec<u8>)>)> = LazyLock::new(|| {
    let (world, ..) = crate::golden_test::story::story();
    let rows = rows(&world);
    (world, rows)
});

fn rows(world: &World) -> Vec<(Table, Vec<u8>, Vec<u8>)> {
    let tables = Table::ALL.into_iter();
    let rows = tables.flat_map(|t| {
        let rows = world.state.scan(t, b"", b"", usize::MAX).unwrap();
        rows.into_iter().map(move |(key, value)| (t, key, value))
    });
    rows.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_row_of_any_kind_is_an_error_or_another_answer(row in any::<Index>(), changes in changes()) {
        let (world, rows) = &*STORY;
        let (table, key, value) = row.get(rows);
        let mut world = world.clone();
        world.state.put(*table, key, changed(value, &changes)).unwrap();
        let (view, time) = (View(&world.state), world.time);
        let (kurume, saga) = (network("kurume"), network("saga"));
        let patient = SubjectRef { network: kurume.clone(), subject: subject(2) };
        for index in (0..crate::tree::size(&world.state).unwrap_or(9)).map(EntryIndex) {
            let _ = (view.consent(ConsentId(index)), view.reservation(ReservationId(index)));
            let _ = (view.proxy(ProxyId(index)), view.notice(NoticeId(index)), view.seal(SealId(index)));
            let _ = (view.disaster(DisasterId(index)), view.emergency(index), view.rests_on(index));
        }
        let _ = (view.authorities(), view.disasters(9), view.reviews_due(&kurume, 9), view.is_deceased(&patient));
        let _ = (view.notices_of_purposes(&kurume), view.notices_of_joining(&kurume), view.linked(&patient, &saga));
        let _ = (view.policy_at(&kurume, time), view.agreements_of(&kurume, &saga), view.links_of(&patient, &saga));
        for (purpose, grounds) in [
            (Purpose::Treat, Grounds::Ordinary),
            (Purpose::BreakGlass, Grounds::Emergency(EmergencyReason::NoTime)),
            (Purpose::Legal, Grounds::Law(LegalBasis::ElderAbuse)),
        ] {
            let request = world.request("kurume", "4010000001", subject(2), &["kurume", "saga"]);
            let request = AccessRequest { purpose, grounds, ..request };
            let _ = crate::authorize(view, &request, time);
        }
    }
}

#[test]
fn a_record_ends_where_it_ends() {
    let (table, key, value) = VALID
        .rows
        .iter()
        .find(|(t, ..)| *t == Table::Facility)
        .unwrap();
    let mut state = VALID.world.state.clone();
    state
        .put(*table, key, [value.as_slice(), b"\0"].concat())
        .unwrap();
    let error = View(&state).facilities(9).unwrap_err().to_string();
    assert!(error.contains("1 bytes stand behind it"), "{error}");
}
