//! The agreement signed by all, on a copy of the state.

use super::PreviewError;
use sekisho_domain::{
    Agreement, Body, Entry, KeyId, KeyPurpose, NetworkId, Outcome, PublicKey, RequestId, TimeMs,
};
use sekisho_ledger::signature::Signature;
use sekisho_ledger::store::MemoryState;
use sekisho_ledger::{Applied, SignatureCheck, View, agreement_digest, apply_batch};
use sekisho_proto::{ENTRY_TYPE, v1};
use sha2::{Digest, Sha256};

/// Nobody signed: it is a copy of the state that nobody else sees.
struct Unsigned;

impl SignatureCheck for Unsigned {
    fn holds(&self, _: &PublicKey, _: &[u8], _: &Signature) -> bool {
        true
    }
}

/// Proposes the agreement and signs it for every party, on this copy; what is proposed or signed already stays so.
pub(super) fn all(
    state: &mut MemoryState,
    agreement: &Agreement,
    now: TimeMs,
) -> Result<(), PreviewError> {
    let digest = agreement_digest(agreement);
    let known = View(&*state).agreement(&agreement.id, agreement.version)?;
    let known = known.filter(|record| record.value.digest == digest);
    let signed = known.as_ref().map(|record| &record.value.signed);
    for (n, party) in agreement.parties.iter().enumerate() {
        if signed.is_some_and(|signed| signed.contains_key(party)) {
            continue;
        }
        let body = if n == 0 && known.is_none() {
            Body::AgreementPropose(agreement.clone())
        } else {
            Body::AgreementSign {
                id: agreement.id.clone(),
                version: agreement.version,
                digest,
            }
        };
        say(state, party, body, now)?;
    }
    Ok(())
}

/// Applies an entry as if the network's governance key had signed it.
fn say(
    state: &mut MemoryState,
    network: &NetworkId,
    body: Body,
    now: TimeMs,
) -> Result<(), PreviewError> {
    let view = View(&*state);
    let keys = view.keys(KeyPurpose::Governance)?;
    let good = |(id, key): (KeyId, sekisho_ledger::record::Key)| {
        (key.network == *network && key.revoked.is_none()).then_some(id)
    };
    let not_a_member = || PreviewError::NotAMember(network.clone());
    let author = keys.into_iter().find_map(good).ok_or_else(not_a_member)?;
    let meta = view.meta()?.ok_or_else(not_a_member)?;
    // Unlike any that stands on the ledger, and the same each time.
    let digest: [u8; 32] = Sha256::digest(format!("preview {} {network}", meta.size)).into();
    let mut request_id = [0; 16];
    request_id
        .iter_mut()
        .zip(digest)
        .for_each(|(to, from)| *to = from);
    let entry = Entry {
        ledger: meta.ledger,
        lineage: meta.lineage,
        author,
        request_id: RequestId(request_id),
        claimed_time: now,
        not_before: now,
        not_after: now.plus_ms(1),
        body,
    };
    let envelope = v1::Envelope {
        payload_type: ENTRY_TYPE.to_owned(),
        payload: prost::Message::encode_to_vec(&v1::Entry::from(&entry)),
        signatures: vec![v1::Signature {
            key_id: author.0.to_vec(),
            signature: vec![0; Signature::LEN],
        }],
    };
    let batch = v1::Batch {
        time_ms: now.0,
        envelopes: vec![envelope],
    };
    match apply_batch(state, &batch, &Unsigned)?.pop() {
        Some(Applied::Leaf {
            outcome: Outcome::Refused(reason),
            ..
        }) => Err(PreviewError::Refused {
            network: network.clone(),
            reason,
        }),
        Some(Applied::Invalid(fault)) => Err(PreviewError::NotTaken {
            network: network.clone(),
            fault,
        }),
        _ => Ok(()),
    }
}
