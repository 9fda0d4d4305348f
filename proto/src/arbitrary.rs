//! Any value of the domain that its types allow, for property tests.

use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use sekisho_domain::*;
use std::collections::BTreeSet;

fn some<T: Clone + Ord + std::fmt::Debug + 'static>(
    all: &'static [T],
) -> BoxedStrategy<BTreeSet<T>> {
    subsequence(all.to_vec(), 1..=all.len())
        .prop_map(|v| v.into_iter().collect())
        .boxed()
}
fn network() -> impl Strategy<Value = NetworkId> {
    "[a-z0-9][a-z0-9-]{0,39}".prop_map(|t| t.parse().unwrap())
}
fn agreement_id() -> impl Strategy<Value = AgreementId> {
    "[a-z0-9][a-z0-9-]{0,63}".prop_map(|t| t.parse().unwrap())
}
fn facility() -> impl Strategy<Value = FacilityId> {
    "[0-9]{10}".prop_map(|t| t.parse().unwrap())
}
fn facilities() -> impl Strategy<Value = BTreeSet<FacilityId>> {
    btree_set(facility(), 1..5)
}
fn subject() -> impl Strategy<Value = SubjectId> {
    any::<[u8; 16]>().prop_map(SubjectId)
}
fn subject_ref() -> impl Strategy<Value = SubjectRef> {
    (network(), subject()).prop_map(|(network, subject)| SubjectRef { network, subject })
}
fn commitment() -> impl Strategy<Value = Commitment> {
    any::<[u8; 32]>().prop_map(Commitment)
}
fn hash() -> impl Strategy<Value = Hash> {
    any::<[u8; 32]>().prop_map(Hash)
}
fn key() -> impl Strategy<Value = PublicKey> {
    any::<[u8; 32]>().prop_map(PublicKey)
}
fn index() -> impl Strategy<Value = EntryIndex> {
    any::<u64>().prop_map(EntryIndex)
}
fn time() -> impl Strategy<Value = TimeMs> {
    any::<u64>().prop_map(TimeMs)
}
fn name() -> impl Strategy<Value = String> {
    "[病院a-z]([病院 a-z]{0,98}[病院a-z])?"
}
fn period() -> impl Strategy<Value = Period> {
    (any::<u64>(), option::of(1..u64::MAX)).prop_map(|(from, length)| {
        let until = length
            .and_then(|length| from.checked_add(length))
            .map(TimeMs);
        Period::new(TimeMs(from), until).unwrap()
    })
}
fn categories() -> impl Strategy<Value = Option<BTreeSet<Category>>> {
    option::of(some(Category::ALL))
}

fn rule() -> impl Strategy<Value = Rule> {
    let new = prop_oneof![
        select(Capture::ALL).prop_map(NewFacility::NeedsConsent),
        Just(NewFacility::NotCovered)
    ];
    (
        select(Scope::ALL),
        some(Capture::ALL),
        new,
        some(Withdrawal::ALL),
    )
        .prop_map(|(scope, capture, new_facility, withdrawal)| Rule {
            scope,
            capture,
            new_facility,
            withdrawal,
        })
}

fn policy() -> impl Strategy<Value = ConsentPolicy> {
    (
        any::<u32>(),
        time(),
        hash(),
        rule(),
        option::of(rule()),
        any::<bool>(),
    )
        .prop_map(|(version, valid_from, text_hash, rule, other, swap)| {
            let (disclosing, viewing) = if swap {
                (other, Some(rule))
            } else {
                (Some(rule), other)
            };
            ConsentPolicy {
                version,
                valid_from,
                text_hash,
                disclosing,
                viewing,
            }
        })
}

fn agreement() -> impl Strategy<Value = Agreement> {
    let terms = (
        some(Category::ALL),
        some(Purpose::ALL),
        some(FacilityKind::ALL),
        some(Role::ALL),
        select(ConsentRule::ALL),
        period(),
        any::<(prop::sample::Index, prop::sample::Index)>(),
    );
    (
        agreement_id(),
        any::<u32>(),
        btree_set(network(), 2..5),
        vec(terms, 1..4),
        period(),
        hash(),
    )
        .prop_map(|(id, version, parties, terms, valid, text_hash)| {
            let all: Vec<_> = parties.iter().cloned().collect();
            let grants = terms
                .into_iter()
                .map(
                    |(categories, purposes, facility_kinds, roles, consent_rule, valid, (a, b))| {
                        let (a, skip) = (a.index(all.len()), 1 + b.index(all.len() - 1));
                        let (disclosing, viewing) =
                            (all[a].clone(), all[(a + skip) % all.len()].clone());
                        Grant {
                            disclosing,
                            viewing,
                            categories,
                            purposes,
                            facility_kinds,
                            roles,
                            consent_rule,
                            valid,
                        }
                    },
                )
                .collect();
            Agreement {
                id,
                version,
                parties,
                grants,
                valid,
                text_hash,
            }
        })
}

