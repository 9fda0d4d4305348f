use super::*;
use crate::accounts::Accounts;

fn answer(time: u64, text: &str) -> Answer {
    Answer {
        time: TimeMs(time),
        account: "officer".into(),
        text: text.into(),
    }
}

fn numbers(all: Vec<(u64, Question)>) -> Vec<u64> {
    all.into_iter().map(|(number, _)| number).collect()
}

#[test]
fn questions_wait_are_answered_and_corrected_and_nothing_said_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let accounts = Accounts::open(&dir.path().join("portal.redb")).unwrap();
    for (about, account) in [(42, "p"), (43, "q"), (44, "p"), (45, "pp")] {
        let question = Question {
            time: TimeMs(about),
            account: account.into(),
            about,
            chart: None,
            text: "なぜ？".into(),
            answers: Vec::new(),
            seen: None,
        };
        accounts.ask(&question).unwrap();
    }
    assert_eq!(numbers(accounts.unanswered(0, 9).unwrap()), [1, 2, 3, 4]);
    assert_eq!(numbers(accounts.unanswered(2, 2).unwrap()), [2, 3]);
    assert_eq!(numbers(accounts.questions_of("p", 9).unwrap()), [3, 1]);
    assert_eq!(numbers(accounts.questions_of("p", 1).unwrap()), [3]);
    assert!(accounts.questions_of("", 9).unwrap().is_empty());

    assert!(accounts.answer(1, 0, answer(100, "wrong")).unwrap());
    assert!(accounts.answer(3, 0, answer(100, "right")).unwrap());
    // Two officers at once: the second reads first what the other wrote.
    assert!(!accounts.answer(1, 0, answer(101, "late")).unwrap());
    assert!(matches!(
        accounts.answer(9, 0, answer(100, "")),
        Err(AccountsFault::Absent)
    ));
    assert_eq!(accounts.open_questions().unwrap(), 2);
    assert_eq!(numbers(accounts.unanswered(0, 9).unwrap()), [2, 4]);
    assert_eq!(numbers(accounts.answered(u64::MAX, 9).unwrap()), [3, 1]);
    assert_eq!(numbers(accounts.answered(3, 9).unwrap()), [1]);
    assert_eq!(numbers(accounts.answered(u64::MAX, 1).unwrap()), [3]);

    let news = |number| accounts.question(number).unwrap().unwrap().is_news();
    assert!(news(1) && !news(2));
    accounts.see_answer(1, TimeMs(100)).unwrap();
    assert!(!news(1));
    assert!(accounts.answer(1, 1, answer(200, "corrected")).unwrap());
    assert!(news(1), "a correction is news again");
    // Seen late, on a page that was made before the correction.
    accounts.see_answer(1, TimeMs(100)).unwrap();
    assert!(news(1));
    let question = accounts.question(1).unwrap().unwrap();
    assert_eq!(
        question.answers,
        [answer(100, "wrong"), answer(200, "corrected")]
    );
    for known in 2..Question::ANSWERS_MAX {
        assert!(accounts.answer(1, known, answer(300, "")).unwrap());
    }
    let full = accounts.answer(1, Question::ANSWERS_MAX, answer(300, ""));
    assert!(!full.unwrap());
}
