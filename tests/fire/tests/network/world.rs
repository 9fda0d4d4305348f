//! Five namespaces, each with a replica on a disk of its own, and clients beside it.

use crate::{ALL, CLIENTS, GO_ON, REPLICAS, TIMING};
use sekisho_fire::disk::Mounted;
use sekisho_fire::net::{Namespace, Router};
use sekisho_fire::{Answer, Book, Caller, Dice, Group, History, Place, eventually, program};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

/// The world. Dropped in this order.
pub(crate) struct World {
    pub(crate) group: Group,
    pub(crate) stations: Vec<(Runtime, Caller)>,
    pub(crate) router: Router,
    pub(crate) namespaces: Vec<Namespace>,
    pub(crate) disks: Vec<Mounted>,
    pub(crate) book: Arc<Book>,
    pub(crate) dice: Dice,
    _dir: TempDir,
}

impl World {
    pub(crate) fn start(mut dice: Dice) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let namespaces: Vec<_> = ALL.iter().map(|_| Namespace::create()).collect();
        let router = Router::join(&namespaces, dice.split());
        let disks: Vec<_> = ALL
            .iter()
            .map(|n| Mounted::on(&dir.path().join(format!("disk-{n}"))))
            .collect();
        let places = ALL.map(|n| Place {
            dir: disks[n].dir().join("sekisho"),
            address: format!("{}:7443", Router::address(n)),
            namespace: Some(namespaces[n].name().to_owned()),
        });
        let group = Group::found(
            &program(env!("CARGO_BIN_EXE_sekisho-under-fire")),
            places.to_vec(),
            TIMING,
            &dir.path().join("logs"),
        );
        let stations = namespaces
            .iter()
            .map(|namespace| station(namespace, &group));
        let stations = stations.collect();
        let mut world = Self {
            group,
            stations,
            router,
            namespaces,
            disks,
            book: Arc::new(Book::default()),
            dice,
            _dir: dir,
        };
        world.group.start_all();
        world.ready();
        let (town, mut dice) = (Arc::clone(&world.group.town), world.dice.split());
        world.at(1, move |caller| async move {
            for (_, envelope) in town.founding_acts() {
                submitted(&caller, &envelope, &mut dice).await;
            }
        });
        world
    }

    /// Runs something at a station, in its namespace.
    pub(crate) fn at<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
        &self,
        station: usize,
        run: impl FnOnce(Caller) -> F,
    ) -> T {
        let (runtime, caller) = &self.stations[station];
        let task = runtime.spawn(run(caller.clone()));
        runtime
            .block_on(task)
            .unwrap_or_else(|e| panic!("at station {station}: {e}"))
    }

    pub(crate) fn ready(&mut self) {
        for station in ALL {
            eventually("a replica serves", Duration::from_secs(60), || {
                self.group.all_run();
                let standing = self.at(station, move |caller| async move {
                    caller.standing(station).await
                });
                standing.filter(|standing| standing.ready)
            });
        }
    }

    /// The leader most replicas name, each asked in its own place.
    pub(crate) fn leader(&self) -> usize {
        eventually("a leader is known", Duration::from_secs(60), || {
            let mut named = [0; REPLICAS];
            for station in ALL {
                let standing = self.at(station, move |caller| async move {
                    caller.standing(station).await
                });
                if let Some(leader) = standing.and_then(|standing| standing.leader) {
                    named[leader] += 1;
                }
            }
            ALL.into_iter().find(|n| named[*n] * 2 > REPLICAS)
        })
    }

    pub(crate) fn clients(
        &mut self,
        history: &Arc<History>,
        stop: &Arc<AtomicBool>,
    ) -> Vec<(usize, JoinHandle<()>)> {
        let mut clients = Vec::new();
        for station in ALL.into_iter().flat_map(|n| [n; CLIENTS]) {
            let (runtime, caller) = &self.stations[station];
            let (seen, stop) = (Arc::clone(history), Arc::clone(stop));
            let visits = seen.visit(caller.clone(), station, self.dice.split(), stop);
            clients.push((station, runtime.spawn(visits)));
        }
        clients
    }
}

/// A runtime whose threads live in a namespace, and connections made there.
fn station(namespace: &Namespace, group: &Group) -> (Runtime, Caller) {
    let name = Arc::new(namespace.handle());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .on_thread_start(move || name.enter())
        .build()
        .expect("a runtime");
    let caller = {
        let _inside = runtime.enter();
        Caller::new(&group.town)
    };
    (runtime, caller)
}

async fn submitted(caller: &Caller, envelope: &sekisho_proto::v1::Envelope, dice: &mut Dice) {
    let began = Instant::now();
    loop {
        let at = dice.below(REPLICAS as u64) as usize;
        let answer = caller.submit(at, envelope, Duration::from_secs(10)).await;
        if matches!(answer, Answer::Done(_)) {
            return;
        }
        assert!(began.elapsed() < GO_ON * 2, "an entry is not taken");
    }
}
