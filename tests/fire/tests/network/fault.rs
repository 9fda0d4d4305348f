//! What is done to the group, and who may acknowledge meanwhile.

use crate::world::World;
use crate::{ALL, FLAP, SLOW};
use std::time::Duration;

/// What is done to the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    LeaderCutOff,
    MajorityCutOff,
    FlappingLinks,
    SlowDisk,
    FrozenVoter,
    FrozenLeader,
    KilledLeader,
    LeaderDeaf,
    LeaderMute,
    NoMajority,
    LossAndJitter,
}

/// Who may acknowledge while a fault lasts: somebody of these must, and none of those may.
pub(crate) struct Expected {
    pub(crate) serving: Vec<usize>,
    pub(crate) refusing: Vec<usize>,
}

impl World {
    pub(crate) fn break_it(&mut self, fault: Fault, leader: usize) -> Expected {
        let others: Vec<usize> = ALL.into_iter().filter(|n| *n != leader).collect();
        let weather = self.router.weather.clone();
        let expected = |serving: &[usize], refusing: &[usize]| Expected {
            serving: serving.to_vec(),
            refusing: refusing.to_vec(),
        };
        match fault {
            Fault::None => expected(&ALL, &[]),
            Fault::LeaderCutOff => {
                weather.cut_between(&[leader], &others);
                expected(&others, &[leader])
            }
            Fault::LeaderDeaf => {
                others.iter().for_each(|n| weather.cut_one_way(*n, leader));
                expected(&others, &[leader])
            }
            Fault::LeaderMute => {
                others.iter().for_each(|n| weather.cut_one_way(leader, *n));
                expected(&others, &[leader])
            }
            Fault::MajorityCutOff => {
                let minority = [leader, others[0]];
                weather.cut_between(&minority, &others[1..]);
                expected(&others[1..], &minority)
            }
            Fault::NoMajority => {
                let (one, two) = ([leader, others[0]], [others[1], others[2]]);
                weather.cut_between(&one, &others[1..]);
                weather.cut_between(&two, &[others[3]]);
                expected(&[], &ALL)
            }
            Fault::FlappingLinks => {
                weather.flap_between(&[leader], &others, FLAP);
                expected(&ALL, &[])
            }
            Fault::SlowDisk => {
                self.disks[leader].disk.slow_down(SLOW);
                expected(&ALL, &[])
            }
            Fault::FrozenVoter => {
                self.group.process(others[0]).freeze();
                expected(&others[1..], &[others[0]])
            }
            Fault::FrozenLeader => {
                self.group.process(leader).freeze();
                expected(&others, &[leader])
            }
            Fault::KilledLeader => {
                self.group.kill(leader);
                expected(&others, &[leader])
            }
            Fault::LossAndJitter => {
                weather.loss(20_000);
                weather.jitter(Duration::from_millis(10));
                expected(&ALL, &[])
            }
        }
    }

    pub(crate) fn heal(&mut self, fault: Fault, leader: usize) {
        self.router.weather.heal();
        self.disks
            .iter()
            .for_each(|mounted| mounted.disk.slow_down(Duration::ZERO));
        match fault {
            Fault::FrozenVoter | Fault::FrozenLeader => {
                ALL.iter().for_each(|n| self.group.process(*n).thaw());
            }
            Fault::KilledLeader => self.group.start(leader),
            _ => {}
        }
    }
}
