//! Asking other networks, and what comes back.

use super::{Session, failure_about_patient, failure_of};
use crate::ui::{Exit, Failure};
use sekisho_domain::{
    Decision, DomainError, EntryIndex, Footing, NetworkId, NetworkOutcome, TimeMs,
};
use sekisho_proto::{ErrorCode, v1};
use sekisho_transport::outgoing;
use std::time::Duration;
use tonic::Streaming;

/// What a query came to.
#[derive(Debug, Clone)]
pub struct Found {
    /// The access request's ledger index.
    pub index: EntryIndex,
    /// Its stamped time.
    pub time: TimeMs,
    /// The ledger's decision for each asked network.
    pub decisions: Vec<(NetworkId, Decision)>,
    /// Documents, each with the network that holds it, in the order they came.
    pub documents: Vec<(NetworkId, v1::DocumentEntry)>,
    /// What each asked network ended in.
    pub ends: Vec<FoundEnd>,
    /// How long it took.
    pub elapsed_ms: u64,
    /// The result as the node keeps it for paging, where it does.
    pub result: Option<v1::FrozenResult>,
}

/// What one asked network ended in.
#[derive(Debug, Clone)]
pub struct FoundEnd {
    /// The network.
    pub network: NetworkId,
    /// Its outcome.
    pub outcome: NetworkOutcome,
    /// What its permit stands on; none without one. Tells a drill and an emergency apart.
    pub footing: Option<Footing>,
    /// After how long.
    pub elapsed_ms: u64,
}

/// Bytes of a document that is held whole, to be shown: no readable kind is larger (`sekisho_ingest::render`).
pub const SHOWN_BYTES_MAX: u64 = sekisho_documents::FILE_BYTES_MAX;

/// What a retrieve came to.
#[derive(Debug, Clone)]
pub struct Retrieved {
    /// The access request's ledger index.
    pub index: EntryIndex,
    /// The document's attributes, if it came whole.
    pub header: Option<v1::DocumentEntry>,
    /// Its content, if it came whole and was not handed on as it came.
    pub content: Vec<u8>,
    /// What the asked network ended in.
    pub outcome: NetworkOutcome,
    /// What the permit stands on; none without one.
    pub footing: Option<Footing>,
}

pub(super) fn malformed(error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::of(
        Exit::Unverified,
        "応答を読むことが",
        "read the answer",
        error,
    )
}

pub(super) fn incomplete(what: &'static str) -> Failure {
    malformed(&DomainError::Missing(what))
}

/// The stream's next event, within the deadline and a moment for its own last words.
pub(super) async fn next<T>(
    session: &Session,
    stream: &mut Streaming<T>,
    end: tokio::time::Instant,
) -> Result<Option<T>, Failure> {
    match tokio::time::timeout_at(end, stream.message()).await {
        Ok(Ok(event)) => Ok(event),
        Ok(Err(status)) => Err(failure_about_patient(&status, &session.address)),
        Err(_) => Err(Failure::new(
            Exit::Unavailable,
            "時間内に回答がそろいませんでした",
            "the answer did not end within the deadline",
        )),
    }
}

pub(super) fn end_of(session: &Session) -> tokio::time::Instant {
    tokio::time::Instant::now() + session.timeout + Duration::from_secs(1)
}

