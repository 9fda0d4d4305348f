//! One lying voter, of any kind, is never believed.

use super::*;
use crate::testing::World;
use crate::{View, ledger_id};
use proptest::prelude::*;
use sekisho_domain::{EntryIndex, Hash};

/// Truthful voters of three networks over one ledger, and what they are asked.
struct Scene {
    world: World,
    ask: Ask,
}

fn key(n: u64) -> SigningKey {
    SigningKey::from_secret(&[n as u8; 32])
}

fn voter(n: u64) -> Voter {
    Voter {
        replica: ReplicaId(n),
        network: format!("net-{n}").parse().unwrap(),
        key: key(n).public_key(),
    }
}

fn scan(table: Table, max: u32) -> Question {
    Question {
        table,
        key: Vec::new(),
        scan: Some((Vec::new(), max)),
    }
}

fn get(table: Table, key: &[u8]) -> Question {
    Question {
        table,
        key: key.to_vec(),
        scan: None,
    }
}

impl Scene {
    fn new() -> Self {
        let mut world = World::of(&["alpha", "beta"]);
        world.grow(3);
        let ask = Ask {
            nonce: [7; NONCE_BYTES],
            min_size: 0,
            questions: vec![
                scan(Table::Network, 64),
                get(Table::Network, b"alpha"),
                get(Table::Network, b"nobody"),
                get(Table::Leaf, &record::index_key(EntryIndex(0))),
                scan(Table::Facility, 64),
            ],
        };
        Self { world, ask }
    }

    fn ledger(&self) -> LedgerId {
        ledger_id(&self.world.genesis)
    }

    fn reply(&self, n: u64, ask: &Ask) -> v1::StateReply {
        let said = attest(&self.world.state, &self.ledger(), ask, &key(n));
        said.unwrap().unwrap()
    }

    fn check(&self, n: u64, reply: v1::StateReply) -> Result<Attested, SaidFault> {
        Attested::check(reply, &self.ask, &self.ledger(), &voter(n))
    }

    fn truth(&self, n: u64) -> Attested {
        self.check(n, self.reply(n, &self.ask)).unwrap()
    }

    /// Signs altered rows anew, as a voter that lies does.
    fn sign(&self, n: u64, mut reply: v1::StateReply) -> v1::StateReply {
        let rows = |a: &v1::StateAnswer| {
            let rows = a.rows.iter().map(|r| (r.key.clone(), r.value.clone()));
            rows.collect::<Vec<Row>>()
        };
        let answers: Vec<_> = reply.answers.iter().map(rows).collect();
        let message = message(&self.ledger(), &self.ask, &reply.meta, &answers);
        reply.signature = key(n).sign(&message).0.to_vec();
        reply
    }

    fn with_meta(&self, n: u64, change: impl FnOnce(&mut Meta)) -> v1::StateReply {
        let mut reply = self.reply(n, &self.ask);
        let mut meta = View(&self.world.state).meta().unwrap().unwrap();
        change(&mut meta);
        reply.meta = meta_row(&meta).unwrap().1;
        self.sign(n, reply)
    }
}

impl World {
    /// Puts a few entries in order.
    fn grow(&mut self, times: u32) {
        for _ in 0..times {
            let n = View(&self.state).meta().unwrap().unwrap().size;
            self.accept(
                "alpha",
                sekisho_domain::Body::FacilityRegister {
                    facility: format!("411{n:07}").parse().unwrap(),
                    kind: sekisho_domain::FacilityKind::Clinic,
                    name: format!("clinic {n}"),
                    municipality: None,
                },
            );
        }
    }
}

#[test]
fn two_truthful_voters_agree_on_the_rows_of_the_state() {
    let scene = Scene::new();
    let agreed = agree(&scene.truth(1), &scene.truth(2)).unwrap();
    assert_eq!(agreed.by, [ReplicaId(1), ReplicaId(2)]);
    let meta = View(&scene.world.state).meta().unwrap().unwrap();
    assert_eq!(agreed.meta, meta);
    let counts: Vec<_> = agreed.answers.iter().map(Vec::len).collect();
    assert_eq!(counts, [2, 1, 0, 1, 3]);
    let leaf = scene
        .world
        .state
        .get(Table::Leaf, &record::index_key(EntryIndex(0)));
    assert_eq!(agreed.answers[3][0].1, leaf.unwrap().unwrap());
}

