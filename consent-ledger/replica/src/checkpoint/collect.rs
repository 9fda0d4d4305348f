//! Collecting cosignatures from the voters.

use super::{COSIGNED_SIZE, CheckpointError, Cosigned, Voters};
use crate::ReplicaError;
use crate::config::COSIGN_TIMEOUT;
use crate::replica::{Alarm, Replica};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use sekisho_domain::{Hash, LedgerId, ReplicaId};
use sekisho_ledger::checkpoint::{Checkpoint, Quorum};
use sekisho_ledger::note::{Note, NoteKey, NoteSignature, SignatureKind};
use sekisho_ledger::record::Replica as Place;
use sekisho_ledger::{checkpoint_origin, voter_name};
use sekisho_proto::v1;
use sekisho_proto::v1::ledger_service_client::LedgerServiceClient;
use sekisho_transport::{Deadline, outgoing};
use std::time::Duration;

/// Pause before cosignatures are asked for again.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

/// Time for founders' cosignatures once enough others are there.
const FOUNDERS_PATIENCE: Duration = Duration::from_secs(1);

/// One voter's answer.
enum Answer {
    Signed(NoteSignature),
    /// It computed another root.
    Differs(Hash),
    Behind(u64),
    Nothing,
}

/// What one round of asking came to.
struct Round {
    /// A majority's note, if there is one.
    cosigned: Option<Cosigned>,
    /// Voters that computed this replica's root, this one included.
    agreed: usize,
    needed: usize,
    /// The largest tree anybody cosigned.
    largest: u64,
}

/// A majority of these.
fn quorum_of(ledger: &LedgerId, voters: &Voters) -> Result<Quorum, ReplicaError> {
    let named = voters
        .iter()
        .map(|(id, voter)| Ok((voter_name(*id, &voter.network)?, voter.checkpoint_key)));
    let named: Result<Vec<_>, ReplicaError> = named.collect();
    Ok(Quorum::majority(checkpoint_origin(ledger), &named?)?)
}

impl Replica {
    /// Asks all voters until a majority has cosigned one tree.
    pub(super) async fn collect(&self, deadline: Deadline) -> Result<Cosigned, CheckpointError> {
        let mut size = *self.store().size().borrow();
        loop {
            let round = self.round(size, deadline).await?;
            if let Some(cosigned) = round.cosigned {
                return Ok(cosigned);
            }
            let pause = RETRY_PAUSE.min(deadline.remaining());
            if pause.is_zero() {
                let (got, needed) = (round.agreed, round.needed);
                return Err(CheckpointError::Unavailable { got, needed });
            }
            if round.largest == size {
                tokio::time::sleep(pause).await;
            }
            // Whoever asks for the largest tree is refused by nobody.
            self.wait_size(round.largest, deadline).await?;
            size = round.largest.max(*self.store().size().borrow());
        }
    }

