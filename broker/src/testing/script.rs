//! What a misbehaving node does, step by step.

use prost::Message as _;
use sekisho_domain::{EntryIndex, Hash, LedgerId, NetworkId, NetworkOutcome, RequestId};
use sekisho_ledger::sealed::{ChunkTags, SealedDocument, TAG_BYTES};
use sekisho_ledger::signature::SigningKey;
use sekisho_ledger::{AnswerHash, Statement};
use sekisho_proto::{LETTER_TYPE, SEALING_KEY_TYPE, v1};
use sha2::{Digest, Sha256};
use tonic::{Code, Status};

/// How a node behaves, the same for lists and documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conduct {
    /// It answers as it should, with documents.
    Answers,
    /// The same, after a quarter of a second in which nothing comes.
    AnswersSlowly,
    /// The same, with twelve documents on as many pages.
    AnswersAtLength,
    /// It says, signed, that it knows no such patient.
    PatientUnknown,
    /// It says that its replica is behind.
    Stale,
    /// It says that its network has suspended answering.
    Suspended,
    /// It ends the call with this status at once.
    Refuses(Code),
    /// It never answers.
    Hangs,
    /// It begins, and never goes on.
    HangsMidway,
    /// All but the end of the stream comes.
    NeverEnds,
    /// It sends a little, again and again, without an end.
    Trickles,
    /// It sends without an end as fast as it can.
    Floods,
    /// It answers properly, after the deadline it was told.
    AnswersLate,
    /// It begins, and ends the call with this status.
    FailsMidway(Code),
    /// It begins, and the connection breaks.
    Breaks,
    /// It takes the question, and the connection breaks.
    BreaksAtOnce,
    /// It sends bytes that are no such message.
    Garbles,
    /// It sends an event of no kind.
    SendsNothing,
    /// It ends without a statement.
    NoStatement,
    /// It goes on after its statement.
    AfterStatement,
    /// Its statement has another hash.
    WrongHash,
    /// Its statement has another count.
    WrongCount,
    /// It says that it knows no such patient, after a document.
    UnknownAfterDocuments,
    /// Another member's node key signed its statement.
    OtherSigner,
    /// It passes on another network's statement.
    OtherNetwork,
    /// Its statement is about another request.
    OtherRequest,
    /// Its statement is about another index.
    OtherIndex,
    /// Its statement is about another ledger.
    OtherLedger,
    /// Its statement was altered after it was signed.
    Altered,
    /// It signs an outcome that no node signs.
    SignsStale,
    /// An entry of no category.
    BadCategory,
    /// An entry of no facility.
    BadFacility,
    /// More documents than were asked for; of a document, more content than its header says.
    TooMuch,
}

/// One thing a node does.
#[derive(Clone, Debug)]
pub(super) enum Step<E> {
    Send(E),
    /// Sends it again and again, as fast as it is taken, or every so often.
    Forever(E, Option<std::time::Duration>),
    Hang,
    UntilLate,
    Pause(std::time::Duration),
    Fail(Status),
    Break,
}

/// The question, as a node got it, and who it is.
pub(super) struct Asked<'a> {
    pub network: &'a NetworkId,
    pub key: &'a SigningKey,
    /// Another member, whose name or key it may use.
    pub other: (&'a NetworkId, &'a SigningKey),
    pub ledger: LedgerId,
    pub access: u64,
    pub request_id: RequestId,
}

/// An invented document's content: three chunks' worth.
pub fn content(unique_id: &str) -> Vec<u8> {
    unique_id.as_bytes().repeat(3)
}

/// The same sealed, as far as somebody can tell who cannot open it: as many bytes and a tag.
pub fn sealed(unique_id: &str) -> Vec<u8> {
    [content(unique_id), vec![0x5e; TAG_BYTES]].concat()
}

/// The entry of an invented document.
pub fn entry(unique_id: &str) -> v1::DocumentEntry {
    let content = content(unique_id);
    v1::DocumentEntry {
        unique_id: unique_id.to_owned(),
        facility: "4110000001".to_owned(),
        category: v1::Category::LabResult.into(),
        mime_type: "x-application/hl7-v2+er7".to_owned(),
        language_code: "ja-JP".to_owned(),
        creation_time_ms: 1_700_000_000_000,
        hash: Sha256::digest(&content).to_vec(),
        size_bytes: content.len() as u64,
        title_ja: "検体検査結果".to_owned(),
        title_en: "laboratory result".to_owned(),
        ..Default::default()
    }
}