/// Finds documents. `heard` is called with each network's end as it comes.
///
/// # Errors
/// The process cannot be reached, the ledger has no quorum, or the answer breaks its form. Networks that did
/// not answer are outcomes, not errors.
pub async fn find(
    session: &Session,
    request: v1::FindRequest,
    mut heard: impl FnMut(&FoundEnd),
) -> Result<Found, Failure> {
    use v1::find_event::Event;
    let end = end_of(session);
    let call = outgoing(request, session.deadline());
    let mut stream = session
        .operator()
        .find(call)
        .await
        .map_err(|s| failure_about_patient(&s, &session.address))?
        .into_inner();
    let mut found: Option<Found> = None;
    let mut summary = None;
    while let Some(event) = next(session, &mut stream, end).await? {
        match (event.event, found.as_mut()) {
            (Some(Event::Decided(decided)), None) => {
                let decisions = decided
                    .decisions
                    .into_iter()
                    .map(TryInto::try_into)
                    .collect::<Result<_, _>>();
                found = Some(Found {
                    index: EntryIndex(decided.index),
                    time: TimeMs(decided.time_ms),
                    decisions: decisions.map_err(|e: DomainError| malformed(&e))?,
                    documents: Vec::new(),
                    ends: Vec::new(),
                    elapsed_ms: 0,
                    result: None,
                });
            }
            (Some(Event::Documents(page)), Some(found)) => {
                let network: NetworkId = page
                    .network
                    .parse()
                    .map_err(|e: DomainError| malformed(&e))?;
                found
                    .documents
                    .extend(page.documents.into_iter().map(|d| (network.clone(), d)));
            }
            (Some(Event::End(end)), Some(found)) => {
                let end = end_in(end)?;
                heard(&end);
                found.ends.push(end);
            }
            (Some(Event::Summary(last)), Some(found)) => {
                found.elapsed_ms = last.elapsed_ms;
                found.result = last.result;
                summary = Some(last.asked as usize);
            }
            _ => return Err(incomplete("the decision, which comes first,")),
        }
    }
    match (found, summary) {
        (Some(found), Some(asked))
            if asked == found.ends.len() && asked == found.decisions.len() =>
        {
            Ok(found)
        }
        _ => Err(incomplete("one end for each asked network")),
    }
}

fn end_in(end: v1::NetworkEnd) -> Result<FoundEnd, Failure> {
    let convert = || -> Result<FoundEnd, DomainError> {
        Ok(FoundEnd {
            network: end.network.parse()?,
            outcome: end
                .outcome
                .ok_or(DomainError::Missing("the outcome"))?
                .try_into()?,
            footing: match end.footing {
                0 => None,
                number => Some(Footing::from_number(number.into())?),
            },
            elapsed_ms: end.elapsed_ms,
        })
    };
    convert().map_err(|e| malformed(&e))
}

/// A part of a document as it comes. The parts are a document only if all of it came.
#[derive(Debug)]
pub enum Coming<'a> {
    /// Its attributes, first.
    Header(&'a v1::DocumentEntry),
    /// The next piece of its content, verified to be the disclosing node's.
    Piece(&'a [u8]),
}

/// Retrieves one document and holds it, up to [`SHOWN_BYTES_MAX`].
///
/// # Errors
/// As for [`find`]; the document is larger.
pub async fn retrieve(
    session: &Session,
    request: v1::RetrieveRequest,
) -> Result<Retrieved, Failure> {
    let mut content = Vec::new();
    let hold = |coming: Coming<'_>| match coming {
        Coming::Header(entry) => check_shown(entry.size_bytes),
        Coming::Piece(piece) => {
            content.extend_from_slice(piece);
            check_shown(content.len() as u64)
        }
    };
    let mut retrieved = retrieve_into(session, request, hold).await?;
    if retrieved.header.is_some() {
        retrieved.content = content;
    }
    Ok(retrieved)
}

fn check_shown(bytes: u64) -> Result<(), Failure> {
    if bytes <= SHOWN_BYTES_MAX {
        return Ok(());
    }
    Err(Failure::usage(
        format!(
            "この文書は {bytes} バイトあり、表示できるのは {SHOWN_BYTES_MAX} バイトまでです。--raw --out FILE でファイルに保存してください（ここまでの取得も台帳に残ります）"
        ),
        format!(
            "the document has {bytes} bytes, and at most {SHOWN_BYTES_MAX} are shown; write it to a file with --raw \
             --out FILE (this retrieval stays on the ledger as well)"
        ),
    ))
}

