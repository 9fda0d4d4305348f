//! One patient's documents at one facility, with their life cycle: first version, corrections,
//! cancellation (clinical-formats §1.2).

use crate::day::Moment;
use crate::kind::Kind;
use crate::message::Seg;
use crate::person::Patient;
use crate::rng::Rng;
use crate::site::Site;
use crate::{Day, Rates};
use std::collections::BTreeSet;

/// The condition flag that ends a file's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flag {
    Deleted,
    Valid,
    Superseded,
}

impl Flag {
    pub(crate) const fn digit(self) -> char {
        match self {
            Self::Deleted => '0',
            Self::Valid => '1',
            Self::Superseded => '2',
        }
    }
}

/// One file to be.
#[derive(Debug)]
pub(crate) struct Version {
    pub(crate) occurred: Moment,
    pub(crate) flag: Flag,
    /// MSH-9.
    pub(crate) message_type: &'static str,
    /// Everything after MSH.
    pub(crate) segments: Vec<Seg>,
}

/// All files of one index key: patient, 診療日, kind, order number.
#[derive(Debug)]
pub(crate) struct Filing {
    pub(crate) kind: Kind,
    pub(crate) care_day: Option<Day>,
    pub(crate) order: String,
    pub(crate) department: Option<&'static str>,
    pub(crate) versions: Vec<Version>,
    /// Promised to be valid and undamaged (travellers).
    pub(crate) promised: bool,
    /// Entered on a later day than it is for.
    pub(crate) late: bool,
}

/// Which text of a document a builder is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Edition {
    /// 0 for the first, then 1, 2, …
    pub(crate) number: u32,
    /// The cancelling message.
    pub(crate) cancel: bool,
    /// When this edition is written.
    pub(crate) at: Moment,
}

/// What to file, without the text.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) kind: Kind,
    pub(crate) care_day: Option<Day>,
    pub(crate) order: String,
    pub(crate) department: Option<&'static str>,
    /// When the first version is written.
    pub(crate) at: Moment,
    /// Corrections; by the rate where none is given.
    pub(crate) updates: Option<u32>,
    pub(crate) cancelled: bool,
    pub(crate) promised: bool,
    pub(crate) late: bool,
}

/// A patient's documents while they are invented.
#[derive(Debug)]
pub(crate) struct Chart<'a> {
    pub(crate) site: &'a Site,
    pub(crate) patient: &'a Patient,
    pub(crate) rates: Rates,
    /// First and last day covered.
    pub(crate) days: (Day, Day),
    /// A traveller's chart keeps the promised documents.
    pub(crate) traveller: bool,
    /// A chart that holds every kind and every cancellation.
    pub(crate) complete: bool,
    pub(crate) rng: Rng,
    /// The facility's last order number.
    pub(crate) orders: &'a mut u64,
    pub(crate) filings: Vec<Filing>,
    keys: BTreeSet<(Kind, Option<Day>, String)>,
}

impl<'a> Chart<'a> {
    pub(crate) fn new(
        site: &'a Site,
        patient: &'a Patient,
        rates: Rates,
        days: (Day, Day),
        rng: Rng,
        orders: &'a mut u64,
    ) -> Self {
        Self {
            site,
            patient,
            rates,
            days,
            traveller: false,
            complete: false,
            rng,
            orders,
            filings: Vec::new(),
            keys: BTreeSet::new(),
        }
    }

    /// A plan for a document written at a moment that belongs to its day.
    pub(crate) fn plan(&mut self, kind: Kind, care_day: Option<Day>, at: Moment) -> Plan {
        let order = self.next_order(kind);
        let department = None;
        Plan {
            kind,
            care_day,
            order,
            department,
            at,
            updates: None,
            cancelled: false,
            promised: false,
            late: false,
        }
    }

    /// The next order number of the facility, or 15 nines where the maker numbers no movements.
    pub(crate) fn next_order(&mut self, kind: Kind) -> String {
        if kind.is_movement() && !self.site.quirks.movements_numbered {
            return "9".repeat(15);
        }
        *self.orders += 1;
        let digits = if kind.is_imaging() {
            self.site.quirks.imaging_order_digits
        } else {
            15
        };
        format!("{:0digits$}", self.orders)
    }

    /// Whether something is to be cancelled, by the rate. A complete chart has its results, so its
    /// orders stand.
    pub(crate) fn cancels(&mut self) -> bool {
        let rate = self.rates.delete_permille;
        self.rng.permille(rate) && !self.complete
    }

    /// Files a document with its versions. Not filed are a second document of the same key and one
    /// written after the last day; says whether it was.
    pub(crate) fn file(&mut self, plan: Plan, build: impl Fn(Edition) -> Vec<Seg>) -> bool {
        let end = self.days.1.at(23, 59);
        let key = (plan.kind, plan.care_day, plan.order.clone());
        if plan.at > end || self.keys.contains(&key) {
            return false;
        }
        let row = plan.kind.row();
        let insert = match plan.kind {
            Kind::Reception if self.site.quirks.reception_as_a01 => "ADT^A01^ADT_A01",
            _ => row.insert,
        };
        let updates = plan
            .updates
            .unwrap_or_else(|| u32::from(self.rng.permille(self.rates.update_permille)));
        let mut versions: Vec<Version> = Vec::new();
        let mut at = self.stamp(plan.at);
        for number in 0..=updates {
            if number > 0 {
                let minutes = self.rng.between(20, 300)
                    + if self.rng.permille(400) {
                        self.rng.between(1, 3) * 1440
                    } else {
                        0
                    };
                let later = self.stamp(at.plus_minutes(minutes));
                if later > end {
                    break;
                }
                at = later;
            }
            if let Some(last) = versions.last_mut() {
                last.flag = Flag::Superseded;
            }
            let segments = build(Edition {
                number,
                cancel: false,
                at,
            });
            versions.push(Version {
                occurred: at,
                flag: Flag::Valid,
                message_type: insert,
                segments,
            });
        }
        if let (true, Some(message_type)) = (plan.cancelled, row.cancel) {
            for version in &mut versions {
                version.flag = Flag::Deleted;
            }
            let minutes = self.rng.between(5, 40);
            let at = self.stamp(at.plus_minutes(minutes));
            let segments = build(Edition {
                number: updates,
                cancel: true,
                at,
            });
            versions.push(Version {
                occurred: at,
                flag: Flag::Deleted,
                message_type,
                segments,
            });
        }
        self.keys.insert(key);
        let Plan {
            kind,
            care_day,
            order,
            department,
            promised,
            late,
            ..
        } = plan;
        self.filings.push(Filing {
            kind,
            care_day,
            order,
            department,
            versions,
            promised,
            late,
        });
        true
    }

    /// The moment with seconds and, where the maker's clock has them, milliseconds.
    fn stamp(&mut self, minute: Moment) -> Moment {
        let at = minute.whole_second().plus_ms(self.rng.below(60_000));
        match self.site.quirks.fraction {
            crate::vendor::Fraction::None | crate::vendor::Fraction::FourZeros => at.whole_second(),
            _ => at,
        }
    }
}
