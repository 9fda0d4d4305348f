//! What is not well, by plain rules over numbers. Each trouble has a message of what it is and one of what to do.

use sekisho_domain::TimeMs;
use sekisho_ingest::follow::Sight;
use sekisho_node::Health;
use sekisho_proto::v1;

/// A quorum that acknowledged nothing for so long is one that is gone: twenty of the longest rounds within Japan.
const QUORUM_MS_MAX: u64 = 2_000;
/// Leaves a majority has not cosigned so long after the last was put in order: thirty times what it takes.
const CHECKPOINT_MS_MAX: u64 = 30_000;
/// Entries a replica may lack before it counts as behind: some seconds of a busy ledger.
pub const LAG_MAX: u64 = 5_000;
/// Entries that may wait to be applied here.
const APPLY_MAX: u64 = 1_000;
/// Releases and receipts that may wait for the ledger: an outbox is empty within seconds.
const OUTBOX_MAX: u64 = 100;

/// How bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing to do.
    Good,
    /// Nothing is known here.
    Unknown,
    /// To be looked at.
    Warn,
    /// Something does not work.
    Bad,
}

impl Level {
    /// In class names and message ids.
    pub fn code(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Unknown => "unknown",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }

    /// So that colour is not all that tells.
    pub fn mark(self) -> &'static str {
        match self {
            Self::Good => "✓",
            Self::Unknown => "?",
            Self::Warn => "!",
            Self::Bad => "×",
        }
    }
}

/// One thing that is not well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    pub level: Level,
    /// The kind: its messages are `operator-trouble-{kind}` and `operator-do-{kind}`.
    pub kind: &'static str,
    /// How much, where it is a number.
    pub count: u64,
    /// The replica's own sentence (English), or which one it is.
    pub detail: String,
}

/// What is not well, the worst first.
pub fn troubles(
    status: Option<&v1::StatusReply>,
    health: &Health,
    behind: u64,
    now: TimeMs,
) -> Vec<Trouble> {
    let mut all = Vec::new();
    let mut add = |level, kind, count, detail: String| {
        all.push(Trouble {
            level,
            kind,
            count,
            detail,
        });
    };
    let none = String::new;
    if let Some(of) = status {
        for alarm in &of.alarms {
            add(Level::Bad, "alarm", 0, alarm.clone());
        }
        match of.leader {
            _ if !of.ready => add(Level::Warn, "starting", 0, none()),
            None => add(Level::Bad, "no-leader", 0, none()),
            Some(_) => {}
        }
        let leads = of.leader == Some(of.replica);
        if let Some(ms) = of.quorum_ack_ms.filter(|ms| leads && *ms > QUORUM_MS_MAX) {
            add(Level::Bad, "no-quorum", ms / 1000, none());
        }
        let waiting = of.log_last.saturating_sub(of.log_applied);
        if waiting > APPLY_MAX {
            add(Level::Warn, "applying", waiting, none());
        }
        let late = TimeMs(of.time_ms).plus_ms(CHECKPOINT_MS_MAX) < now;
        if of.published_size < of.tree_size && late {
            let count = of.tree_size - of.published_size;
            add(Level::Bad, "checkpoint", count, none());
        }
        for member in &of.members {
            let name = format!("{} ({})", member.network, member.replica);
            match lag(of, member) {
                Some(lag) if lag > LAG_MAX => add(Level::Warn, "lag", lag, name),
                _ if member.promoted && !member.in_group => add(Level::Warn, "absent", 0, name),
                _ => {}
            }
        }
        if let Some(waits) = &of.waits {
            add(Level::Warn, "waits", 0, waits.clone());
        }
    }
    if !health.ready {
        add(Level::Bad, "reading", 0, none());
    }
    if health.outbox > OUTBOX_MAX {
        add(Level::Bad, "outbox", health.outbox, none());
    }
    let quarantined = health.documents.quarantined.values().sum();
    if quarantined > 0 {
        add(Level::Warn, "quarantine", quarantined, none());
    }
    for source in &health.sources {
        if let Some(Sight::Partly { unwatched, .. }) = source.sight {
            add(Level::Warn, "partly", unwatched, source.id.to_string());
        }
    }
    if behind > 0 {
        add(Level::Warn, "behind", behind, none());
    }
    all.sort_by_key(|trouble| std::cmp::Reverse(trouble.level));
    all
}

