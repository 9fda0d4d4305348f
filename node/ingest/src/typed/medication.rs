//! Drugs ordered and given.

use super::Coded;
use crate::message::{Message, Segment};
use crate::time;
use sekisho_domain::TimeMs;

/// So much of something, as sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Amount {
    /// The number.
    pub number: String,
    /// Its unit's name; its code where it has no name.
    pub unit: String,
}

/// One drug.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Drug {
    /// Which.
    pub drug: Coded,
    /// How much: of one dose, or in one bag of an injection.
    pub dose: Amount,
}

/// One order line of drugs with how to take them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prescription {
    /// The order's number.
    pub order: String,
    /// Its group (RP), where it has one.
    pub group: String,
    /// The drugs: one, or what an injection is mixed of.
    pub drugs: Vec<Drug>,
    /// How much in all.
    pub dispensed: Amount,
    /// How much a day.
    pub daily: Amount,
    /// How to take it.
    pub usage: String,
    /// By which way (HL7 table 0162).
    pub route: Coded,
    /// For how long, as sent, e.g. `5 d`.
    pub duration: String,
    /// From when.
    pub from: Option<TimeMs>,
    /// Until when.
    pub until: Option<TimeMs>,
    /// Whether it tells of what was given, not of what was ordered.
    pub is_given: bool,
}

pub(super) fn prescriptions(message: &Message<'_>) -> Vec<Prescription> {
    let groups = message.groups("ORC");
    groups
        .iter()
        .filter_map(|group| prescription(group))
        .collect()
}

fn prescription(group: &[Segment<'_, '_>]) -> Option<Prescription> {
    let of = |name: &'static str| group.iter().filter(move |s| s.name() == name);
    let mut made = Prescription::default();
    if let Some(orc) = of("ORC").next() {
        (made.order, made.group) = (orc.text(2, 1), orc.text(4, 1));
    }
    if let Some(rxe) = of("RXE").next() {
        made.drugs.push(Drug {
            drug: Coded::of(rxe, 2),
            dose: amount(rxe, 3, 5),
        });
        made.dispensed = amount(rxe, 10, 11);
        // `3^TAB&錠&MR9P`: the unit is one component of three parts.
        let unit = rxe.raw(19, 2).split('&').nth(1).unwrap_or_default();
        made.daily = Amount {
            number: rxe.text(19, 1),
            unit: unit.to_owned(),
        };
    }
    for rxa in of("RXA") {
        made.is_given = true;
        made.drugs.push(Drug {
            drug: Coded::of(rxa, 5),
            dose: amount(rxa, 6, 7),
        });
        made.from = made.from.or_else(|| time::parse(rxa.raw(3, 1)));
        made.until = time::parse(rxa.raw(4, 1)).max(made.until);
    }
    let mixed: Vec<Drug> = of("RXC")
        .map(|rxc| Drug {
            drug: Coded::of(rxc, 2),
            dose: amount(rxc, 3, 4),
        })
        .collect();
    if !mixed.is_empty() && !made.is_given {
        // RXE then says only what kind of injection it is.
        made.drugs = mixed;
    }
    if made.drugs.is_empty() {
        return None;
    }
    if let Some(tq1) = of("TQ1").next() {
        let usage = tq1.raw(3, 1);
        made.usage = usage
            .split('&')
            .nth(1)
            .filter(|u| !u.is_empty())
            .unwrap_or(usage)
            .to_owned();
        made.duration = tq1.parts_of(6, 1).join(" ");
        made.from = made.from.or_else(|| time::parse(tq1.raw(7, 1)));
        made.until = made.until.or_else(|| time::parse(tq1.raw(8, 1)));
    }
    if let Some(rxr) = of("RXR").next() {
        made.route = Coded::of(rxr, 1);
    }
    Some(made)
}

fn amount(segment: &Segment<'_, '_>, number: usize, unit: usize) -> Amount {
    let name = segment.text(unit, 2);
    Amount {
        number: segment.text(number, 1),
        unit: if name.is_empty() {
            segment.text(unit, 1)
        } else {
            name
        },
    }
}
