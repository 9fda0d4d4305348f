//! The world as a ledger and as a directory of members.

use super::world::{Availability, World};
use crate::ledger::{About, Decided, Ledger, LedgerFailure, Route, routes};
use sekisho_domain::{KeyPurpose, NetworkId, Outcome, PublicKey};
use sekisho_ledger::{AnswerFault, Applied, Statement, Strict, View};
use sekisho_proto::v1;
use sekisho_transport::{Deadline, Peer, PeerDirectory, key_id};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

impl Ledger for Arc<World> {
    async fn decide(
        &self,
        request: v1::Envelope,
        _deadline: Deadline,
    ) -> Result<Decided, LedgerFailure> {
        match self.availability() {
            Availability::Serving => {}
            Availability::NoQuorum => return Err(LedgerFailure::Unavailable("there is no quorum")),
            Availability::Silent => std::future::pending().await,
            Availability::Broken => return Err(LedgerFailure::Fault("the disk is full".into())),
        }
        match self.apply(request) {
            Applied::Leaf {
                index,
                time,
                outcome: Outcome::Decided(decisions),
                ..
            } => Ok(Decided {
                index,
                time,
                decisions,
            }),
            Applied::Leaf {
                outcome: Outcome::Refused(reason),
                ..
            } => Err(LedgerFailure::Refused(reason)),
            Applied::Leaf { outcome, .. } => unreachable!("{outcome:?} of an access request"),
            Applied::Duplicate { index } => {
                let state = self.state();
                let access = View(&*state).access(index).unwrap().unwrap();
                Ok(Decided {
                    index,
                    time: access.time,
                    decisions: access.decisions,
                })
            }
            Applied::Invalid(fault) => Err(fault.into()),
        }
    }

    async fn routes(
        &self,
        networks: BTreeSet<NetworkId>,
    ) -> Result<BTreeMap<NetworkId, Route>, LedgerFailure> {
        let state = self.state();
        let addresses = View(&*state).transport_addresses();
        let addresses = addresses.map_err(|error| LedgerFailure::Fault(Box::new(error)))?;
        Ok(routes(&addresses, &networks))
    }

    async fn verify(
        &self,
        statement: v1::Envelope,
        about: About,
    ) -> Result<Result<Statement, AnswerFault>, LedgerFailure> {
        let state = self.state();
        let verified = about.verify(View(&*state), &Strict, &statement);
        verified.map_err(|error| LedgerFailure::Fault(Box::new(error)))
    }
}

impl PeerDirectory for World {
    fn peer(&self, key: &PublicKey) -> Option<Peer> {
        let id = key_id(key);
        let state = self.state();
        let record = View(&*state).key(&id).ok()??.value;
        (record.purpose == KeyPurpose::Transport && record.revoked.is_none()).then_some(Peer {
            network: record.network,
            key: id,
        })
    }
}