/// How many entries of the log a replica lacks, where the leader was asked.
pub fn lag(status: &v1::StatusReply, member: &v1::MemberStatus) -> Option<u64> {
    if status.leader != Some(status.replica) || !member.in_group {
        return None;
    }
    if member.replica == status.replica {
        return Some(0);
    }
    let matched = member.log_matched.unwrap_or_default();
    Some(status.log_last.saturating_sub(matched))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sekisho_documents::{Counters, QuarantineReason};

    fn well() -> (v1::StatusReply, Health) {
        let member = |replica, log_matched| v1::MemberStatus {
            replica,
            network: format!("n{replica}"),
            voter: true,
            promoted: true,
            in_group: true,
            log_matched,
            ..v1::MemberStatus::default()
        };
        let status = v1::StatusReply {
            replica: 1,
            ready: true,
            leader: Some(1),
            log_last: 10_000,
            log_applied: 10_000,
            tree_size: 900,
            published_size: 900,
            time_ms: 1_000_000,
            quorum_ack_ms: Some(20),
            members: vec![member(1, None), member(2, Some(9_990))],
            ..v1::StatusReply::default()
        };
        let health = Health {
            ready: true,
            outbox: 0,
            documents: Counters::default(),
            sources: Vec::new(),
        };
        (status, health)
    }

    type Change = fn(&mut v1::StatusReply, &mut Health);

    #[test]
    fn each_rule_tells_of_its_trouble_and_of_nothing_else() {
        let now = TimeMs(1_000_000 + CHECKPOINT_MS_MAX + 1);
        let (status, health) = well();
        assert_eq!(troubles(Some(&status), &health, 0, now), []);
        assert_eq!(
            troubles(None, &health, 0, now),
            [],
            "a node without a replica"
        );
        let cases: [(&str, Level, Change); 12] = [
            ("alarm", Level::Bad, |s, _| s.alarms.push("fork".to_owned())),
            ("starting", Level::Warn, |s, _| s.ready = false),
            ("no-leader", Level::Bad, |s, _| s.leader = None),
            ("no-quorum", Level::Bad, |s, _| {
                s.quorum_ack_ms = Some(5_000)
            }),
            ("applying", Level::Warn, |s, _| s.log_applied = 1),
            ("checkpoint", Level::Bad, |s, _| s.published_size = 899),
            ("lag", Level::Warn, |s, _| {
                s.members[1].log_matched = Some(1)
            }),
            ("absent", Level::Warn, |s, _| s.members[1].in_group = false),
            ("waits", Level::Warn, |s, _| {
                s.waits = Some("a vote".to_owned())
            }),
            ("reading", Level::Bad, |_, h| h.ready = false),
            ("outbox", Level::Bad, |_, h| h.outbox = OUTBOX_MAX + 1),
            ("quarantine", Level::Warn, |_, h| {
                h.documents.quarantined.insert(QuarantineReason::ALL[0], 2);
            }),
        ];
        for (kind, level, change) in cases {
            let (mut status, mut health) = well();
            change(&mut status, &mut health);
            let found = troubles(Some(&status), &health, 0, now);
            let found: Vec<_> = found.iter().map(|t| (t.kind, t.level)).collect();
            assert_eq!(found, [(kind, level)]);
        }
        let (mut status, health) = well();
        status.published_size = 1;
        let young = TimeMs(status.time_ms + 1_000);
        assert_eq!(
            troubles(Some(&status), &health, 0, young),
            [],
            "it is on its way"
        );
        status.alarms.push("x".to_owned());
        let found = troubles(Some(&status), &health, 7, now);
        let kinds: Vec<_> = found.iter().map(|t| t.kind).collect();
        assert_eq!(kinds, ["alarm", "checkpoint", "behind"], "the worst first");
    }
}
