//! Clients that ask all the time, and note what they are told.

use crate::{Answer, Book, Caller, Dice};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;

/// How long a client waits for an answer before the outcome is unknown to it.
const PATIENCE: Duration = Duration::from_secs(5);
/// A client's pause after a refusal, as people's software makes one.
const PAUSE: Duration = Duration::from_millis(20);
/// How often a client tries one entry again before it leaves the question to the end.
const TRIES_MAX: u32 = 50;
/// Persons asked about; without links, so that each decision is a denial, as quick as a permit.
const PERSONS: u64 = 1_000;

/// Running clients.
pub struct Load {
    clients: JoinSet<()>,
    stop: Arc<AtomicBool>,
    book: Arc<Book>,
}

impl Load {
    /// Starts this many clients, each at a replica of its own choice, changing when refused. `bulk` in ten of their
    /// entries are large ones.
    pub fn start(caller: &Caller, clients: usize, bulk: u64, dice: &mut Dice) -> Self {
        let (stop, book) = (Arc::new(AtomicBool::new(false)), Arc::new(Book::default()));
        let mut tasks = JoinSet::new();
        for _ in 0..clients {
            let client = Client {
                caller: caller.clone(),
                book: Arc::clone(&book),
                stop: Arc::clone(&stop),
                bulk,
                dice: dice.split(),
            };
            tasks.spawn(client.run());
        }
        Self {
            clients: tasks,
            stop,
            book,
        }
    }

    /// What they were told so far.
    pub fn book(&self) -> &Arc<Book> {
        &self.book
    }

    /// Lets each end what it does, and hands over what they were told. A client's failure is the test's.
    pub async fn stop(mut self) -> Arc<Book> {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.clients.join_next().await {
            ended.unwrap_or_else(|e| panic!("a client failed: {e}"));
        }
        self.book
    }
}

struct Client {
    caller: Caller,
    book: Arc<Book>,
    stop: Arc<AtomicBool>,
    bulk: u64,
    dice: Dice,
}

impl Client {
    async fn run(mut self) {
        let _watch = self.book.watch();
        let replicas = self.caller.replicas() as u64;
        let mut at = self.dice.below(replicas) as usize;
        while !self.stop.load(Ordering::Relaxed) {
            let town = self.caller.town();
            let (id, envelope) = if self.dice.below(10) < self.bulk {
                town.bulk()
            } else {
                town.request(self.dice.below(PERSONS))
            };
            // Half of them leave an unknown outcome unknown: what became of it is asked in the end.
            let insists = self.dice.below(2) == 0;
            let mut unknown = false;
            for _ in 0..TRIES_MAX {
                match self.caller.submit(at, &envelope, PATIENCE).await {
                    Answer::Done(told) => {
                        self.book.acknowledged(id, &told);
                        unknown = false;
                        break;
                    }
                    Answer::Unknown => {
                        unknown = true;
                        self.book.unknown(id);
                        if !insists {
                            break;
                        }
                    }
                    Answer::NotSent if unknown => {}
                    Answer::NotSent => {
                        self.book.not_sent(id);
                        break;
                    }
                }
                at = self.dice.below(replicas) as usize;
                tokio::time::sleep(PAUSE).await;
                if self.stop.load(Ordering::Relaxed) {
                    break;
                }
            }
            if unknown || self.dice.below(16) == 0 {
                at = self.dice.below(replicas) as usize;
            }
        }
    }
}
