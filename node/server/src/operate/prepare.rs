//! Signing what was asked, once for each request id (P5).

use crate::NodeError;
use crate::entries::{Meant, sign};
use crate::environment::{Environment, request_id};
use crate::ledger::{Snapshot, ask};
use crate::node::Inner;
use crate::store::{Kept, StoredRequest};
use prost::Message;
use sekisho_domain::{Body, Entry, Hash, RequestId, SubjectId};
use sekisho_ledger::commitment::Opening;
use sekisho_ledger::form;
use sekisho_proto::v1;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// A request of the network's people: its id, and what tells it from another under the same id.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub id: RequestId,
    pub digest: Hash,
}

impl Asked {
    /// `request` is the message without its request id; an empty id is chosen here.
    pub fn of(
        id: &[u8],
        request: &impl Message,
        environment: &dyn Environment,
    ) -> Result<Self, NodeError> {
        let id = match id {
            [] => request_id(environment)?,
            given => RequestId::try_from(given)?,
        };
        let digest = Hash(Sha256::digest(request.encode_to_vec()).into());
        Ok(Self { id, digest })
    }
}

/// What an entry says, and what opens the commitments in it.
pub(super) struct Built {
    pub body: Body,
    /// The network's own subject it is about.
    pub about: SubjectId,
    pub openings: Vec<Opening>,
}

/// The envelope of a request: the one signed before under its id, or one built now; durable before it is given.
///
/// 1. Another question under the id is refused.
/// 2. What the ledger has under the id is given again as it stands there.
/// 3. What was signed and can still be put in order is given again.
/// 4. What was signed and can no longer be is signed again for a new window, saying the same.
pub(super) async fn prepare(
    inner: &Arc<Inner>,
    asked: Asked,
    build: impl FnOnce(&Inner, &Snapshot<'_>) -> Result<Built, NodeError> + Send + 'static,
) -> Result<(v1::Envelope, Entry), NodeError> {
    let task = Arc::clone(inner);
    ask(inner.ledger.as_ref(), move |snapshot| {
        let inner = task.as_ref();
        let stored = inner.store.request(&asked.id)?;
        if stored.as_ref().is_some_and(|s| s.asked != asked.digest) {
            return Err(NodeError::RequestIdReused);
        }
        if let Some(known) = snapshot.view().requested(&inner.network, &asked.id)? {
            let leaf = snapshot.leaf(known.index)?.filter(|_| stored.is_some());
            let leaf = leaf.ok_or(NodeError::RequestIdReused)?;
            return Ok((leaf.envelope, leaf.entry));
        }
        let now = inner.environment.now();
        let meant = Meant::of(snapshot)?;
        let signed = |body| {
            let envelope = sign(&inner.key, meant, asked.id, body, now);
            let entry = entry(&envelope)?;
            let request = StoredRequest {
                asked: asked.digest,
                envelope,
            };
            Ok::<_, NodeError>((request, entry))
        };
        let (request, entry) = match stored {
            Some(stored) => {
                let entry = entry(&stored.envelope)?;
                if now < entry.not_after {
                    return Ok((stored.envelope, entry));
                }
                let (request, entry) = signed(entry.body)?;
                inner.store.put_request_again(&asked.id, &request)?;
                (request, entry)
            }
            None => {
                let built = build(inner, snapshot)?;
                let sealed = match &built.body {
                    Body::ReservationSeal { sealed } => Some(*sealed),
                    _ => None,
                };
                let (request, entry) = signed(built.body)?;
                let kept = Kept {
                    about: &built.about,
                    openings: &built.openings,
                    sealed: sealed.as_ref(),
                };
                inner.store.put_request(&asked.id, &request, &kept)?;
                (request, entry)
            }
        };
        Ok((request.envelope, entry))
    })
    .await
}

fn entry(envelope: &v1::Envelope) -> Result<Entry, NodeError> {
    form(envelope)
        .map(|formed| formed.entry)
        .map_err(|fault| NodeError::Entry(Box::new(fault)))
}
