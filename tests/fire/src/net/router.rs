//! Carries packets between the namespaces' devices, each when it is due.

use super::namespace::{Namespace, ip};
use super::weather::Weather;
use crate::Dice;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tun_rs::{DeviceBuilder, SyncDevice};

/// The device's name, the same in each namespace.
const DEVICE: &str = "sk0";
/// Largest packet, as over a tunnel between prefectures.
const MTU: u16 = 1_400;
/// Packets on their way at once; a router's queue is not endless either.
const QUEUE_MAX: usize = 20_000;
/// Packets taken from one device before the others have their turn.
const TURN: usize = 64;
/// How long the router waits at most before it looks whether it shall end.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A running router.
pub struct Router {
    /// What it does to packets.
    pub weather: Weather,
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// A packet on its way; ordered by when it is due, then by arrival.
type Held = Reverse<(Instant, u64, usize, usize, Vec<u8>)>;

impl Router {
    /// The address in the namespace at `n`.
    pub fn address(n: usize) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, 0, u8::try_from(n + 1).expect("few namespaces"))
    }

    /// Puts a device into each namespace and joins them.
    pub fn join(namespaces: &[Namespace], mut dice: Dice) -> Self {
        let devices: Vec<SyncDevice> = (0..namespaces.len())
            .map(|n| device(n, &namespaces[n]))
            .collect();
        let (weather, end) = (Weather::default(), Arc::new(AtomicBool::new(false)));
        let (seen, ending) = (weather.clone(), Arc::clone(&end));
        let thread = thread::Builder::new()
            .name("router".to_owned())
            .spawn(move || {
                let mut carrier = Carrier {
                    last: vec![vec![Instant::now(); devices.len()]; devices.len()],
                    devices,
                    weather: seen,
                    held: BinaryHeap::new(),
                    arrived: 0,
                };
                while !ending.load(Ordering::Relaxed) {
                    carrier.turn(&mut dice);
                }
            })
            .expect("a thread");
        Self {
            weather,
            end,
            thread: Some(thread),
        }
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A device in a namespace. Opened by a thread that enters it, so that it is never seen outside.
fn device(n: usize, namespace: &Namespace) -> SyncDevice {
    let device = thread::scope(|scope| {
        let opened = scope.spawn(|| {
            namespace.enter();
            let device = DeviceBuilder::new().name(DEVICE).enable(false).build_sync();
            device.expect("a TUN device")
        });
        opened.join().expect("the thread ends")
    });
    device.set_nonblocking(true).expect("it need not block");
    let (name, mtu) = (namespace.name(), MTU.to_string());
    let address = format!("{}/24", Router::address(n));
    ip(&["-n", name, "addr", "add", &address, "dev", DEVICE]);
    ip(&["-n", name, "link", "set", DEVICE, "mtu", &mtu, "up"]);
    device
}

struct Carrier {
    devices: Vec<SyncDevice>,
    weather: Weather,
    held: BinaryHeap<Held>,
    /// When the last packet of each link is due: a link keeps its packets' order.
    last: Vec<Vec<Instant>>,
    arrived: u64,
}

impl Carrier {
    fn turn(&mut self, dice: &mut Dice) {
        let wait = self.held.peek().map_or(LOOK_EVERY, |Reverse((due, ..))| {
            due.saturating_duration_since(Instant::now())
                .min(LOOK_EVERY)
        });
        let timeout = Timespec {
            tv_sec: 0,
            tv_nsec: wait.subsec_nanos().into(),
        };
        let mut ready: Vec<_> = self
            .devices
            .iter()
            .map(|device| PollFd::new(device, PollFlags::IN))
            .collect();
        let _ = poll(&mut ready, Some(&timeout));
        let readable: Vec<bool> = ready
            .iter()
            .map(|fd| fd.revents().contains(PollFlags::IN))
            .collect();
        for from in (0..readable.len()).filter(|n| readable[*n]) {
            self.take(from, dice);
        }
        self.deliver();
    }

    fn take(&mut self, from: usize, dice: &mut Dice) {
        let mut packet = vec![0; usize::from(MTU)];
        for _ in 0..TURN {
            let length = match self.devices[from].recv(&mut packet) {
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // The namespace is gone or going.
                Err(_) => return,
            };
            if let Some(to) = destination(&packet[..length], self.devices.len()) {
                self.hold(from, to, packet[..length].to_vec(), dice);
            }
        }
    }

    fn hold(&mut self, from: usize, to: usize, packet: Vec<u8>, dice: &mut Dice) {
        let (jitter, loss) = self.weather.chances();
        let lost = dice.one_in_a_million(loss) || self.held.len() >= QUEUE_MAX;
        if !self.weather.passes(from, to, lost) {
            return;
        }
        let jitter_ns = u64::try_from(jitter.as_nanos()).unwrap_or(u64::MAX);
        let late = Weather::one_way(from, to) + Duration::from_nanos(dice.below(jitter_ns));
        let due = (Instant::now() + late).max(self.last[from][to]);
        self.last[from][to] = due;
        self.arrived += 1;
        self.held
            .push(Reverse((due, self.arrived, from, to, packet)));
    }

    fn deliver(&mut self) {
        let now = Instant::now();
        while self
            .held
            .peek()
            .is_some_and(|Reverse((due, ..))| *due <= now)
        {
            let Some(Reverse((_, _, from, to, packet))) = self.held.pop() else {
                return;
            };
            // Cut off while it was on its way.
            if !self.weather.passes(from, to, false) {
                continue;
            }
            match self.devices[to].send(&packet) {
                Ok(_) => self.weather.carried(),
                Err(_) => self.weather.dropped(),
            }
        }
    }
}

/// Whose an IPv4 packet is; none for anything else.
fn destination(packet: &[u8], places: usize) -> Option<usize> {
    let header: &[u8; 20] = packet.first_chunk()?;
    let [10, 77, 0, last] = header[16..20] else {
        return None;
    };
    let place = usize::from(last).checked_sub(1)?;
    (header[0] >> 4 == 4 && place < places).then_some(place)
}