    async fn round(&self, size: u64, deadline: Deadline) -> Result<Round, CheckpointError> {
        let voters = self.voters_of(size).await?;
        let quorum = quorum_of(&self.ledger(), &voters)?;
        let needed = quorum.needed();
        let root = self.root(size).await?;
        let origin = checkpoint_origin(&self.ledger());
        let checkpoint = Checkpoint::new(origin, size, root).map_err(ReplicaError::from)?;
        let own = usize::from(voters.iter().any(|(id, _)| id.0 == self.id()));
        let others = voters.iter().filter(|(id, _)| id.0 != self.id());
        let mut answers: FuturesUnordered<_> = others
            .map(|(id, voter)| {
                let asked = self.ask(*id, voter, &checkpoint, deadline);
                async move { (id.0, asked.await) }
            })
            .collect();
        let (mut signatures, mut differ, mut largest) = (Vec::new(), Vec::new(), size);
        // Whoever has nothing but the founding file counts founders: theirs are waited for a little longer, as long
        // as a majority of them votes.
        let is_founder = |id: u64| {
            let voter = voters.iter().find(|(voter, _)| voter.0 == id);
            voter.is_some_and(|(_, voter)| voter.votes_from == Some(0))
        };
        let founded = self.genesis().replicas.len();
        let standing = voters.iter().filter(|(id, _)| is_founder(id.0)).count();
        let mut founders = usize::from(is_founder(self.id()));
        let patience = Deadline::after(FOUNDERS_PATIENCE).min(deadline);
        loop {
            let enough = own + signatures.len() >= needed;
            let more = 2 * standing > founded && 2 * founders <= founded;
            let next = match (enough, more) {
                (false, _) => answers.next().await,
                (true, true) => patience.bound(answers.next()).await.unwrap_or_default(),
                (true, false) => break,
            };
            if let Some((id, Ok(Answer::Signed(_)))) = &next {
                founders += usize::from(is_founder(*id));
            }
            match next {
                None => break,
                Some((_, Err(error))) => return Err(error),
                Some((_, Ok(Answer::Signed(signature)))) => signatures.push(signature),
                Some((id, Ok(Answer::Differs(theirs)))) => differ.push((id, theirs)),
                Some((_, Ok(Answer::Behind(last)))) => largest = largest.max(last),
                Some((_, Ok(Answer::Nothing))) => {}
            }
        }
        for &(id, theirs) in &differ {
            let same = differ.iter().filter(|(_, root)| *root == theirs).count();
            if same >= needed {
                // Poisons: a majority computed this other root.
                self.check_own(size, theirs).await?;
            }
            self.raise(Alarm {
                replica: ReplicaId(id),
                size,
                ours: root,
                theirs,
            });
        }
        let mut round = Round {
            cosigned: None,
            agreed: own + signatures.len(),
            needed,
            largest,
        };
        if round.agreed < needed {
            return Ok(round);
        }
        // Last, when enough others computed the same.
        if own > 0 {
            match self.cosign_note(size, root).await {
                Ok((_, signature)) => signatures.push(signature),
                Err(CheckpointError::Behind { last }) => {
                    round.largest = largest.max(last);
                    return Ok(round);
                }
                Err(error) => return Err(error),
            }
        }
        let note = Note::new(checkpoint.text(), signatures).map_err(ReplicaError::from)?;
        let checkpoint = quorum.verify(&note).map_err(ReplicaError::from)?;
        round.cosigned = Some(Cosigned {
            note: note.to_string(),
            checkpoint,
        });
        Ok(round)
    }

    /// Asks one voter.
    async fn ask(
        &self,
        replica: ReplicaId,
        voter: &Place,
        checkpoint: &Checkpoint,
        deadline: Deadline,
    ) -> Result<Answer, CheckpointError> {
        let Ok(channel) = self.channel(replica.0) else {
            return Ok(Answer::Nothing);
        };
        let deadline = deadline.min(Deadline::after(COSIGN_TIMEOUT));
        let request = outgoing(
            v1::CosignRequest {
                size: checkpoint.size(),
                root: checkpoint.root().0.to_vec(),
            },
            deadline,
        );
        let mut client = LedgerServiceClient::new(channel);
        let reply = match deadline.bound(client.cosign(request)).await {
            Ok(Ok(reply)) => reply.into_inner(),
            Ok(Err(status)) => {
                let last = status
                    .metadata()
                    .get(COSIGNED_SIZE)
                    .and_then(|size| size.to_str().ok()?.parse().ok());
                return Ok(last.map_or(Answer::Nothing, Answer::Behind));
            }
            Err(_) => return Ok(Answer::Nothing),
        };
        let Ok(root) = Hash::try_from(reply.root.as_slice()) else {
            return Ok(Answer::Nothing);
        };
        if root != checkpoint.root() {
            return Ok(Answer::Differs(root));
        }
        let name = voter_name(replica, &voter.network).map_err(ReplicaError::from)?;
        let key = NoteKey::new(
            name.clone(),
            SignatureKind::Cosignature,
            &voter.checkpoint_key,
        )
        .map_err(ReplicaError::from)?;
        let bytes = [reply.timestamp_s.to_be_bytes().as_slice(), &reply.signature].concat();
        let signature = NoteSignature {
            name,
            key_hash: key.hash(),
            bytes,
        };
        let holds = Note::new(checkpoint.text(), vec![signature.clone()])
            .and_then(|note| note.verify(&[key]))
            .is_ok_and(|verified| verified.len() == 1);
        if !holds {
            tracing::warn!(%replica, "a cosignature does not hold");
            return Ok(Answer::Nothing);
        }
        Ok(Answer::Signed(signature))
    }
}
