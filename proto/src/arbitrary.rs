//! Any value of the domain that its types allow, for property tests.

use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use sekisho_domain::*;
use std::collections::BTreeSet;

fn some<T: Code>(all: &'static [T]) -> BoxedStrategy<Codes<T>> {
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
fn categories() -> impl Strategy<Value = Option<Codes<Category>>> {
    option::of(some(Category::ALL))
}

fn rule() -> impl Strategy<Value = Rule> {
    let new = prop_oneof![
        select(Capture::ALL).prop_map(NewFacility::NeedsConsent),
        Just(NewFacility::NotCovered),
        (1..=NewFacility::NOTICE_DAYS_MAX).prop_map(|days| NewFacility::AfterNotice { days }),
        Just(NewFacility::WhenCardPresented),
        Just(NewFacility::FacilityChoice),
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
        any::<(bool, bool)>(),
        categories(),
    )
        .prop_map(
            |(version, valid_from, text_hash, rule, other, (swap, voids_earlier), emergency)| {
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
                    voids_earlier,
                    emergency,
                }
            },
        )
}

/// Purposes, rule and roles that fit each other.
fn terms() -> impl Strategy<Value = (Codes<Purpose>, ConsentRule, Codes<Role>)> {
    let rules =
        || select(ConsentRule::ALL).prop_filter("consent", |r| *r != ConsentRule::NotNeeded);
    prop_oneof![
        (some(ORDINARY), rules(), some(Role::ALL)),
        (
            some(EXTRAORDINARY),
            Just(ConsentRule::NotNeeded),
            some(BREAKERS)
        ),
    ]
}

const ORDINARY: &[Purpose] = &[
    Purpose::Treat,
    Purpose::CoordinationOfCare,
    Purpose::PatientRequest,
    Purpose::HealthcareResearch,
    Purpose::EmergencyTreatment,
];
const EXTRAORDINARY: &[Purpose] = &[
    Purpose::BreakGlass,
    Purpose::Disaster,
    Purpose::PublicHealth,
    Purpose::Legal,
    Purpose::Threat,
];
const BREAKERS: &[Role] = &[Role::Physician, Role::Paramedic];

fn agreement() -> impl Strategy<Value = Agreement> {
    let terms = (
        some(Category::ALL),
        some(FacilityKind::ALL),
        terms(),
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
        (retention(), select(Settlement::ALL)),
    )
        .prop_map(
            |(id, version, parties, terms, valid, text_hash, (retention, settlement))| {
                let all: Vec<_> = parties.iter().cloned().collect();
                let grants = terms
                    .into_iter()
                    .map(
                        |(
                            categories,
                            facility_kinds,
                            (purposes, consent_rule, roles),
                            valid,
                            (a, b),
                        )| {
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
                    retention,
                    settlement,
                    valid,
                    text_hash,
                }
            },
        )
}

fn retention() -> impl Strategy<Value = Retention> {
    prop_oneof![
        Just(Retention::NotKept),
        (1..=Retention::DAYS_MAX).prop_map(Retention::Days),
        Just(Retention::AsOwnRecord),
    ]
}
fn practitioner() -> impl Strategy<Value = PractitionerId> {
    any::<[u8; 16]>().prop_map(PractitionerId)
}
fn area() -> impl Strategy<Value = AreaCode> {
    "(0[1-9]|[1-3][0-9]|4[0-7])([0-9]{3})?".prop_map(|t| t.parse().unwrap())
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
        (
            option::of(facilities()),
            option::of(btree_set(practitioner(), 1..4)),
            option::of(index().prop_map(ProxyId)),
        ),
    )
        .prop_map(
            |(
                (network, subject, side, facilities, categories, purposes),
                (period, capture, recorded_by, policy_version, evidence),
                (counterpart, practitioners, proxy),
            )| Consent {
                network,
                subject,
                side,
                facilities,
                counterpart,
                practitioners,
                categories,
                purposes,
                period,
                capture,
                recorded_by,
                proxy,
                policy_version,
                evidence,
            },
        )
}

