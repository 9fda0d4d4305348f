//! Ids, keys and contents, from little: what a test changes one thing of.

use crate::signature::SigningKey;
use sekisho_domain::{
    AreaCode, Capture, Codes, Commitment, ConsentPolicy, ConsentRule, Disaster, DisasterKind,
    EntryIndex, FacilityId, FacilityKind, FoundingNetwork, FoundingReplica, Genesis, Grant, Hash,
    KeyPurpose, NetworkId, NewFacility, Notice, NoticeAbout, Period, PractitionerId, Proxy,
    ProxyKind, Purpose, ReplicaId, Reservation, Review, Role, Rule, Scope, SubjectId, TimeMs,
    Verdict, ViewerSelector, Withdrawal,
};
use sha2::{Digest, Sha256};

/// When every world begins.
pub const BEGIN: TimeMs = TimeMs(1_790_000_000_000);

/// 1 April 2027, 00:00 in Japan: when a parent's word can end.
pub const FIRST_OF_APRIL: TimeMs = TimeMs(1_806_505_200_000);

/// From the begin of the world on.
pub const ALWAYS: Period = Period {
    from: BEGIN,
    until: None,
};

/// The key of a network for a purpose, the same in every world.
pub fn key(network: &str, purpose: KeyPurpose) -> SigningKey {
    SigningKey::from_secret(&Sha256::digest(format!("sekisho test key {network} {purpose}")).into())
}

/// A network's id.
pub fn network(id: &str) -> NetworkId {
    id.parse().expect("a network id")
}

/// A facility's id.
pub fn facility(code: &str) -> FacilityId {
    code.parse().expect("a facility code")
}

/// A prefecture or municipality.
pub fn area(code: &str) -> AreaCode {
    code.parse().expect("an area code")
}

/// A subject, from one byte.
pub fn subject(byte: u8) -> SubjectId {
    SubjectId([byte; 16])
}

/// A practitioner, from one byte. Who asks in a test is 1, if nothing else is said.
pub fn practitioner(byte: u8) -> PractitionerId {
    PractitionerId([byte; 16])
}

/// A rule with the usual ways of taking and withdrawing consent.
pub fn rule(scope: Scope) -> Rule {
    Rule {
        scope,
        capture: [Capture::Written, Capture::Oral].into(),
        new_facility: NewFacility::NeedsConsent(Capture::Written),
        withdrawal: [Withdrawal::Written].into(),
    }
}

/// A policy that holds from the begin of the world on.
pub fn policy(version: u32, disclosing: Option<Rule>, viewing: Option<Rule>) -> ConsentPolicy {
    ConsentPolicy {
        version,
        valid_from: BEGIN,
        text_hash: Hash([7; 32]),
        disclosing,
        viewing,
        voids_earlier: false,
        emergency: None,
    }
}

/// A grant of everything for treatment by physicians of hospitals.
pub fn grant(disclosing: &str, viewing: &str, consent_rule: ConsentRule) -> Grant {
    Grant {
        disclosing: network(disclosing),
        viewing: network(viewing),
        categories: Codes::all(),
        purposes: [Purpose::Treat].into(),
        facility_kinds: [FacilityKind::Hospital].into(),
        roles: [Role::Physician].into(),
        consent_rule,
        valid: ALWAYS,
    }
}

/// A grant of everything for purposes that do not rest on consent.
pub fn grant_without_consent(disclosing: &str, viewing: &str, purposes: Codes<Purpose>) -> Grant {
    Grant {
        purposes,
        ..grant(disclosing, viewing, ConsentRule::NotNeeded)
    }
}

/// A reservation against everybody and everything.
pub fn reservation(of: &str, patient: SubjectId, at: &str) -> Reservation {
    Reservation {
        network: network(of),
        subject: patient,
        viewer: ViewerSelector::Anyone,
        disclosing_facilities: None,
        categories: None,
        purposes: None,
        period: ALWAYS,
        recorded_by: facility(at),
        proxy: None,
    }
}

/// A proxy that ends on [`FIRST_OF_APRIL`].
pub fn proxy(of: &str, patient: SubjectId, at: &str, kind: ProxyKind) -> Proxy {
    Proxy {
        network: network(of),
        subject: patient,
        kind,
        period: Period {
            from: BEGIN,
            until: Some(FIRST_OF_APRIL),
        },
        recorded_by: facility(at),
        evidence: Commitment([10; 32]),
    }
}

/// A notice of purposes, at one facility or all.
pub fn purposes_notice(at: Option<&str>, purposes: Codes<Purpose>) -> Notice {
    Notice {
        about: NoticeAbout::Purposes {
            facility: at.map(facility),
            purposes,
        },
        period: ALWAYS,
        text_hash: Hash([11; 32]),
    }
}

/// A notice that a facility has joined.
pub fn joining_notice(of: &str) -> Notice {
    Notice {
        about: NoticeAbout::Joining {
            facility: facility(of),
        },
        period: ALWAYS,
        text_hash: Hash([11; 32]),
    }
}

/// An earthquake, for a day.
pub fn disaster(area: &[&str], from: TimeMs) -> Disaster {
    Disaster {
        kind: DisasterKind::Earthquake,
        area: area.iter().map(|code| self::area(code)).collect(),
        from,
        until: from.plus_ms(24 * 60 * 60 * 1000),
        drill: false,
    }
}

/// A judgement by the practitioner 9.
pub fn review(access: EntryIndex, verdict: Verdict) -> Review {
    Review {
        access,
        reviewer: practitioner(9),
        verdict,
        evidence: Commitment([12; 32]),
    }
}

/// The founding file of some networks, each with one replica.
pub fn genesis(networks: &[&str]) -> Genesis {
    let mut ids: Vec<_> = networks.to_vec();
    ids.sort_unstable();
    let founding = |id: &&str| FoundingNetwork {
        id: network(id),
        name: format!("ネットワーク {id}"),
        governance_key: key(id, KeyPurpose::Governance).public_key(),
    };
    let replica = |(n, id): (u64, &&str)| FoundingReplica {
        id: ReplicaId(n),
        network: network(id),
        endpoint: format!("127.0.0.1:{}", 40_000 + n),
        transport_key: key(id, KeyPurpose::Transport).public_key(),
        checkpoint_key: key(id, KeyPurpose::Checkpoint).public_key(),
    };
    Genesis {
        created: BEGIN,
        networks: ids.iter().map(founding).collect(),
        replicas: (1..).zip(ids.iter()).map(replica).collect(),
    }
}