fn consent() -> impl Strategy<Value = Consent> {
    let selector = prop_oneof![
        Just(FacilitySelector::All),
        facilities().prop_map(FacilitySelector::Listed)
    ];
    (
        (
            network(),
            subject(),
            select(Side::ALL),
            selector,
            categories(),
            option::of(some(Purpose::ALL)),
        ),
        (
            period(),
            select(Capture::ALL),
            facility(),
            any::<u32>(),
            commitment(),
        ),
    )
        .prop_map(
            |(
                (network, subject, side, facilities, categories, purposes),
                (period, capture, recorded_by, policy_version, evidence),
            )| Consent {
                network,
                subject,
                side,
                facilities,
                categories,
                purposes,
                period,
                capture,
                recorded_by,
                policy_version,
                evidence,
            },
        )
}

fn reservation() -> impl Strategy<Value = Reservation> {
    let viewer = prop_oneof![
        Just(ViewerSelector::Anyone),
        network().prop_map(ViewerSelector::Network),
        facility().prop_map(ViewerSelector::Facility)
    ];
    (
        network(),
        subject(),
        viewer,
        option::of(facilities()),
        categories(),
        period(),
        facility(),
    )
        .prop_map(
            |(network, subject, viewer, disclosing_facilities, categories, period, recorded_by)| {
                Reservation {
                    network,
                    subject,
                    viewer,
                    disclosing_facilities,
                    categories,
                    period,
                    recorded_by,
                }
            },
        )
}

fn request() -> impl Strategy<Value = AccessRequest> {
    (
        (
            network(),
            facility(),
            select(Role::ALL),
            commitment(),
            select(Purpose::ALL),
        ),
        (
            subject(),
            option::of(commitment()),
            categories(),
            btree_set(network(), 1..5),
        ),
    )
        .prop_map(
            |(
                (viewing, facility, role, practitioner, purpose),
                (subject, document, categories, mut targets),
            )| {
                let action = match document {
                    None => Action::FindDocuments,
                    Some(_) => Action::RetrieveDocument,
                };
                while document.is_some() && targets.len() > 1 {
                    targets.pop_last();
                }
                AccessRequest {
                    viewing,
                    facility,
                    role,
                    practitioner,
                    purpose,
                    subject,
                    action,
                    document,
                    categories,
                    targets,
                }
            },
        )
}

fn transfer() -> impl Strategy<Value = Transfer> {
    (index(), network(), commitment(), commitment()).prop_map(
        |(access, disclosing, document, content)| Transfer {
            access,
            disclosing,
            document,
            content,
        },
    )
}

/// How many kinds of [`Body`] there are.
pub(crate) const BODIES: usize = 19;

/// A body of the kind of this number, from 0.
pub(crate) fn body(kind: usize) -> BoxedStrategy<Body> {
    let consent_id = || index().prop_map(ConsentId);
    let link = || (subject(), subject_ref());
    match kind {
        0 => (network(), name(), key())
            .prop_map(|(network, name, governance_key)| Body::NetworkAdmit {
                network,
                name,
                governance_key,
            })
            .boxed(),
        1 => (
            select(KeyPurpose::ALL),
            key(),
            option::of("[a-z0-9.-]{1,200}:[1-9][0-9]{0,3}"),
        )
            .prop_map(|(purpose, public_key, endpoint)| Body::KeyAdd {
                purpose,
                public_key,
                endpoint,
            })
            .boxed(),
        2 => any::<[u8; 32]>()
            .prop_map(|key| Body::KeyRevoke { key: KeyId(key) })
            .boxed(),
        3 => (facility(), select(FacilityKind::ALL), name())
            .prop_map(|(facility, kind, name)| Body::FacilityRegister {
                facility,
                kind,
                name,
            })
            .boxed(),
        4 => facility()
            .prop_map(|facility| Body::FacilityLeave { facility })
            .boxed(),
        5 => policy().prop_map(Body::ConsentPolicyPublish).boxed(),
        6 => agreement().prop_map(Body::AgreementPropose).boxed(),
        7 => (agreement_id(), any::<u32>(), hash())
            .prop_map(|(id, version, digest)| Body::AgreementSign {
                id,
                version,
                digest,
            })
            .boxed(),
        8 => agreement_id()
            .prop_map(|id| Body::AgreementSuspend { id })
            .boxed(),
        9 => agreement_id()
            .prop_map(|id| Body::AgreementTerminate { id })
            .boxed(),
        10 => consent().prop_map(Body::ConsentGrant).boxed(),
        11 => (
            consent_id(),
            select(Withdrawal::ALL),
            facility(),
            commitment(),
        )
            .prop_map(
                |(consent, way, recorded_by, evidence)| Body::ConsentWithdraw {
                    consent,
                    way,
                    recorded_by,
                    evidence,
                },
            )
            .boxed(),
        12 => reservation().prop_map(Body::ReservationSet).boxed(),
        13 => (index(), facility())
            .prop_map(|(index, recorded_by)| Body::ReservationClear {
                reservation: ReservationId(index),
                recorded_by,
            })
            .boxed(),
        14 => link()
            .prop_map(|(own, other)| Body::SubjectLink { own, other })
            .boxed(),
        15 => link()
            .prop_map(|(own, other)| Body::SubjectUnlink { own, other })
            .boxed(),
        16 => request().prop_map(Body::AccessRequest).boxed(),
        17 => transfer().prop_map(Body::Release).boxed(),
        _ => transfer().prop_map(Body::Receipt).boxed(),
    }
}

