//! Keeping what must be answered from memory: whose keys are whose, and where the voters are.

use crate::limits::{REFRESH_EVERY, REFRESH_PAUSE};
use crate::{Light, LightError};
use sekisho_domain::KeyPurpose;
use sekisho_ledger::View;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// Asks again and again, sooner when a key nobody knows wants to connect.
pub(crate) async fn work(light: Light) {
    let inner = &light.0;
    let mut failing = false;
    loop {
        match light.refresh().await {
            Ok(()) if failing => tracing::info!("two voters agree again"),
            Ok(()) => {}
            Err(error) => tracing::warn!(%error, "the voters cannot be believed"),
        }
        failing = !light.is_ready();
        let next = async {
            tokio::time::sleep(REFRESH_PAUSE).await;
            let rest = match failing {
                true => Duration::ZERO,
                false => REFRESH_EVERY.saturating_sub(REFRESH_PAUSE),
            };
            let _ = tokio::time::timeout(rest, inner.pins.unknown.notified()).await;
        };
        tokio::select! {
            () = inner.stop.cancelled() => return,
            () = next => {}
        }
    }
}

impl Light {
    /// Asks two voters whose keys are whose, and who votes.
    ///
    /// # Errors
    /// [`LightError`]; what was known stays.
    pub async fn refresh(&self) -> Result<(), LightError> {
        let told = self.read(|state| {
            let keys = View(state).keys(KeyPurpose::Transport)?;
            Ok::<_, sekisho_ledger::CoreError<LightError>>((keys, View(state).replicas()?))
        });
        let told = told.await?;
        let (keys, replicas) = told.map_err(|e| LightError::Fault(e.to_string()))?;
        self.0.pins.set(keys);
        self.0.voters.set(&replicas)?;
        let voting = self.0.voters.all().len();
        let mut refreshed = self
            .0
            .refreshed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *refreshed = Some((Instant::now(), voting));
        Ok(())
    }
}
