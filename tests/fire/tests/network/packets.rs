//! The router itself.

use crate::ALL;
use sekisho_fire::net::{CITIES, Namespace, Router, Weather};
use sekisho_fire::{Dice, Need, alone_here, left_out};
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A packet there and back, or none.
fn echo(asker: &UdpSocket, from: usize, patience: Duration) -> Option<Duration> {
    asker.set_read_timeout(Some(patience)).unwrap();
    let began = Instant::now();
    asker
        .send_to(&[1; 100], (Router::address(from), 7))
        .unwrap();
    asker.recv_from(&mut [0; 100]).ok()?;
    Some(began.elapsed())
}

/// A socket in a namespace.
fn socket(namespace: &Namespace, n: usize, port: u16) -> UdpSocket {
    std::thread::scope(|scope| {
        let bound = scope.spawn(|| {
            namespace.enter();
            UdpSocket::bind((Router::address(n), port)).unwrap()
        });
        bound.join().unwrap()
    })
}

#[test]
fn packets_are_late_lost_and_cut_off_as_told() {
    if left_out("network", &[Need::Root, Need::Tun, Need::Namespaces]) {
        return;
    }
    let _alone = alone_here();
    let namespaces: Vec<_> = ALL.iter().map(|_| Namespace::create()).collect();
    let router = Router::join(&namespaces, Dice::new(7));
    let (asker, answerer) = (socket(&namespaces[0], 0, 8), socket(&namespaces[4], 4, 7));
    let end = AtomicBool::new(false);
    answerer
        .set_read_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut packet = [0; 100];
            while !end.load(Ordering::Relaxed) {
                if let Ok((length, from)) = answerer.recv_from(&mut packet) {
                    answerer.send_to(&packet[..length], from).unwrap();
                }
            }
        });
        // Also when a check fails.
        struct End<'a>(&'a AtomicBool);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let _end = End(&end);
        let patience = Duration::from_millis(300);
        let expected = Weather::one_way(0, 4) * 2;
        let mut times: Vec<_> = (0..20).filter_map(|_| echo(&asker, 4, patience)).collect();
        times.sort();
        println!(
            "{} to {}: {expected:?} expected, {times:?}",
            CITIES[0].0, CITIES[4].0
        );
        assert!(times.len() == 20 && times.iter().all(|time| *time >= expected));
        // The others may have waited for a processor.
        assert!(times[0] < expected + Duration::from_millis(5), "{times:?}");
        for (from, to) in [(0, 4), (4, 0)] {
            router.weather.cut_one_way(from, to);
            assert_eq!(echo(&asker, 4, patience), None, "cut from {from} to {to}");
            router.weather.heal();
            assert!(echo(&asker, 4, patience).is_some());
        }
        router.weather.loss(500_000);
        let got = (0..40)
            .filter(|_| echo(&asker, 4, Duration::from_millis(60)).is_some())
            .count();
        assert!((1..30).contains(&got), "a quarter comes back: {got} of 40");
    });
}
