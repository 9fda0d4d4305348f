use super::*;
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse, VoteRequest, VoteResponse};

fn id(term: u64, node: u64, index: u64) -> LogId {
    LogId::new(CommittedLeaderId::new(term, node), index)
}

fn some_membership() -> Membership {
    let member = |n: u64| Member {
        network: format!("net-{n}"),
        endpoint: format!("127.0.0.1:{n}"),
    };
    let members: BTreeMap<u64, Member> = (1..=4).map(|n| (n, member(n))).collect();
    Membership::new(
        vec![BTreeSet::from([1, 2, 3]), BTreeSet::from([2, 3, 4])],
        members,
    )
}

#[test]
fn every_kind_of_entry_survives_the_wire() {
    let batch = v1::Batch {
        time_ms: 7,
        envelopes: vec![v1::Envelope {
            payload_type: "t".into(),
            payload: vec![1, 2],
            signatures: vec![],
        }],
    };
    for payload in [
        EntryPayload::Blank,
        EntryPayload::Normal(Proposal::new(v1::Batch::default())),
        EntryPayload::Normal(Proposal::new(batch)),
        EntryPayload::Membership(some_membership()),
    ] {
        let sent = Entry {
            log_id: id(3, 2, 9),
            payload,
        };
        assert_eq!(from_entry(entry(&sent)).unwrap(), sent);
    }
}

#[test]
fn every_message_survives_the_wire() {
    for vote_ in [Vote::new(4, 2), Vote::new_committed(4, 2)] {
        assert_eq!(from_vote(Some(vote(&vote_))).unwrap(), vote_);
        let request = VoteRequest::new(vote_, Some(id(3, 1, 8)));
        assert_eq!(
            from_vote_request(vote_request(&request, 3)).unwrap(),
            request
        );
        for granted in [true, false] {
            let reply = VoteResponse::new(vote_, None, granted);
            assert_eq!(from_vote_reply(vote_reply(&reply)).unwrap(), reply);
        }
    }
    for reply in [
        AppendEntriesResponse::Success,
        AppendEntriesResponse::PartialSuccess(None),
        AppendEntriesResponse::PartialSuccess(Some(id(1, 1, 1))),
        AppendEntriesResponse::Conflict,
        AppendEntriesResponse::HigherVote(Vote::new(9, 1)),
    ] {
        let text = format!("{reply:?}");
        assert_eq!(
            format!("{:?}", from_append_reply(append_reply(reply)).unwrap()),
            text
        );
    }
    let request = AppendEntriesRequest {
        vote: Vote::new_committed(2, 1),
        prev_log_id: Some(id(1, 1, 4)),
        entries: vec![Entry {
            log_id: id(2, 1, 5),
            payload: EntryPayload::Blank,
        }],
        leader_commit: Some(id(1, 1, 3)),
    };
    let text = format!("{request:?}");
    let sent = append_request(request, 77, 3);
    assert_eq!(sent.sent_time_ms, 77);
    assert_eq!(format!("{:?}", from_append_request(sent).unwrap()), text);
}

#[test]
fn what_is_missing_is_named() {
    assert_eq!(from_vote(None).unwrap_err(), WireError::Missing("the vote"));
    let no_payload = v1::RaftEntry {
        log_id: Some(v1::RaftLogId::default()),
        payload: None,
    };
    assert_eq!(
        from_entry(no_payload).unwrap_err(),
        WireError::Missing("an entry's payload")
    );
    let no_reply = v1::AppendEntriesReply { reply: None };
    assert!(from_append_reply(no_reply).is_err());
}

#[test]
fn a_proposal_is_traced_without_its_contents() {
    let envelope = v1::Envelope {
        payload_type: "secret".into(),
        payload: b"secret".to_vec(),
        signatures: vec![],
    };
    let text = format!(
        "{:?}",
        Proposal::new(v1::Batch {
            time_ms: 5,
            envelopes: vec![envelope]
        })
    );
    assert_eq!(text, "Batch(1 entries at 5)");
}
