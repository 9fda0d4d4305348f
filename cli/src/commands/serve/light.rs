//! A process without a replica: it serves once two voters told the same.

use super::create_data;
use super::stop::stop_requested;
use crate::config::Config;
use crate::side::Side;
use crate::ui::{Exit, Failure};
use crate::{genesis, keys};
use sekisho_domain::ReplicaId;
use sekisho_light::Light;
use std::time::Duration;

/// How often it is looked whether two voters told the same.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Waits until there is a ledger to be asked: a replica has its own at once, a light process what two voters say, for
/// which it waits as long as it takes. Whether it came, and not the wish to stop.
pub(super) async fn first_word(side: &Side) -> bool {
    let Side::Light(light) = side else {
        return true;
    };
    let agreed = async {
        while !light.is_ready() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::select! {
        () = agreed => true,
        () = stop_requested(side.clone()) => false,
    }
}

/// Prepares to ask the named voters.
pub(super) fn start(config: &Config, voters: &[ReplicaId]) -> Result<Light, Failure> {
    let genesis = genesis::load(&config.genesis)?;
    create_data(&config.data)?;
    Light::start(genesis, voters, keys::identity(config)?).map_err(|e| {
        Failure::of(
            Exit::Usage,
            "[node] voters のレプリカに尋ねることが",
            "ask the replicas of [node] voters",
            &e,
        )
    })
}
