//! The networks and what goes between them, on a map of Japan.
//!
//! A network stands where most of its facilities do: the first two digits of a facility's code are its prefecture. Drawn
//! from numbers and from names that are escaped like all text; a table says the same.

use super::health::asked;
use super::labels::{Label, Sizes, labels};
use super::map_data::{SHAPES, SIZE};
use super::trouble::{LAG_MAX, Level, lag, troubles};
use crate::accesses::Traffic;
use crate::fault::Fault;
use crate::page::{Page, Visitor, answered, html};
use crate::state::Portal;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::{NetworkId, PREFECTURES, PREFECTURES_LATIN, TimeMs};
use sekisho_ledger::note::Note;
use sekisho_ledger::{AGREEMENTS_OF_PAIR_MAX, NETWORKS_MAX};
use sekisho_node::LedgerFault;
use sekisho_proto::v1;
use sekisho_transport::Deadline;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Facilities looked at: more than those of all surveyed networks together.
const FACILITIES_MAX: usize = 100_000;
/// Agreements looked at.
const AGREEMENTS_MAX: usize = NETWORKS_MAX * NETWORKS_MAX / 2 * AGREEMENTS_OF_PAIR_MAX;
/// Traffic shown.
const TRAFFIC_MS: u64 = 30 * 86_400_000;
/// Time to be told the last checkpoint; the map is drawn without it else.
const CHECKPOINT_TIMEOUT: Duration = Duration::from_millis(500);
/// Distance between the marks of networks of one prefecture.
const APART: i64 = 16;

/// A network on the ledger.
struct Read {
    id: NetworkId,
    name: String,
    /// Its prefectures by number, those with most facilities first.
    places: Vec<(usize, usize)>,
}

/// A network's mark and its row.
struct Mark {
    id: String,
    name: String,
    place: String,
    facilities: usize,
    level: Level,
    said: String,
    at: Option<(i64, i64)>,
    label: Option<Label>,
}

/// A mark's radius and a name's em on the whole drawing, in tenths.
const RADIUS: i64 = 75;
const EM: i64 = 110;

/// A line between two networks, and the row about it.
struct Link {
    one: String,
    other: String,
    agreed: bool,
    /// That the one asked the other, and the other way round.
    there: Traffic,
    back: Traffic,
    line: Option<Line>,
}

struct Line {
    from: (i64, i64),
    to: (i64, i64),
    /// In tenths.
    width: i64,
}

#[derive(Template)]
#[template(path = "operator-map.html")]
struct MapPage<'a> {
    page: Page<'a>,
    shapes: Vec<(&'static str, &'static str)>,
    part: Part,
    marks: Vec<Mark>,
    links: Vec<Link>,
    behind: u64,
}

pub async fn page(State(portal): State<Portal>, visitor: Visitor) -> Response {
    answered(&portal, &visitor, made(&portal, &visitor)).await
}

async fn made(portal: &Portal, visitor: &Visitor) -> Result<Response, Fault> {
    let (networks, agreed) = read(portal).await?;
    let since = TimeMs(portal.environment.now().0.saturating_sub(TRAFFIC_MS));
    let traffic = portal.accesses(move |rows| rows.traffic(since)).await?;
    let (status, health) = asked(portal).await?;
    let behind = portal.rows.behind();
    let worst = troubles(status.as_ref(), &health, behind, portal.environment.now());
    let worst = worst.first().map_or(Level::Good, |trouble| trouble.level);
    let seen = Seen {
        own: portal.settings.network.clone(),
        worst,
        cosigned: cosigned(portal).await,
        status,
    };
    let page = Page::new(portal, visitor, "operator-map");
    let mut taken = BTreeMap::<usize, i64>::new();
    let mut marks: Vec<Mark> = networks
        .iter()
        .map(|network| mark(network, &seen, &mut taken, &page))
        .collect();
    let part = Part::of(&marks);
    label(&mut marks, part);
    let names = PREFECTURES.iter().zip(PREFECTURES_LATIN);
    let shapes = SHAPES.iter().zip(names);
    html(&MapPage {
        shapes: shapes
            .map(|((path, ..), (ja, en))| (*path, page.pick(ja, en)))
            .collect(),
        part,
        links: links(&marks, &agreed, &traffic),
        marks,
        behind,
        page,
    })
}