const SLOWLY: std::time::Duration = std::time::Duration::from_millis(250);
const TRICKLE: std::time::Duration = std::time::Duration::from_millis(10);

impl Conduct {
    /// What happens before the first event of the answer.
    pub(super) fn before(self) -> Result<bool, Status> {
        match self {
            Self::Stale => Err(crate::stale()),
            Self::Suspended => Err(crate::suspended()),
            Self::Refuses(code) => Err(Status::new(code, "as told")),
            Self::Hangs => Ok(false),
            _ => Ok(true),
        }
    }

    /// The answer to a question for a list: three documents on two pages, where it is a proper one.
    pub(super) fn find(self, asked: &Asked<'_>, max: u32) -> Vec<Step<v1::AnswerFindEvent>> {
        let name = asked.network;
        let mut pages: Vec<Vec<_>> = vec![
            vec![entry(&format!("{name}-1")), entry(&format!("{name}-2"))],
            vec![entry(&format!("{name}-3"))],
        ];
        match self {
            Self::PatientUnknown => pages.clear(),
            Self::AnswersAtLength => {
                let page = |n: usize| vec![entry(&format!("{name}-{n:02}"))];
                pages = (1..=12).map(page).collect();
            }
            Self::BadCategory => pages[0][0].category = 99,
            Self::BadFacility => pages[0][0].facility = "西病棟".to_owned(),
            Self::TooMuch => pages = vec![vec![entry("1"); 500]; max as usize / 500 + 1],
            _ => {}
        }
        let encoded =
            |page: &Vec<v1::DocumentEntry>| page.iter().map(|e| e.encode_to_vec()).collect();
        let pages: Vec<Vec<_>> = pages.iter().map(encoded).collect();
        let mut hash = AnswerHash::default();
        pages.iter().flatten().for_each(|entry| hash.entry(entry));
        let count = pages.iter().flatten().count() as u64;
        let page = |documents: Vec<_>| v1::AnswerFindEvent {
            event: Some(v1::answer_find_event::Event::Page(v1::DocumentPage {
                documents,
            })),
        };
        let statement = v1::AnswerFindEvent {
            event: Some(v1::answer_find_event::Event::Statement(self.statement(
                asked,
                count,
                hash.finish(),
            ))),
        };
        let pages = pages.into_iter().map(page).collect();
        self.steps(
            pages,
            page(vec![entry("more").encode_to_vec()]),
            statement,
            v1::AnswerFindEvent { event: None },
        )
    }

    /// The answer to a question for a document: header and four pieces, where it is a proper one.
    pub(super) fn retrieve(
        self,
        asked: &Asked<'_>,
        id: &str,
    ) -> Vec<Step<v1::AnswerRetrieveEvent>> {
        use v1::answer_retrieve_event::Event;
        let event = |event| v1::AnswerRetrieveEvent { event: Some(event) };
        let mut header = entry(id);
        match self {
            Self::BadCategory => header.category = 99,
            Self::BadFacility => header.facility = "西病棟".to_owned(),
            // Its trickle stays within what it promised.
            Self::Trickles => header.size_bytes = 1024 * 1024,
            _ => {}
        }
        let chunk = || event(Event::Chunk(id.as_bytes().to_vec()));
        let header = SealedDocument {
            ledger: asked.ledger,
            access: EntryIndex(asked.access),
            request_id: asked.request_id,
            network: asked.network.clone(),
            document: header,
            encapsulated_key: [7; 32],
            from_chunk: 0,
        };
        let header = header.sign(asked.key);
        let mut hash = AnswerHash::default();
        let (count, parts) = match self {
            Self::PatientUnknown => (0, Vec::new()),
            _ => {
                let pieces = [
                    id.as_bytes(),
                    id.as_bytes(),
                    id.as_bytes(),
                    &[0x5e; TAG_BYTES],
                ];
                let mut tags = ChunkTags::default();
                pieces.iter().for_each(|piece| tags.chunk(piece));
                hash.sealed(&header.payload, &tags.finish());
                let mut parts = vec![event(Event::Sealed(header)), chunk(), chunk(), chunk()];
                parts.push(event(Event::Chunk(vec![0x5e; TAG_BYTES])));
                parts.extend((self == Self::TooMuch).then(chunk));
                (1, parts)
            }
        };
        let statement = event(Event::Statement(self.statement(
            asked,
            count,
            hash.finish(),
        )));
        self.steps(
            parts,
            chunk(),
            statement,
            v1::AnswerRetrieveEvent { event: None },
        )
    }