#[test]
fn what_is_not_that_voters_word_to_this_request_is_nothing() {
    let scene = Scene::new();
    let honest = || scene.reply(1, &scene.ask);
    assert!(scene.check(1, honest()).is_ok());
    let signature = |fault: Result<Attested, SaidFault>, case: &str| {
        assert!(
            matches!(fault, Err(SaidFault::Signature(_))),
            "{case}: {fault:?}"
        );
    };
    signature(scene.check(2, honest()), "another voter's");
    let other = |change: fn(&mut Ask)| {
        let mut ask = scene.ask.clone();
        change(&mut ask);
        scene.check(1, scene.reply(1, &ask))
    };
    signature(other(|ask| ask.nonce[0] ^= 1), "of another request");
    signature(
        other(|ask| ask.questions.swap(1, 2)),
        "questions in another order",
    );
    signature(
        other(|ask| ask.questions[1].key.push(b'x')),
        "another key's row",
    );
    signature(
        other(|ask| ask.questions[0].table = Table::Facility),
        "another table's",
    );
    signature(
        other(|ask| ask.questions[0].scan = None),
        "a row instead of rows",
    );
    signature(
        other(|ask| ask.questions[0].scan = Some((vec![], 1))),
        "fewer rows",
    );
    let ledger = LedgerId([9; 32]);
    let said = attest(&scene.world.state, &ledger, &scene.ask, &key(1));
    signature(
        scene.check(1, said.unwrap().unwrap()),
        "signed for another ledger",
    );
    let altered = |change: fn(&mut v1::StateReply)| {
        let mut reply = honest();
        change(&mut reply);
        scene.check(1, reply)
    };
    signature(
        altered(|r| r.answers[3].rows[0].value[0] ^= 1),
        "a changed row",
    );
    signature(altered(|r| r.answers[0].rows.clear()), "omitted rows");
    signature(altered(|r| r.meta[1] ^= 1), "another size");
    signature(altered(|r| r.signature.clear()), "no signature");
    // Rows that move from one answer to the next are other rows.
    signature(
        altered(|r| {
            let row = r.answers[1].rows.remove(0);
            r.answers[2].rows.push(row);
        }),
        "moved",
    );
}

#[test]
fn what_cannot_be_an_answer_is_refused_even_if_it_is_signed() {
    let scene = Scene::new();
    let lie = |change: fn(&mut v1::StateReply)| {
        let mut reply = scene.reply(1, &scene.ask);
        change(&mut reply);
        scene.check(1, scene.sign(1, reply)).unwrap_err()
    };
    assert_eq!(
        lie(|r| drop(r.answers.pop())),
        SaidFault::Answers { got: 4, asked: 5 }
    );
    assert_eq!(lie(|r| r.answers[0].rows.swap(0, 1)), SaidFault::Rows(0));
    assert_eq!(
        lie(|r| r.answers[1].rows[0].key = b"beta".to_vec()),
        SaidFault::Rows(1)
    );
    assert_eq!(
        lie(|r| {
            let row = r.answers[1].rows[0].clone();
            r.answers[1].rows.push(row);
        }),
        SaidFault::Rows(1)
    );
    assert!(matches!(lie(|r| r.meta.clear()), SaidFault::Meta(_)));
    let other = scene.with_meta(1, |meta| meta.ledger = LedgerId([9; 32]));
    assert_eq!(
        scene.check(1, other),
        Err(SaidFault::OtherLedger(LedgerId([9; 32])))
    );
    let early = Ask {
        min_size: 9,
        ..scene.ask.clone()
    };
    let early = Attested::check(scene.reply(1, &early), &early, &scene.ledger(), &voter(1));
    assert_eq!(early, Err(SaidFault::TooEarly { got: 5, asked: 9 }));
}