type Pairs = BTreeSet<(NetworkId, NetworkId)>;

/// The networks with their places, and the pairs with an agreement that all parties signed and nothing has ended.
async fn read(portal: &Portal) -> Result<(Vec<Read>, Pairs), Fault> {
    let read = portal.ask(|snapshot| {
        let view = snapshot.view();
        let networks = view.networks().map_err(LedgerFault::from)?;
        let mut counted = BTreeMap::<NetworkId, BTreeMap<usize, usize>>::new();
        for (id, facility) in view.facilities(FACILITIES_MAX).map_err(LedgerFault::from)? {
            let number = id.prefecture().parse().unwrap_or(0);
            if facility.left.is_none() && (1..=SHAPES.len()).contains(&number) {
                let of = counted.entry(facility.network).or_default();
                *of.entry(number).or_default() += 1;
            }
        }
        let mut agreed = Pairs::new();
        for (id, head) in view.agreements(AGREEMENTS_MAX).map_err(LedgerFault::from)? {
            let Some(version) = head.signed.last() else {
                continue;
            };
            if head.suspended.is_some() || head.terminated.is_some() {
                continue;
            }
            let found = view.agreement(&id, *version).map_err(LedgerFault::from)?;
            let grants = found.map(|record| record.value.agreement.grants);
            for grant in grants.unwrap_or_default() {
                agreed.insert(pair(&grant.disclosing, &grant.viewing));
            }
        }
        let networks = networks.into_iter().map(|(id, network)| {
            let mut places: Vec<_> = counted
                .remove(&id)
                .unwrap_or_default()
                .into_iter()
                .collect();
            places.sort_by_key(|(number, count)| (std::cmp::Reverse(*count), *number));
            Read {
                id,
                name: network.name,
                places,
            }
        });
        Ok((networks.collect(), agreed))
    });
    Ok(read.await?)
}

fn pair(one: &NetworkId, other: &NetworkId) -> (NetworkId, NetworkId) {
    match one <= other {
        true => (one.clone(), other.clone()),
        false => (other.clone(), one.clone()),
    }
}

/// The networks whose replicas cosigned the last checkpoint. Names on a note are not checked here: this is a lamp on a
/// map, and no evidence.
async fn cosigned(portal: &Portal) -> BTreeSet<NetworkId> {
    let deadline = Deadline::after(CHECKPOINT_TIMEOUT);
    let Ok(checkpoint) = portal.ledger.checkpoint(0, deadline).await else {
        return BTreeSet::new();
    };
    let Ok(note) = Note::parse(checkpoint.note.as_bytes()) else {
        return BTreeSet::new();
    };
    let signatures = note.signatures().iter();
    signatures
        .filter_map(|signature| signature.name.as_str().split_once('.')?.1.parse().ok())
        .collect()
}

/// What is known here of networks' health.
struct Seen {
    own: NetworkId,
    worst: Level,
    cosigned: BTreeSet<NetworkId>,
    status: Option<v1::StatusReply>,
}

impl Seen {
    fn of(&self, network: &NetworkId) -> (Level, &'static str) {
        if *network == self.own {
            return (self.worst, "operator-net-own");
        }
        let members = self.status.iter().flat_map(|status| {
            let of = status.members.iter();
            of.filter(|m| m.network == network.as_str())
                .map(move |m| (status, m))
        });
        let members: Vec<_> = members.collect();
        if members
            .iter()
            .any(|(s, m)| lag(s, m).is_some_and(|lag| lag > LAG_MAX))
        {
            return (Level::Warn, "operator-net-behind");
        }
        if members.iter().any(|(_, m)| m.promoted && !m.in_group) {
            return (Level::Warn, "operator-net-absent");
        }
        if members.iter().any(|(s, m)| lag(s, m).is_some()) {
            return (Level::Good, "operator-net-keeps-up");
        }
        match (self.cosigned.contains(network), members.is_empty()) {
            (true, _) => (Level::Good, "operator-net-cosigned"),
            (false, true) => (Level::Unknown, "operator-net-none"),
            (false, false) => (Level::Unknown, "operator-net-silent"),
        }
    }
}

