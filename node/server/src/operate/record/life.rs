//! Who speaks for a patient, and death.

use super::{evidence, period};
use crate::NodeError;
use crate::node::Inner;
use crate::operate::prepare::Built;
use crate::operate::subject::Named;
use sekisho_domain::{Body, FacilityId, Proxy, SubjectId};
use sekisho_proto::v1;

pub(super) fn register_proxy(inner: &Inner, proxy: v1::RegisterProxy) -> Result<Built, NodeError> {
    let subject = Named::try_from(proxy.patient)?.resolve(&inner.store)?;
    let evidence = evidence(inner, proxy.evidence_note.as_bytes())?;
    let wire = v1::Proxy {
        network: inner.network.to_string(),
        subject: subject.0.to_vec(),
        kind: proxy.kind,
        period: Some(period(inner, proxy.period)),
        recorded_by: proxy.recorded_by,
        evidence: evidence.commitment().0.to_vec(),
    };
    Ok(Built {
        body: Body::ProxyRegister(Proxy::try_from(wire)?),
        about: subject,
        openings: vec![evidence],
    })
}

/// Who has died, or has not, and who was told.
pub(super) fn death(
    inner: &Inner,
    death: v1::RecordDeath,
) -> Result<(SubjectId, FacilityId), NodeError> {
    let subject = Named::try_from(death.patient)?.resolve(&inner.store)?;
    Ok((subject, death.recorded_by.parse()?))
}
