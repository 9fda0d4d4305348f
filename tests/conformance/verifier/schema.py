"""The messages (entry.proto, bundle.proto), with the kind of value of each field (entries.md).

A line is: number, name, type, then words: `optional`, `repeated`, `in X` (a member of the oneof X), `in X!` (of a oneof
of which one member must be set), and at most one kind of value of `values.CHECKS`. Enumerations hold codes of their list.
"""

_TEXT = """
ProofBundle
  1 version uint32
  2 ledger bytes
  3 access uint64
  4 checkpoint string
  5 leaves ProvenLeaf repeated
  6 openings Opening repeated
ProvenLeaf
  1 index uint64
  2 leaf bytes
  3 inclusion_proof bytes repeated
Opening
  1 index uint64
  2 label string
  3 salt bytes
  4 value bytes
Leaf
  1 version uint32
  2 index uint64
  3 time_ms uint64
  4 envelope Envelope required
  5 outcome Outcome required
  6 state_digest bytes b32
Envelope
  1 payload_type string
  2 payload bytes
  3 signatures Signature repeated signatures
Signature
  1 key_id bytes
  2 signature bytes
Entry
  1 ledger bytes b32
  2 lineage uint64
  3 author bytes b32
  4 request_id bytes b16
  5 claimed_time_ms uint64
  6 not_before_ms uint64
  7 not_after_ms uint64
  16 network_admit NetworkAdmit in body!
  17 key_add KeyAdd in body!
  18 key_revoke KeyRevoke in body!
  19 facility_register FacilityRegister in body!
  20 facility_leave FacilityLeave in body!
  21 consent_policy_publish ConsentPolicy in body!
  22 agreement_propose Agreement in body!
  23 agreement_sign AgreementSign in body!
  24 agreement_suspend AgreementSuspend in body!
  25 agreement_terminate AgreementTerminate in body!
  26 consent_grant Consent in body!
  27 consent_withdraw ConsentWithdraw in body!
  28 reservation_set Reservation in body!
  29 reservation_clear ReservationClear in body!
  30 subject_link SubjectLink in body!
  31 subject_unlink SubjectUnlink in body!
  32 access_request AccessRequest in body!
  33 release Transfer in body!
  34 receipt Transfer in body!
  35 authority_admit AuthorityAdmit in body!
  36 authority_end AuthorityEnd in body!
  37 notice_post Notice in body!
  38 notice_remove NoticeRemove in body!
  39 proxy_register Proxy in body!
  40 proxy_end ProxyEnd in body!
  41 death_record DeathRecord in body!
  42 death_retract DeathRecord in body!
  43 reservation_seal ReservationSeal in body!
  44 reservation_unseal ReservationUnseal in body!
  45 emergency_review Review in body!
  46 patient_told PatientTold in body!
  47 disaster_declare Disaster in body!
  48 disaster_extend DisasterExtend in body!
  49 disaster_end DisasterEnd in body!
  50 replica_allocate ReplicaAllocate in body!
  51 replica_promote ReplicaPromote in body!
  52 replica_retire ReplicaRetire in body!
  53 recovery Recovery in body!
  54 security_alert SecurityAlert in body!
NetworkAdmit
  1 network string network
  2 name string name
  3 governance_key bytes b32
KeyAdd
  1 purpose KeyPurpose
  2 public_key bytes b32
  3 endpoint string optional endpoint
KeyRevoke
  1 key bytes b32
FacilityRegister
  1 facility string facility
  2 kind FacilityKind
  3 name string name
  4 municipality string optional municipality
FacilityLeave
  1 facility string facility
Period
  1 from_ms uint64
  2 until_ms uint64 optional
ConsentPolicy
  1 version uint32
  2 valid_from_ms uint64
  3 text_hash bytes b32
  4 disclosing Rule
  5 viewing Rule
  6 voids_earlier bool
  7 emergency CategorySet
Rule
  1 scope Scope
  2 capture Capture repeated codes
  3 new_facility NewFacility required
  4 withdrawal Withdrawal repeated codes
NewFacility
  1 needs_consent Capture in rule!
  2 not_covered Everything in rule!
  3 after_notice_days uint32 in rule! days-of-notice
  4 when_card_presented Everything in rule!
  5 facility_choice Everything in rule!
Agreement
  1 id string agreement
  2 version uint32
  3 parties string repeated targets
  4 grants Grant repeated grants
  5 valid Period required
  6 text_hash bytes b32
  7 retention Retention required
  8 settlement Settlement
Retention
  1 not_kept Everything in retention!
  2 days uint32 in retention! days-kept
  3 as_own_record Everything in retention!
Grant
  1 disclosing string network
  2 viewing string network
  3 categories Category repeated codes
  4 purposes Purpose repeated codes
  5 facility_kinds FacilityKind repeated codes
  6 roles Role repeated codes
  7 consent_rule ConsentRule
  8 valid Period required
AgreementSign
  1 id string agreement
  2 version uint32
  3 digest bytes b32
AgreementSuspend
  1 id string agreement
AgreementTerminate
  1 id string agreement
SubjectRef
  1 network string network
  2 subject bytes b16
CategorySet
  1 categories Category repeated codes
PurposeSet
  1 purposes Purpose repeated codes
FacilitySet
  1 facilities string repeated facilities
PractitionerSet
  1 practitioners bytes repeated practitioners
Everything
Consent
  1 network string network
  2 subject bytes b16
  3 side Side
  4 all_facilities Everything in facilities!
  5 listed_facilities FacilitySet in facilities!
  6 categories CategorySet
  7 purposes PurposeSet
  8 period Period required
  9 capture Capture
  10 recorded_by string facility
  11 policy_version uint32
  12 evidence bytes b32
  13 counterpart FacilitySet
  14 practitioners PractitionerSet
  15 proxy uint64 optional
ConsentWithdraw
  1 consent uint64
  2 way Withdrawal
  3 recorded_by string facility
  4 evidence bytes b32
Reservation
  1 network string network
  2 subject bytes b16
  3 anyone Everything in viewer!
  4 viewer_network string in viewer! network
  5 viewer_facility string in viewer! facility
  6 disclosing_facilities FacilitySet
  7 categories CategorySet
  8 period Period required
  9 recorded_by string facility
  10 viewer_practitioner bytes in viewer! b16
  11 purposes PurposeSet
  12 proxy uint64 optional
ReservationClear
  1 reservation uint64
  2 recorded_by string facility
SubjectLink
  1 own bytes b16
  2 other SubjectRef required
SubjectUnlink
  1 own bytes b16
  2 other SubjectRef required
AccessRequest
  1 viewing string network
  2 facility string facility
  3 role Role
  4 practitioner bytes b32
  5 purpose Purpose
  6 subject bytes b16
  7 action Action
  8 document bytes optional b32
  9 categories CategorySet
  10 targets string repeated targets
  11 practitioner_id bytes b16
  12 ordinary Everything in grounds!
  13 emergency EmergencyReason in grounds!
  14 disaster DisasterGrounds in grounds!
  15 law LegalBasis in grounds!
DisasterGrounds
  1 declaration uint64
  2 consent DisasterConsent
Transfer
  1 access uint64
  2 disclosing string network
  3 document bytes b32
  4 content bytes b32
AuthorityAdmit
  1 authority string network
  2 name string name
  3 key bytes b32
  4 prefectures string repeated prefectures
AuthorityEnd
  1 authority string network
Notice
  1 purposes PurposesNotice in about!
  2 joining_facility string in about! facility
  3 period Period required
  4 text_hash bytes b32
PurposesNotice
  1 facility string optional facility
  2 purposes Purpose repeated codes
NoticeRemove
  1 notice uint64
Proxy
  1 network string network
  2 subject bytes b16
  3 kind ProxyKind
  4 period Period required
  5 recorded_by string facility
  6 evidence bytes b32
ProxyEnd
  1 proxy uint64
  2 reason ProxyEndReason
  3 recorded_by string facility
DeathRecord
  1 subject bytes b16
  2 recorded_by string facility
ReservationSeal
  1 sealed bytes b32
ReservationUnseal
  1 seal uint64
Review
  1 access uint64
  2 reviewer bytes b16
  3 verdict Verdict
  4 evidence bytes b32
PatientTold
  1 access uint64
  2 way Told
  3 recorded_by string facility
SecurityAlert
  1 pattern Pattern
  2 viewing string network
  3 practitioner_id bytes b16
  4 accesses uint64 repeated accesses
Disaster
  1 kind DisasterKind
  2 area string repeated areas
  3 from_ms uint64
  4 until_ms uint64
  5 drill bool
DisasterExtend
  1 declaration uint64
  2 until_ms uint64
DisasterEnd
  1 declaration uint64
ReplicaAllocate
  1 endpoint string endpoint
  2 transport_key bytes b32
  3 checkpoint_key bytes b32
ReplicaPromote
  1 replica uint64
ReplicaRetire
  1 replica uint64
Recovery
  1 size uint64
  2 root bytes b32
  3 seats Seat repeated seats
Seat
  1 network string network
  2 endpoint string endpoint
  3 transport_key bytes b32
  4 checkpoint_key bytes b32
Outcome
  1 accepted Everything in outcome!
  2 refused RefusalReason in outcome!
  3 decided Decisions in outcome!
Decisions
  1 decisions NetworkDecision repeated decisions
NetworkDecision
  1 network string network
  2 permit PermitTerms in decision!
  3 deny Denial in decision!
Denial
  1 reason DenyReason
  2 agreement AgreementRef
AgreementRef
  1 id string agreement
  2 version uint32
PermitTerms
  1 subject bytes b16
  2 bases Basis repeated bases
  3 withheld Withheld repeated withheld
  4 expires_ms uint64
  5 footing Footing
Basis
  1 agreement AgreementRef
  2 grant uint32
  3 consents uint64 repeated consents
  4 categories Category repeated codes
  5 all Everything in facilities!
  6 registered_before uint64 in facilities!
  7 listed FacilitySet in facilities!
Withheld
  1 categories CategorySet
  2 facilities FacilitySet
Genesis
  1 created_ms uint64
  2 networks FoundingNetwork repeated
  3 replicas FoundingReplica repeated
FoundingNetwork
  1 id string
  2 name string
  3 governance_key bytes
FoundingReplica
  1 id uint64
  2 network string
  3 endpoint string
  4 transport_key bytes
  5 checkpoint_key bytes
"""


def lines():
    """(message, None) at the beginning of each message, then (message, words) for each of its fields."""
    message = None
    for line in _TEXT.strip().splitlines():
        if line.startswith("  "):
            yield message, line.split()
        else:
            message = line.strip()
            yield message, None