/// Retrieves one document, handing on what comes of it. Only a document that came whole has a header in the end.
///
/// # Errors
/// As for [`find`]; `take`'s own, which ends it.
pub async fn retrieve_into(
    session: &Session,
    request: v1::RetrieveRequest,
    mut take: impl FnMut(Coming<'_>) -> Result<(), Failure>,
) -> Result<Retrieved, Failure> {
    use v1::retrieve_event::Event;
    let end = end_of(session);
    let call = outgoing(request, session.deadline());
    let mut stream = session
        .operator()
        .retrieve(call)
        .await
        .map_err(|s| failure_about_patient(&s, &session.address))?
        .into_inner();
    let (mut index, mut header, mut last) = (None, None, None);
    while let Some(event) = next(session, &mut stream, end).await? {
        match event.event {
            Some(Event::Decided(decided)) => index = Some(EntryIndex(decided.index)),
            Some(Event::Header(entry)) => {
                take(Coming::Header(&entry))?;
                header = Some(entry);
            }
            Some(Event::Chunk(chunk)) => take(Coming::Piece(&chunk))?,
            Some(Event::End(end)) => last = Some(end_in(end)?),
            None => return Err(incomplete("an event")),
        }
    }
    match (index, last) {
        (Some(index), Some(last)) => {
            // Pieces come as they are verified; only an end that says answered makes them a document.
            let whole = matches!(last.outcome, NetworkOutcome::Answered { count: 1 });
            Ok(Retrieved {
                index,
                header: header.filter(|_| whole),
                content: Vec::new(),
                outcome: last.outcome,
                footing: last.footing,
            })
        }
        _ => Err(incomplete("the decision or the end")),
    }
}

/// A page of a result that [`find`] ended with.
///
/// # Errors
/// The process cannot be reached, or keeps no such result for this practitioner any more.
pub async fn page(session: &Session, request: v1::PageRequest) -> Result<v1::PageReply, Failure> {
    let reply = session
        .operator()
        .page(outgoing(request, session.deadline()))
        .await;
    let failure = |status: &tonic::Status| match ErrorCode::of(status) {
        ErrorCode::NotFound => Failure::usage(
            "この結果はありません。一時間あまりで消え、読めるのは照会した人だけです。IDと --practitioner を確かめるか、もう一度 `sekisho query` で照会してください",
            "there is no such result: it is kept for little more than an hour, for who asked alone; check the id and \
             --practitioner, or ask again with `sekisho query`",
        ),
        _ => failure_of(status, &session.address),
    };
    Ok(reply.map_err(|status| failure(&status))?.into_inner())
}

/// The proof bundle of an access request.
///
/// # Errors
/// The process cannot be reached, knows no such access, or no majority cosigns.
pub async fn bundle(session: &Session, access: EntryIndex) -> Result<Vec<u8>, Failure> {
    let request = v1::ExportBundleRequest { access: access.0 };
    let reply = session
        .operator()
        .export_bundle(outgoing(request, session.deadline()))
        .await;
    let failed = |status: tonic::Status| match ErrorCode::of(&status) {
        ErrorCode::NotFound => Failure::usage(
            format!(
                "台帳 {access} 番は照会ではありません。`sekisho ledger log` で番号を確かめてください"
            ),
            format!(
                "ledger index {access} is not an access request; look it up in `sekisho ledger log`"
            ),
        ),
        _ => failure_of(&status, &session.address),
    };
    Ok(reply.map_err(failed)?.into_inner().bundle)
}

/// Has the node read its sources again. `heard` is called with each progress; returns the report, JSON.
///
/// # Errors
/// The process cannot be reached or a source cannot be read at all.
pub async fn ingest(
    session: &Session,
    rebuild: bool,
    mut heard: impl FnMut(&v1::IngestProgress),
) -> Result<String, Failure> {
    use v1::ingest_event::Event;
    // Reading millions of files takes as long as it takes: no deadline, but progress.
    let call = tonic::Request::new(v1::IngestRequest { rebuild });
    let mut stream = session
        .operator()
        .ingest(call)
        .await
        .map_err(|s| failure_of(&s, &session.address))?
        .into_inner();
    let mut report = None;
    while let Some(event) = stream
        .message()
        .await
        .map_err(|s| failure_of(&s, &session.address))?
    {
        match event.event {
            Some(Event::Progress(progress)) => heard(&progress),
            Some(Event::ReportJson(json)) => report = Some(json),
            None => return Err(incomplete("an event")),
        }
    }
    report.ok_or_else(|| incomplete("the report"))
}
