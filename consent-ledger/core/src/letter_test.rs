use super::*;
use crate::testing::{World, key as key_of, network};
use sekisho_domain::KeyPurpose;

fn letter(world: &World) -> SealedLetter {
    SealedLetter {
        ledger: View(&world.state).meta().unwrap().unwrap().ledger,
        request_id: RequestId([4; 16]),
        from: network("kurume"),
        to: network("saga"),
        encapsulated_key: [5; KEY_BYTES],
        sealed: vec![6; 40],
        reply_key: Some([7; KEY_BYTES]),
    }
}

#[test]
fn a_letter_is_believed_from_its_writer_to_its_reader_about_its_request() {
    let world = World::of(&["kurume", "saga"]);
    let view = View(&world.state);
    let own = key_of("kurume", KeyPurpose::Node);
    let (kurume, saga) = (network("kurume"), network("saga"));
    let (id, another) = (RequestId([4; 16]), RequestId([5; 16]));
    let right = Correspondence {
        request_id: &id,
        from: &kurume,
        to: &saga,
    };
    let written = letter(&world);
    let read = |letter: &SealedLetter, by: &SigningKey, between| {
        SealedLetter::verify(view, &letter.sign(by), between).unwrap()
    };
    assert_eq!(read(&written, &own, right).unwrap(), written);
    let foreign = key_of("saga", KeyPurpose::Node);
    assert!(matches!(
        read(&written, &foreign, right),
        Err(AnswerFault::Key { .. })
    ));
    let other = |between| read(&written, &own, between).unwrap_err().to_string();
    let cases = [
        (
            Correspondence {
                request_id: &another,
                ..right
            },
            "request",
        ),
        (
            Correspondence {
                to: &kurume,
                ..right
            },
            "reader",
        ),
    ];
    for (between, what) in cases {
        assert!(other(between).contains(what), "{what}");
    }
    let elsewhere = SealedLetter {
        ledger: LedgerId([9; 32]),
        ..written.clone()
    };
    let refused = read(&elsewhere, &own, right).unwrap_err();
    assert!(refused.to_string().contains("ledger"), "{refused}");
    // A signature is over all of it.
    let mut altered = written.sign(&own);
    *altered.payload.last_mut().unwrap() ^= 1;
    let refused = SealedLetter::verify(view, &altered, right).unwrap();
    assert!(matches!(refused, Err(AnswerFault::BadSignature(_))));
}

#[test]
fn what_both_ends_know_is_all_but_the_content() {
    let world = World::of(&["kurume", "saga"]);
    let one = letter(&world);
    let same = SealedLetter {
        encapsulated_key: [1; KEY_BYTES],
        sealed: Vec::new(),
        ..one.clone()
    };
    assert_eq!(one.header(), same.header());
    let changes: [fn(&mut SealedLetter); 5] = [
        |l| l.ledger = LedgerId([9; 32]),
        |l| l.request_id = RequestId([9; 16]),
        |l| l.from = network("yame"),
        |l| l.to = network("yame"),
        |l| l.reply_key = None,
    ];
    for change in changes {
        let mut other = one.clone();
        change(&mut other);
        assert_ne!(one.header(), other.header());
    }
}
