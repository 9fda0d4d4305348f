//! What several pages ask the ledger for: names, and that something be recorded.

use crate::fault::Fault;
use crate::state::Portal;
use sekisho_domain::{FacilityId, Outcome, TimeMs};
use sekisho_proto::v1;
use sekisho_transport::Deadline;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Time for a record to be put in order.
const RECORD_TIMEOUT: Duration = Duration::from_secs(10);

/// The names of facilities, as they registered; one that is not on the ledger goes by its code.
pub(crate) async fn facilities(
    portal: &Portal,
    codes: impl IntoIterator<Item = String>,
) -> Result<BTreeMap<String, String>, Fault> {
    let codes: BTreeSet<String> = codes.into_iter().collect();
    let names = portal.ask(move |snapshot| {
        let view = snapshot.view();
        let mut names = BTreeMap::new();
        for code in codes {
            let known = match code.parse::<FacilityId>() {
                Ok(id) => view.facility(&id)?,
                Err(_) => None,
            };
            let name = known.map_or_else(|| code.clone(), |facility| facility.value.name);
            names.insert(code, name);
        }
        Ok(names)
    });
    Ok(names.await?)
}

/// The members' names.
pub(crate) async fn networks(portal: &Portal) -> Result<BTreeMap<String, String>, Fault> {
    let names = portal.ask(|snapshot| {
        let networks = snapshot.view().networks()?;
        Ok(networks
            .into_iter()
            .map(|(id, network)| (id.to_string(), network.name))
            .collect())
    });
    Ok(names.await?)
}

/// What became of a record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recorded {
    /// Its ledger index.
    pub index: u64,
    /// Its time.
    pub time: TimeMs,
    /// Why it was refused, in Japanese and English, if it was.
    pub refused: Option<(&'static str, &'static str)>,
}

/// Has the node record something.
pub(crate) async fn record(
    portal: &Portal,
    record: v1::record_request::Record,
) -> Result<Recorded, Fault> {
    let mut request_id = vec![0; 16];
    getrandom::fill(&mut request_id).map_err(|_| Fault::Stopping)?;
    let request = v1::RecordRequest {
        request_id,
        record: Some(record),
    };
    let reply = portal
        .node
        .record_entry(request, Deadline::after(RECORD_TIMEOUT))
        .await?;
    let outcome: Option<Outcome> = reply.outcome.and_then(|outcome| outcome.try_into().ok());
    let refused = match outcome {
        Some(Outcome::Refused(reason)) => Some((reason.ja(), reason.en())),
        Some(Outcome::Accepted | Outcome::Decided(_)) => None,
        None => return Err(Fault::Refused(tonic::Code::Internal)),
    };
    Ok(Recorded {
        index: reply.index,
        time: TimeMs(reply.time_ms),
        refused,
    })
}