fn reservation() -> impl Strategy<Value = Reservation> {
    let viewer = prop_oneof![
        Just(ViewerSelector::Anyone),
        network().prop_map(ViewerSelector::Network),
        facility().prop_map(ViewerSelector::Facility),
        practitioner().prop_map(ViewerSelector::Practitioner),
    ];
    (
        network(),
        subject(),
        viewer,
        option::of(facilities()),
        categories(),
        (
            option::of(some(Purpose::ALL)),
            option::of(index().prop_map(ProxyId)),
        ),
        period(),
        facility(),
    )
        .prop_map(
            |(
                network,
                subject,
                viewer,
                disclosing_facilities,
                categories,
                (purposes, proxy),
                period,
                recorded_by,
            )| {
                Reservation {
                    network,
                    subject,
                    viewer,
                    disclosing_facilities,
                    categories,
                    purposes,
                    period,
                    recorded_by,
                    proxy,
                }
            },
        )
}

/// A purpose and grounds that fit it.
fn grounds() -> impl Strategy<Value = (Purpose, Grounds)> {
    let disaster = (index(), select(DisasterConsent::ALL)).prop_map(|(index, consent)| {
        let declaration = DisasterId(index);
        (
            Purpose::Disaster,
            Grounds::Disaster {
                declaration,
                consent,
            },
        )
    });
    let law = select(vec![Purpose::PublicHealth, Purpose::Legal, Purpose::Threat]);
    prop_oneof![
        select(ORDINARY).prop_map(|purpose| (purpose, Grounds::Ordinary)),
        select(EmergencyReason::ALL).prop_map(|r| (Purpose::BreakGlass, Grounds::Emergency(r))),
        disaster,
        (law, select(LegalBasis::ALL)).prop_map(|(purpose, basis)| (purpose, Grounds::Law(basis))),
    ]
}

