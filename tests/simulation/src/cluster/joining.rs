//! Replicas that join a ledger in use.

use super::{Cluster, Machine, config};
use crate::disk::Media;
use crate::failure::{Failure, chain};
use crate::federation::{checkpoint_key, transport};
use crate::life::Life;
use crate::random::Random;
use sekisho_replica::simulation::World;
use sekisho_replica::{JoinError, Keys, Source, join};
use std::sync::Arc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

impl Cluster {
    /// Sets up a machine for a replica that the ledger has given its place; it copies the ledger and then starts.
    ///
    /// # Errors
    /// There is no place for it.
    pub fn add(&mut self, place: u64, replica: u64, seed: u64) -> Result<(), Failure> {
        let random = Random::of(seed, &format!("disk {place}"));
        let media = Media::new(place, random, self.trace.clone(), self.setup.sync);
        self.tap.is_at(place, replica);
        self.machines.insert(place, Machine::new(replica, media));
        self.join(place)
    }

    fn join(&mut self, place: u64) -> Result<(), Failure> {
        let Some(machine) = self.machines.get_mut(&place) else {
            return Ok(());
        };
        let key = transport(place).map_err(Failure::world)?;
        let port = self.net.port(place, key.public(), &Life::default());
        let mut config = config(self.dir.path(), machine.replica, self.setup);
        config.world = Some(World {
            network: Arc::new(port),
        });
        let keys = Keys {
            transport: key,
            checkpoint: checkpoint_key(place),
        };
        let founders = self.founding.replicas.iter();
        let mut peers: Vec<Source> = founders
            .map(|founder| Source {
                network: founder.network.clone(),
                endpoint: founder.endpoint.clone(),
            })
            .collect();
        let first = self.random.below(peers.len() as u64) as usize;
        peers.rotate_left(first);
        let genesis = self.founding.clone();
        machine.joining = Some(tokio::spawn(async move {
            join(&config, &genesis, &keys, &peers, &mut |_, _| {}).await
        }));
        Ok(())
    }

    pub(super) async fn tend_joining(&mut self) -> Result<(), Failure> {
        let ended: Vec<u64> = self
            .machines
            .iter()
            .filter(|(_, machine)| {
                machine
                    .joining
                    .as_ref()
                    .is_some_and(JoinHandle::is_finished)
            })
            .map(|(&place, _)| place)
            .collect();
        for place in ended {
            let Some(machine) = self.machines.get_mut(&place) else {
                continue;
            };
            let Some(joining) = machine.joining.take() else {
                continue;
            };
            match joining.await.map_err(Failure::world)? {
                Ok(joined) => {
                    self.trace
                        .note("joined", || format!("replica {place}: {joined:?}"));
                    let replica = machine.replica;
                    let config = config(self.dir.path(), replica, self.setup);
                    let copied = machine.media().copy(&config.data_dir);
                    copied.map_err(Failure::world)?;
                    machine.back = Some(Instant::now());
                }
                Err(JoinError::NoPeer(faults)) => {
                    for fault in &faults {
                        if let JoinError::Altered { .. } = fault {
                            return Err(Failure::new("joins", fault.to_string()));
                        }
                    }
                    self.join(place)?;
                }
                Err(error) => return Err(Failure::new("joins", chain(&error))),
            }
        }
        Ok(())
    }
}