#[test]
fn one_voter_twice_is_one_voter() {
    let scene = Scene::new();
    let truth = scene.truth(1);
    assert_eq!(agree(&truth, &truth), Err(Differs::NotTwo));
    let as_voter = |by: Voter, n| {
        let reply = scene.reply(n, &scene.ask);
        Attested::check(reply, &scene.ask, &scene.ledger(), &by).unwrap()
    };
    let mut sibling = voter(2);
    sibling.network = voter(1).network;
    assert_eq!(
        agree(&truth, &as_voter(sibling, 2)),
        Err(Differs::NotTwo),
        "one network"
    );
    let mut again = voter(2);
    again.key = voter(1).key;
    assert_eq!(
        agree(&truth, &as_voter(again, 1)),
        Err(Differs::NotTwo),
        "one key"
    );
    let mut again = voter(2);
    again.replica = voter(1).replica;
    assert_eq!(
        agree(&truth, &as_voter(again, 2)),
        Err(Differs::NotTwo),
        "one replica"
    );
}

#[test]
fn voters_that_are_not_equally_far_agree_on_what_did_not_change() {
    let mut scene = Scene::new();
    scene.ask.questions.truncate(4);
    let before = scene.truth(1);
    scene.world.grow(1);
    let after = scene.truth(2);
    for (a, b) in [(&before, &after), (&after, &before)] {
        let agreed = agree(a, b).unwrap();
        assert_eq!((agreed.meta.size, agreed.meta.time), (5, before.meta.time));
        assert_eq!(agreed.meta.digest, Hash([0; 32]), "one voter's digest");
    }
    let mut scene = Scene::new();
    let before = scene.truth(1);
    scene.world.grow(1);
    let apart = settle(&[before.clone(), scene.truth(2)]).unwrap_err();
    assert_eq!((apart.ask_from, apart.contradict.len()), (Some(6), 0));
    scene.world.grow(1);
    let apart = settle(&[before, scene.with_far_facility(3), scene.truth(2)]).unwrap_err();
    assert_eq!(apart.ask_from, Some(7), "as far as two say they are");
}

impl Scene {
    /// A voter that claims to be much farther, and has another facility there.
    fn with_far_facility(&self, n: u64) -> Attested {
        let mut meta = View(&self.world.state).meta().unwrap().unwrap();
        meta.size = u64::MAX;
        let mut reply = self.reply(n, &self.ask);
        reply.meta = meta_row(&meta).unwrap().1;
        reply.answers[4].rows.pop();
        self.check(n, self.sign(n, reply)).unwrap()
    }
}

#[test]
fn a_third_voter_tells_which_of_two_is_wrong() {
    let scene = Scene::new();
    let mut lie = scene.reply(3, &scene.ask);
    lie.answers[1].rows.clear();
    let lie = scene.check(3, scene.sign(3, lie)).unwrap();
    let apart = settle(&[scene.truth(1), lie.clone()]).unwrap_err();
    assert_eq!(apart.contradict, [[ReplicaId(1), ReplicaId(3)]]);
    assert_eq!(apart.ask_from, None, "asking again would not help");
    for said in [
        [scene.truth(1), lie.clone(), scene.truth(2)],
        [lie.clone(), scene.truth(1), scene.truth(2)],
    ] {
        let (agreed, against) = settle(&said).unwrap();
        assert_eq!(agreed.answers, scene.truth(1).answers);
        assert_eq!(against, [ReplicaId(3)]);
    }
    let digest = scene.with_meta(3, |meta| meta.digest = Hash([3; 32]));
    let digest = scene.check(3, digest).unwrap();
    assert_eq!(
        agree(&scene.truth(1), &digest),
        Err(Differs::Contradict),
        "another state"
    );
}