    /// The reply to a question about a search: a key, or to a letter another; as far as a broker can tell.
    pub(super) fn patients(
        self,
        letter: Option<v1::Envelope>,
    ) -> Vec<Step<v1::AnswerPatientsEvent>> {
        let payload_type = match letter {
            Some(_) => LETTER_TYPE,
            None => SEALING_KEY_TYPE,
        };
        let mut reply = v1::Envelope {
            payload_type: payload_type.to_owned(),
            payload: vec![0x5e; 2_100],
            ..Default::default()
        };
        match self {
            Self::TooMuch => reply.payload.resize(8_000, 0),
            Self::OtherRequest => reply.payload_type = "text/plain".to_owned(),
            _ => {}
        }
        let event = |reply| v1::AnswerPatientsEvent { reply };
        let reply = event(Some(reply));
        match self {
            Self::SendsNothing => vec![Step::Send(event(None))],
            Self::Trickles => vec![Step::Forever(reply, Some(TRICKLE))],
            Self::Floods => vec![Step::Forever(reply, None)],
            conduct => conduct.steps(Vec::new(), reply.clone(), reply, event(None)),
        }
    }

    fn steps<E: Clone>(self, parts: Vec<E>, more: E, statement: E, none: E) -> Vec<Step<E>> {
        let sent = parts.iter().cloned().map(Step::Send);
        let first = sent.clone().take(1);
        let whole = sent.clone().chain([Step::Send(statement.clone())]);
        match self {
            Self::HangsMidway => first.chain([Step::Hang]).collect(),
            Self::NeverEnds => whole.chain([Step::Hang]).collect(),
            Self::Trickles => first.chain([Step::Forever(more, Some(TRICKLE))]).collect(),
            Self::Floods => first.chain([Step::Forever(more, None)]).collect(),
            Self::AnswersSlowly => [Step::Pause(SLOWLY)].into_iter().chain(whole).collect(),
            Self::AnswersLate => [Step::UntilLate].into_iter().chain(whole).collect(),
            Self::FailsMidway(code) => first
                .chain([Step::Fail(Status::new(code, "as told"))])
                .collect(),
            Self::Breaks => first.chain([Step::Break]).collect(),
            Self::BreaksAtOnce => vec![Step::Break],
            Self::NoStatement => sent.collect(),
            Self::SendsNothing => first.chain([Step::Send(none)]).collect(),
            Self::AfterStatement => whole.chain([Step::Send(more)]).collect(),
            _ => whole.collect(),
        }
    }

    fn statement(self, asked: &Asked<'_>, count: u64, answer_hash: Hash) -> v1::Envelope {
        let mut statement = Statement {
            ledger: asked.ledger,
            access: EntryIndex(asked.access),
            request_id: asked.request_id,
            network: asked.network.clone(),
            outcome: NetworkOutcome::Answered { count },
            answer_hash,
        };
        let mut key = asked.key;
        match self {
            Self::PatientUnknown | Self::UnknownAfterDocuments => {
                statement.outcome = NetworkOutcome::PatientUnknown;
            }
            Self::WrongHash => statement.answer_hash.0[0] ^= 1,
            Self::WrongCount => statement.outcome = NetworkOutcome::Answered { count: count + 1 },
            Self::OtherSigner => key = asked.other.1,
            Self::OtherNetwork => {
                statement.network = asked.other.0.clone();
                key = asked.other.1;
            }
            Self::OtherRequest => statement.request_id.0[0] ^= 1,
            Self::OtherIndex => statement.access.0 += 1,
            Self::OtherLedger => statement.ledger.0[0] ^= 1,
            Self::SignsStale => statement.outcome = NetworkOutcome::Stale,
            _ => {}
        }
        let mut envelope = statement.sign(key);
        if self == Self::Altered {
            envelope.payload.extend([0xa0, 0x06, 1]);
        }
        envelope
    }
}