fn request() -> impl Strategy<Value = AccessRequest> {
    (
        (
            network(),
            facility(),
            select(Role::ALL),
            (commitment(), practitioner()),
            grounds(),
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
                (viewing, facility, role, (practitioner, practitioner_id), (purpose, grounds)),
                (subject, document, categories, mut targets),
            )| {
                let action = match document {
                    None if targets.contains(&viewing) => Action::FindDocuments,
                    None => Action::FindPatients,
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
                    practitioner_id,
                    purpose,
                    grounds,
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
pub(crate) const BODIES: usize = 39;

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
        3 => (
            facility(),
            select(FacilityKind::ALL),
            name(),
            option::of(area().prop_filter("municipality", |a| !a.is_prefecture())),
        )
            .prop_map(
                |(facility, kind, name, municipality)| Body::FacilityRegister {
                    facility,
                    kind,
                    name,
                    municipality,
                },
            )
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
        18 => transfer().prop_map(Body::Receipt).boxed(),
        _ => life_body(kind),
    }
}

fn life_body(kind: usize) -> BoxedStrategy<Body> {
    let prefectures = || {
        let prefecture = area().prop_filter("prefecture", AreaCode::is_prefecture);
        btree_set(prefecture, 1..4)
    };
    match kind {
        19 => (network(), name(), key(), prefectures())
            .prop_map(|(authority, name, key, prefectures)| Body::AuthorityAdmit {
                authority,
                name,
                key,
                prefectures,
            })
            .boxed(),
        20 => network()
            .prop_map(|authority| Body::AuthorityEnd { authority })
            .boxed(),
        21 => notice().prop_map(Body::NoticePost).boxed(),
        22 => index()
            .prop_map(|index| Body::NoticeRemove {
                notice: NoticeId(index),
            })
            .boxed(),
        23 => proxy().prop_map(Body::ProxyRegister).boxed(),
        24 => (index(), select(ProxyEndReason::ALL), facility())
            .prop_map(|(index, reason, recorded_by)| Body::ProxyEnd {
                proxy: ProxyId(index),
                reason,
                recorded_by,
            })
            .boxed(),
        25 => (subject(), facility())
            .prop_map(|(subject, recorded_by)| Body::DeathRecord {
                subject,
                recorded_by,
            })
            .boxed(),
        26 => (subject(), facility())
            .prop_map(|(subject, recorded_by)| Body::DeathRetract {
                subject,
                recorded_by,
            })
            .boxed(),
        27 => commitment()
            .prop_map(|sealed| Body::ReservationSeal { sealed })
            .boxed(),
        28 => index()
            .prop_map(|index| Body::ReservationUnseal {
                seal: SealId(index),
            })
            .boxed(),
        29 => (index(), practitioner(), select(Verdict::ALL), commitment())
            .prop_map(|(access, reviewer, verdict, evidence)| {
                Body::EmergencyReview(Review {
                    access,
                    reviewer,
                    verdict,
                    evidence,
                })
            })
            .boxed(),
        30 => (index(), select(Told::ALL), facility())
            .prop_map(|(access, way, recorded_by)| Body::PatientTold {
                access,
                way,
                recorded_by,
            })
            .boxed(),
        31 => disaster().prop_map(Body::DisasterDeclare).boxed(),
        32 => (index(), time())
            .prop_map(|(index, until)| Body::DisasterExtend {
                declaration: DisasterId(index),
                until,
            })
            .boxed(),
        33 => index()
            .prop_map(|index| Body::DisasterEnd {
                declaration: DisasterId(index),
            })
            .boxed(),
        34 => ("[a-z0-9.-]{1,200}:[1-9][0-9]{0,3}", key(), key())
            .prop_map(
                |(endpoint, transport_key, checkpoint_key)| Body::ReplicaAllocate {
                    endpoint,
                    transport_key,
                    checkpoint_key,
                },
            )
            .boxed(),
        35 => any::<u64>()
            .prop_map(|id| Body::ReplicaPromote {
                replica: ReplicaId(id),
            })
            .boxed(),
        36 => any::<u64>()
            .prop_map(|id| Body::ReplicaRetire {
                replica: ReplicaId(id),
            })
            .boxed(),
        37 => {
            let seat = (network(), "[a-z0-9.-]{1,200}:[1-9][0-9]{0,3}", key(), key()).prop_map(
                |(network, endpoint, transport_key, checkpoint_key)| Seat {
                    network,
                    endpoint,
                    transport_key,
                    checkpoint_key,
                },
            );
            (any::<u64>(), hash(), vec(seat, 1..4))
                .prop_map(|(size, root, seats)| Body::Recovery(Recovery { size, root, seats }))
                .boxed()
        }
        _ => {
            let accesses = btree_set(any::<u64>(), 1..=SecurityAlert::ACCESSES_MAX);
            (select(Pattern::ALL), network(), practitioner(), accesses)
                .prop_map(|(pattern, viewing, practitioner, accesses)| {
                    Body::SecurityAlert(SecurityAlert {
                        pattern,
                        viewing,
                        practitioner,
                        accesses: accesses.into_iter().map(EntryIndex).collect(),
                    })
                })
                .boxed()
        }
    }
}

fn notice() -> impl Strategy<Value = Notice> {
    let about = prop_oneof![
        (option::of(facility()), some(ORDINARY))
            .prop_map(|(facility, purposes)| NoticeAbout::Purposes { facility, purposes }),
        facility().prop_map(|facility| NoticeAbout::Joining { facility }),
    ];
    (about, period(), hash()).prop_map(|(about, period, text_hash)| Notice {
        about,
        period,
        text_hash,
    })
}

fn proxy() -> impl Strategy<Value = Proxy> {
    (
        network(),
        subject(),
        select(ProxyKind::ALL),
        period(),
        facility(),
        commitment(),
    )
        .prop_map(
            |(network, subject, kind, period, recorded_by, evidence)| Proxy {
                network,
                subject,
                kind,
                period,
                recorded_by,
                evidence,
            },
        )
}

fn disaster() -> impl Strategy<Value = Disaster> {
    (
        select(DisasterKind::ALL),
        btree_set(area(), 1..4),
        any::<u32>(),
        1..=Disaster::PERIOD_MS_MAX,
        any::<bool>(),
    )
        .prop_map(|(kind, area, from, length, drill)| Disaster {
            kind,
            area,
            from: TimeMs(from.into()),
            until: TimeMs(u64::from(from) + length),
            drill,
        })
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
    let consents = btree_set(index().prop_map(ConsentId), 1..4)
        .prop_map(|set| set.into_iter().collect::<Vec<_>>());
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
    let terms = (
        select(Footing::ALL),
        subject(),
        vec(basis, 1..4),
        vec(withheld, 0..3),
        time(),
    )
        .prop_map(|(footing, subject, mut bases, withheld, expires)| {
            if !matches!(footing, Footing::Consent | Footing::DisasterDrill) {
                bases.iter_mut().for_each(|basis| basis.consents.clear());
            }
            PermitTerms {
                footing,
                subject,
                bases,
                withheld,
                expires,
            }
        });
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