fn mark(network: &Read, seen: &Seen, taken: &mut BTreeMap<usize, i64>, page: &Page<'_>) -> Mark {
    let (level, said) = seen.of(&network.id);
    let names = network.places.iter().map(|(number, _)| {
        let at = number.saturating_sub(1);
        let of = |all: &[&'static str]| all.get(at).copied().unwrap_or_default();
        page.pick(of(&PREFECTURES), of(&PREFECTURES_LATIN))
    });
    let place: Vec<_> = names.collect();
    let at = network.places.first().and_then(|(number, _)| {
        let (_, x, y) = SHAPES.get(number.checked_sub(1)?)?;
        let before = taken.entry(*number).or_default();
        let (dx, dy) = beside(*before);
        *before += 1;
        Some((i64::from(*x) + dx, i64::from(*y) + dy))
    });
    Mark {
        id: network.id.to_string(),
        name: network.name.clone(),
        place: place.join(page.pick("、", ", ")),
        facilities: network.places.iter().map(|(_, count)| count).sum(),
        level,
        said: page.t(said),
        at,
        label: None,
    }
}

/// Gives every mark that has room for it its name.
fn label(marks: &mut [Mark], part: Part) {
    let sizes = Sizes {
        radius: part.of_whole(RADIUS),
        em: part.of_whole(EM),
        part: (part.x * 10, part.y * 10, part.side * 10),
    };
    let drawn = marks.iter().filter_map(|mark| {
        let (x, y) = mark.at?;
        Some(((x * 10, y * 10), mark.id.as_str()))
    });
    let mut placed = labels(&drawn.collect::<Vec<_>>(), sizes).into_iter();
    for mark in marks.iter_mut().filter(|mark| mark.at.is_some()) {
        mark.label = placed.next().flatten();
    }
}

/// Where the mark of the n-th network of a prefecture stands: around the first.
fn beside(n: i64) -> (i64, i64) {
    // Above and below first: names stand to the right.
    const AROUND: [(i64, i64); 8] = [
        (0, 1),
        (0, -1),
        (-1, 0),
        (1, 0),
        (-1, 1),
        (-1, -1),
        (1, 1),
        (1, -1),
    ];
    let Some(before) = n.checked_sub(1).filter(|_| n > 0) else {
        return (0, 0);
    };
    let at = usize::try_from(before % 8).unwrap_or(0);
    let (x, y) = AROUND.get(at).copied().unwrap_or((0, 0));
    let far = APART * (1 + before / 8);
    (x * far, y * far)
}

fn links(
    marks: &[Mark],
    agreed: &Pairs,
    traffic: &BTreeMap<(NetworkId, NetworkId), Traffic>,
) -> Vec<Link> {
    let asked = traffic.keys().filter(|(a, b)| a != b);
    let mut pairs: Pairs = asked.map(|(a, b)| pair(a, b)).collect();
    pairs.extend(agreed.iter().filter(|(a, b)| a != b).cloned());
    let at = |id: &NetworkId| {
        marks
            .iter()
            .find(|m| m.id == id.as_str())
            .and_then(|m| m.at)
    };
    let of = |a: &NetworkId, b: &NetworkId| {
        let found = traffic.get(&(a.clone(), b.clone()));
        found.copied().unwrap_or_default()
    };
    let one = |(a, b): &(NetworkId, NetworkId)| {
        let (there, back) = (of(a, b), of(b, a));
        let line = at(a).zip(at(b)).map(|(from, to)| Line {
            from,
            to,
            width: width(there.asked + back.asked),
        });
        Link {
            one: a.to_string(),
            other: b.to_string(),
            agreed: agreed.contains(&(a.clone(), b.clone())),
            there,
            back,
            line,
        }
    };
    pairs.iter().map(one).collect()
}

/// The part of the drawing that is shown: all marks with some land around them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    x: i64,
    y: i64,
    side: i64,
}

