//! Recoveries.

use super::bounded;
use crate::v1;
use sekisho_domain::{DomainError, Recovery, Seat, check_endpoint};

impl From<&Recovery> for v1::Recovery {
    fn from(r: &Recovery) -> Self {
        let seat = |s: &Seat| v1::Seat {
            network: s.network.to_string(),
            endpoint: s.endpoint.clone(),
            transport_key: s.transport_key.0.to_vec(),
            checkpoint_key: s.checkpoint_key.0.to_vec(),
        };
        Self {
            size: r.size,
            root: r.root.0.to_vec(),
            seats: r.seats.iter().map(seat).collect(),
        }
    }
}

impl TryFrom<v1::Recovery> for Recovery {
    type Error = DomainError;
    fn try_from(m: v1::Recovery) -> Result<Self, DomainError> {
        bounded(&m.seats, Self::SEATS_MAX, "a recovery's seats")?;
        if m.seats.is_empty() {
            return Err(DomainError::Missing("a recovery's seats"));
        }
        let seat = |s: v1::Seat| -> Result<Seat, DomainError> {
            check_endpoint(&s.endpoint)?;
            Ok(Seat {
                network: s.network.parse()?,
                endpoint: s.endpoint,
                transport_key: s.transport_key.as_slice().try_into()?,
                checkpoint_key: s.checkpoint_key.as_slice().try_into()?,
            })
        };
        Ok(Self {
            size: m.size,
            root: m.root.as_slice().try_into()?,
            seats: m.seats.into_iter().map(seat).collect::<Result<_, _>>()?,
        })
    }
}