/// An entry of the kind of this number.
pub(crate) fn entry(kind: usize) -> impl Strategy<Value = Entry> {
    (
        any::<([u8; 32], u64, [u8; 32], [u8; 16], u64, u32)>(),
        1..=Entry::WINDOW_MS_MAX,
        body(kind),
    )
        .prop_map(
            |((ledger, lineage, author, request_id, claimed, before), window, body)| Entry {
                ledger: LedgerId(ledger),
                lineage,
                author: KeyId(author),
                request_id: RequestId(request_id),
                claimed_time: TimeMs(claimed),
                not_before: TimeMs(before.into()),
                not_after: TimeMs(u64::from(before) + window),
                body,
            },
        )
}

fn decision() -> impl Strategy<Value = Decision> {
    let reference =
        || (agreement_id(), any::<u32>()).prop_map(|(id, version)| AgreementRef { id, version });
    let reach = prop_oneof![
        Just(DisclosingFacilities::All),
        index().prop_map(DisclosingFacilities::RegisteredBefore),
        facilities().prop_map(DisclosingFacilities::Listed)
    ];
    let consents =
        btree_set(index().prop_map(ConsentId), 1..4).prop_map(|set| set.into_iter().collect());
    let basis = (
        option::of((reference(), any::<u32>())),
        consents,
        some(Category::ALL),
        reach,
    )
        .prop_map(|(grant, consents, categories, facilities)| Basis {
            grant,
            consents,
            categories,
            facilities,
        });
    let withheld =
        (categories(), option::of(facilities())).prop_map(|(categories, facilities)| Withheld {
            categories,
            facilities,
        });
    let terms = (subject(), vec(basis, 1..4), vec(withheld, 0..3), time()).prop_map(
        |(subject, bases, withheld, expires)| PermitTerms {
            subject,
            bases,
            withheld,
            expires,
        },
    );
    prop_oneof![
        terms.prop_map(Decision::Permit),
        (select(DenyReason::ALL), option::of(reference()))
            .prop_map(|(reason, agreement)| Decision::Deny(Denial { reason, agreement })),
    ]
}

/// Any outcome of an entry.
pub(crate) fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::Accepted),
        select(RefusalReason::ALL).prop_map(Outcome::Refused),
        proptest::collection::btree_map(network(), decision(), 1..4)
            .prop_map(|decisions| Outcome::Decided(decisions.into_iter().collect())),
    ]
}

/// Any outcome of an asked network.
pub(crate) fn network_outcome() -> impl Strategy<Value = NetworkOutcome> {
    prop_oneof![
        any::<u64>().prop_map(|count| NetworkOutcome::Answered { count }),
        select(DenyReason::ALL).prop_map(|reason| NetworkOutcome::Denied { reason }),
        any::<u64>().prop_map(|waited_ms| NetworkOutcome::TimedOut { waited_ms }),
        Just(NetworkOutcome::PatientUnknown),
        Just(NetworkOutcome::Unreachable),
        Just(NetworkOutcome::Malformed),
        Just(NetworkOutcome::Suspended),
        Just(NetworkOutcome::Stale),
    ]
}
