//! What a history dwells on: chance alone seldom comes to the places where rules meet.

use super::{DAY_MS, HOUR_MS, Town};

/// A theme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Theme {
    /// A bit of everything, over months.
    Mixed,
    /// Notices posted and taken down, consents that rest on them, facilities that join.
    Notices,
    /// Versions of agreements and policies, within hours.
    Versions,
    /// Many acts of the same patients, by many hands.
    Patients,
    /// Consent at the visit, purposes posted.
    Visits,
    /// Emergencies, disasters, drills.
    Disasters,
}

impl Theme {
    pub const ALL: [Self; 6] = [
        Self::Mixed,
        Self::Notices,
        Self::Versions,
        Self::Patients,
        Self::Visits,
        Self::Disasters,
    ];

    /// How far periods and waits reach.
    pub fn horizon_ms(self) -> u64 {
        match self {
            Self::Mixed | Self::Notices => 40 * DAY_MS,
            Self::Patients | Self::Disasters => 4 * DAY_MS,
            Self::Versions | Self::Visits => 6 * HOUR_MS,
        }
    }
}

impl Town {
    /// One more thing said of what the history dwells on.
    pub(super) fn dwell(&mut self) {
        let what = self.dice.below(10);
        match self.theme {
            Theme::Mixed => self.any(),
            Theme::Notices => match what {
                0..=1 => self.post(),
                2 => self.take_down(),
                3 => self.move_facility(),
                4..=6 => self.grant(),
                7 => self.wait(),
                _ => self.request(),
            },
            Theme::Versions => match what {
                0 => self.propose(),
                1..=2 => self.renew(),
                3 => {
                    self.stop();
                    self.request();
                    if self.dice.chance(60) {
                        self.renew();
                    }
                }
                4 => self.publish_somewhere(),
                5 => self.wait(),
                6 => self.grant(),
                _ => self.request(),
            },
            Theme::Patients => match what {
                0 => self.speak_for(),
                1 => self.end_proxy(),
                2 => self.reserve(),
                3 => self.withdraw(),
                4 => self.wait(),
                5..=7 => self.grant(),
                _ => self.request(),
            },
            Theme::Visits => match what {
                0..=1 => self.post(),
                2 => self.take_down(),
                3..=5 => self.grant(),
                6 => self.wait(),
                _ => self.request(),
            },
            Theme::Disasters => match what {
                0..=1 => self.disaster(),
                2 => self.admit_authority(),
                3 => self.after_emergency(),
                4 => self.reserve(),
                5 => self.grant(),
                6 => self.wait(),
                _ => self.request(),
            },
        }
    }

    /// The next version of an agreement, signed by all.
    fn renew(&mut self) {
        self.propose();
        self.sign_all();
    }
}