impl Part {
    /// Least side: a handful of prefectures, so that one can tell where it is.
    const LEAST: i64 = 220;
    /// Around the marks, for names beside them.
    const AROUND: i64 = 60;

    fn of(marks: &[Mark]) -> Self {
        let most = i64::from(SIZE.0.max(SIZE.1));
        let at = marks.iter().filter_map(|mark| mark.at);
        let (xs, ys): (Vec<_>, Vec<_>) = at.unzip();
        let span = |of: &[i64]| of.iter().min().copied().zip(of.iter().max().copied());
        let Some(((left, right), (top, bottom))) = span(&xs).zip(span(&ys)) else {
            return Self {
                x: 0,
                y: 0,
                side: most,
            };
        };
        let wanted = (right - left).max(bottom - top) + 2 * Self::AROUND;
        let side = wanted.clamp(Self::LEAST, most);
        let from = |low: i64, high: i64| ((low + high - side) / 2).clamp(0, most - side);
        Self {
            x: from(left, right),
            y: from(top, bottom),
            side,
        }
    }

    /// A length that looks the same whatever part is shown, from one of the whole drawing; in tenths.
    fn of_whole(self, tenths: i64) -> i64 {
        (tenths * self.side / i64::from(SIZE.0)).max(1)
    }

    fn scaled(self, tenths: &i64) -> String {
        let tenths = self.of_whole(*tenths);
        format!("{}.{}", tenths / 10, tenths % 10)
    }
}

/// A line's width in tenths: one step wider for ten times the traffic.
fn width(asked: u64) -> i64 {
    let steps = asked.checked_ilog10().map_or(0, |log| log + 1);
    12 + 12 * i64::from(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_grow_with_traffic_and_marks_do_not_hide_each_other() {
        let widths: Vec<_> = [0, 1, 9, 10, 1_000, 1_000_000].map(width).into();
        assert_eq!(widths, [12, 24, 24, 36, 60, 96]);
        let places: BTreeSet<_> = (0..64).map(beside).collect();
        assert_eq!(places.len(), 64);
        assert_eq!(beside(0), (0, 0));
    }

    #[test]
    fn the_part_shown_holds_every_mark() {
        let mark = |at| Mark {
            id: String::new(),
            name: String::new(),
            place: String::new(),
            facilities: 0,
            level: Level::Good,
            said: String::new(),
            at,
            label: None,
        };
        let whole = Part::of(&[mark(None)]);
        assert_eq!((whole.x, whole.y, whole.side), (0, 0, 640));
        for (one, other) in [
            ((72, 480), (170, 403)),
            ((440, 90), (70, 550)),
            ((5, 5), (5, 5)),
        ] {
            let part = Part::of(&[mark(Some(one)), mark(Some(other)), mark(None)]);
            for (x, y) in [one, other] {
                assert!((part.x..=part.x + part.side).contains(&x), "{part:?}");
                assert!((part.y..=part.y + part.side).contains(&y), "{part:?}");
            }
            assert!(part.x >= 0 && part.x + part.side <= 640, "{part:?}");
        }
        let near = Part { side: 310, ..whole };
        assert_eq!(
            (near.scaled(&70), near.scaled(&1)),
            ("3.5".to_owned(), "0.1".to_owned())
        );
    }

    #[test]
    fn every_prefecture_has_a_shape_and_a_mark_inside_the_picture() {
        for ((path, x, y), name) in SHAPES.iter().zip(PREFECTURES_LATIN) {
            assert!(path.starts_with('M') && path.ends_with('z'), "{name}");
            let plain = |c: char| c.is_ascii_digit() || "Mlz -".contains(c);
            assert!(path.chars().all(plain), "{name}");
            assert!(*x < SIZE.0 && *y < SIZE.1, "{name}");
        }
    }
}