#[test]
fn a_request_is_bounded_before_it_is_answered() {
    let scene = Scene::new();
    let wire = |change: fn(&mut v1::StateRequest)| {
        let mut wire = v1::StateRequest::from(&scene.ask);
        change(&mut wire);
        Ask::try_from(wire)
    };
    assert_eq!(wire(|_| {}).unwrap(), scene.ask);
    assert_eq!(wire(|w| w.nonce.push(0)), Err(AskFault::Nonce(17)));
    assert_eq!(wire(|w| w.questions[0].table = 0), Err(AskFault::Table(0)));
    assert_eq!(
        wire(|w| w.questions[0].table = 999),
        Err(AskFault::Table(999))
    );
    assert_eq!(
        wire(|w| w.questions[0].key = vec![0; 1_025]),
        Err(AskFault::Key(1_025))
    );
    let many = wire(|w| w.questions = vec![w.questions[0].clone(); QUESTIONS_MAX + 1]);
    assert_eq!(many, Err(AskFault::Questions(QUESTIONS_MAX + 1)));
    // The same leaf many times over is more than a reply carries.
    let mut ask = scene.ask.clone();
    ask.questions = vec![scan(Table::Leaf, u32::MAX); QUESTIONS_MAX];
    let leaf = scene.reply(
        1,
        &Ask {
            questions: vec![scan(Table::Leaf, 9)],
            ..ask.clone()
        },
    );
    let bytes: usize = leaf.answers[0].rows.iter().map(|r| r.value.len()).sum();
    let said = attest(&scene.world.state, &scene.ledger(), &ask, &key(1)).unwrap();
    assert_eq!(said.is_err(), bytes * QUESTIONS_MAX > REPLY_BYTES_MAX);
    // Many rows are read a few at a time, and none is lost between.
    let mut scene = scene;
    scene.world.grow(200);
    scene.ask.questions = vec![scan(Table::Leaf, 150), scan(Table::Facility, u32::MAX)];
    let counts: Vec<_> = scene.truth(1).answers.iter().map(Vec::len).collect();
    assert_eq!(counts, [150, 203]);
}

/// What is signed never changes by accident: other machines check it.
#[test]
fn what_is_signed_is_as_the_specification_draws_it() {
    let ask = Ask {
        nonce: [7; NONCE_BYTES],
        min_size: 3,
        questions: vec![get(Table::Leaf, b"k"), scan(Table::Facility, 2)],
    };
    let answers = [vec![(b"k".to_vec(), b"v".to_vec())], Vec::new()];
    let n = |n: u64| n.to_be_bytes().to_vec();
    let text = |t: &[u8]| [n(t.len() as u64), t.to_vec()].concat();
    let asked = [
        [n(2), n(15), text(b"k"), n(0)].concat(),
        [n(3), text(b""), n(1), text(b""), n(2)].concat(),
    ];
    let said = [text(b"meta"), n(2), n(1), text(b"k"), text(b"v"), n(0)];
    let expected = [
        b"sekisho/state/v1\n".as_slice(),
        &[9; 32],
        &[7; 16],
        &Sha256::digest(asked.concat()),
        &Sha256::digest(said.concat()),
    ];
    let signed = message(&LedgerId([9; 32]), &ask, b"meta", &answers);
    assert_eq!(signed, expected.concat());
}

proptest! {
    /// Whatever one voter says of this ledger and signs, two agree on the truth only, and on no more leaves and no
    /// later time than there are.
    #[test]
    fn a_lie_is_never_agreed_on(
        size in 0..9_u64,
        time in any::<i8>(),
        lineage in 1..3_u64,
        digest in any::<bool>(),
        edits in proptest::collection::vec((0..5_usize, 0..4_usize, 0..3_u8, any::<u8>()), 0..4),
        liar_first in any::<bool>(),
    ) {
        let scene = Scene::new();
        let mut reply = scene.with_meta(3, |meta| {
            meta.size = size;
            meta.time.0 = meta.time.0.saturating_add_signed(time.into());
            meta.lineage = lineage;
            if digest {
                meta.digest = Hash([1; 32]);
            }
        });
        for (answer, row, what, byte) in edits {
            let rows = &mut reply.answers[answer].rows;
            match (what, rows.get_mut(row)) {
                (0, Some(row)) => row.value.push(byte),
                (1, Some(_)) => drop(rows.remove(row)),
                (_, Some(row)) => row.key.push(byte),
                (_, None) => rows.push(v1::StateRow { key: vec![byte], value: vec![byte] }),
            }
        }
        let truth = scene.truth(1);
        if let Ok(lie) = scene.check(3, scene.sign(3, reply)) {
            let said = if liar_first { [lie, truth.clone()] } else { [truth.clone(), lie] };
            if let Ok((agreed, against)) = settle(&said) {
                prop_assert_eq!(agreed.answers, truth.answers);
                prop_assert!(agreed.meta.size <= truth.meta.size);
                prop_assert!(agreed.meta.time <= truth.meta.time);
                prop_assert_eq!(agreed.meta.lineage, truth.meta.lineage);
                prop_assert!(against.is_empty());
            }
            let [a, b] = said;
            let (agreed, _) = settle(&[a, b, scene.truth(2)]).unwrap();
            prop_assert_eq!(agreed.answers, scene.truth(2).answers);
        }
    }
}
