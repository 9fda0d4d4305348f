//! A state in which something is supposed to be otherwise.

use crate::chart::Chart;
use crate::record::{self, AgreementVersion, CoreError, Policy};
use crate::store::{Kept, Row, StateRead, StateWrite, Table};
use crate::view::{View, agreement_key, key_of_network_key, pair_key, policy_key};
use sekisho_domain::{
    AgreementId, AgreementRef, ConsentId, ConsentRule, NetworkId, ReservationId, Side, SubjectRef,
};
use std::collections::BTreeMap;

/// A state with changes over it that are never handed on: what would be, were something else so.
#[derive(Debug)]
pub struct Supposed<'a, S> {
    below: &'a S,
    /// None: deleted.
    writes: BTreeMap<(Table, Vec<u8>), Option<Vec<u8>>>,
    kept: Kept,
}

impl<'a, S: StateRead> Supposed<'a, S> {
    /// Nothing supposed yet.
    pub fn over(below: &'a S) -> Self {
        Self {
            below,
            writes: BTreeMap::new(),
            kept: Kept::default(),
        }
    }

    /// That of all agreements between these two, only this grant were; with another rule of consent, if one is given.
    ///
    /// # Errors
    /// The state cannot be read.
    pub(super) fn only_grant(
        &mut self,
        between: (&NetworkId, &NetworkId),
        of: &AgreementRef,
        position: u32,
        rule: Option<ConsentRule>,
    ) -> Result<(), CoreError<S::Error>> {
        let (a, b) = between;
        let ids: Vec<AgreementId> = View(&*self).agreements_of(a, b)?;
        for id in ids.into_iter().filter(|id| *id != of.id) {
            self.delete(Table::AgreementOfPair, &pair_key(a, b, Some(&id)))
                .map_err(CoreError::Store)?;
        }
        let Some(mut version) = View(&*self).agreement(&of.id, of.version)? else {
            return Ok(());
        };
        let grants = &mut version.value.agreement.grants;
        *grants = (0..)
            .zip(std::mem::take(grants))
            .filter(|(n, _)| *n == position)
            .map(|(_, grant)| grant)
            .collect();
        for grant in grants {
            grant.consent_rule = rule.unwrap_or(grant.consent_rule);
        }
        let key = agreement_key(&of.id, of.version);
        record::put::<_, AgreementVersion>(self, Table::Agreement, &key, &version)
    }

    /// That a network's policy asked for acts of this side only.
    ///
    /// # Errors
    /// The state cannot be read.
    pub(super) fn only_rule(
        &mut self,
        network: &NetworkId,
        side: Side,
    ) -> Result<(), CoreError<S::Error>> {
        let prefix = key_of_network_key(network, None);
        let max = crate::view::POLICY_VERSIONS_MAX;
        let rows = record::scan::<_, Policy>(&*self, Table::ConsentPolicy, &prefix, max)?;
        for (_, mut policy) in rows {
            match side {
                Side::Disclosing => policy.value.policy.viewing = None,
                Side::Viewing => policy.value.policy.disclosing = None,
            }
            let key = policy_key(network, policy.value.policy.version);
            record::put(self, Table::ConsentPolicy, &key, &policy)?;
        }
        Ok(())
    }

    /// That of a subject's acts of one side, only this one were.
    ///
    /// # Errors
    /// The state cannot be read.
    pub(super) fn only_act(
        &mut self,
        subject: &SubjectRef,
        side: Side,
        act: ConsentId,
    ) -> Result<(), CoreError<S::Error>> {
        Chart::edit_acts(self, subject, side, |acts| {
            acts.retain(|given| given.value.granted == act.0);
        })
    }

    /// That of a subject's reservations, only this one were; or none.
    ///
    /// # Errors
    /// The state cannot be read.
    pub(super) fn only_reservation(
        &mut self,
        subject: &SubjectRef,
        only: Option<ReservationId>,
    ) -> Result<(), CoreError<S::Error>> {
        let only = only.map(|id| id.0);
        Chart::edit_reservations(self, subject, |set| {
            set.retain(|given| Some(given.value.set) == only);
        })
    }
}

impl<S: StateRead> StateRead for Supposed<'_, S> {
    type Error = S::Error;
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, S::Error> {
        match self.writes.get(&(table, key.to_vec())) {
            Some(written) => Ok(written.clone()),
            None => self.below.get(table, key),
        }
    }
    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        from: &[u8],
        max: usize,
    ) -> Result<Vec<Row>, S::Error> {
        let start = prefix.max(from).to_vec();
        let own: Vec<_> = self
            .writes
            .range((table, start)..)
            .take_while(|((t, key), _)| *t == table && key.starts_with(prefix))
            .collect();
        // Each own row can hide one of the state's.
        let enough = max.saturating_add(own.len());
        let below = self.below.scan(table, prefix, from, enough)?;
        let mut rows: BTreeMap<_, _> = below.into_iter().collect();
        for ((_, key), value) in own {
            match value {
                Some(value) => rows.insert(key.clone(), value.clone()),
                None => rows.remove(key),
            };
        }
        Ok(rows.into_iter().take(max).collect())
    }
    fn kept(&self) -> Option<&Kept> {
        Some(&self.kept)
    }
}

impl<S: StateRead> StateWrite for Supposed<'_, S> {
    fn put(&mut self, table: Table, key: &[u8], value: Vec<u8>) -> Result<(), S::Error> {
        self.kept.written(table);
        self.writes.insert((table, key.to_vec()), Some(value));
        Ok(())
    }
    fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), S::Error> {
        self.kept.written(table);
        self.writes.insert((table, key.to_vec()), None);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{MemoryState, contract};

    #[test]
    fn a_supposed_state_keeps_the_stores_contract() {
        contract(&mut Supposed::over(&MemoryState::default()));
    }

    #[test]
    fn what_is_supposed_stays_there() -> Result<(), std::convert::Infallible> {
        let mut state = MemoryState::default();
        state.put(Table::Meta, b"k", b"so".to_vec())?;
        let mut supposed = Supposed::over(&state);
        supposed.put(Table::Meta, b"k", b"otherwise".to_vec())?;
        assert_eq!(
            supposed.get(Table::Meta, b"k")?,
            Some(b"otherwise".to_vec())
        );
        supposed.delete(Table::Meta, b"k")?;
        assert_eq!(supposed.get(Table::Meta, b"k")?, None);
        assert_eq!(state.get(Table::Meta, b"k")?, Some(b"so".to_vec()));
        Ok(())
    }
}
