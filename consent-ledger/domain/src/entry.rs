//! Entries: what networks sign and the ledger puts in order.

use crate::codes::codes;
use crate::{
    AccessRequest, Agreement, AgreementId, AreaCode, Commitment, Consent, ConsentId, ConsentPolicy,
    Decision, Disaster, DisasterId, EntryIndex, FacilityId, FacilityKind, Hash, KeyId, KeyPurpose,
    LedgerId, NetworkId, Notice, NoticeId, Proxy, ProxyEndReason, ProxyId, PublicKey, Recovery,
    ReplicaId, RequestId, Reservation, ReservationId, Review, SealId, SecurityAlert, SubjectId,
    SubjectRef, TimeMs, Told, Withdrawal,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// One signed record, as decoded from the bytes that were signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The ledger it is meant for.
    pub ledger: LedgerId,
    /// The lineage of that ledger: 1, and one more after each recovery from a lost quorum.
    pub lineage: u64,
    /// The key that signs it.
    pub author: KeyId,
    /// The client's id of it (P5).
    pub request_id: RequestId,
    /// The author's clock when it was made; informative.
    pub claimed_time: TimeMs,
    /// First instant at which it may be put in order.
    pub not_before: TimeMs,
    /// First instant at which it may no longer be; at most [`Entry::WINDOW_MS_MAX`] after `not_before`.
    pub not_after: TimeMs,
    /// What it says.
    pub body: Body,
}

impl Entry {
    /// The longest validity window: an entry that waits longer than 5 minutes was meant for another situation.
    pub const WINDOW_MS_MAX: u64 = 5 * 60 * 1000;
    /// The largest payload of an envelope, in bytes.
    pub const BODY_BYTES_MAX: usize = 16 * 1024;
    /// How many signatures an envelope may carry.
    pub const SIGNATURES_MAX: usize = 8;
    /// The longest name of a network or facility, in characters.
    pub const NAME_CHARS_MAX: usize = 100;
    /// The longest address of a node, in bytes.
    pub const ENDPOINT_BYTES_MAX: usize = 255;
}

/// What an entry says. Who may say it stands with each kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Body {
    /// A member's governance key is for admitting this network; in force when a majority of members said so.
    NetworkAdmit {
        /// The new network.
        network: NetworkId,
        /// The organisation's name.
        name: String,
        /// Its governance key.
        governance_key: PublicKey,
    },
    /// A network's governance key certifies another key of that network.
    KeyAdd {
        /// What the key may sign.
        purpose: KeyPurpose,
        /// The key.
        public_key: PublicKey,
        /// For a transport key: `host:port` where the network's node answers.
        endpoint: Option<String>,
    },
    /// A network's governance key ends one of that network's keys, from this index on.
    KeyRevoke {
        /// The key.
        key: KeyId,
    },
    /// A network's governance key registers a facility of that network.
    FacilityRegister {
        /// The facility's code, unique in the ledger.
        facility: FacilityId,
        /// What kind of place it is.
        kind: FacilityKind,
        /// Its name.
        name: String,
        /// The municipality it stands in (JIS X 0402, 5 digits), of the prefecture of its code; none: not said.
        municipality: Option<AreaCode>,
    },
    /// A network's governance key ends a facility's membership.
    FacilityLeave {
        /// The facility.
        facility: FacilityId,
    },
    /// A network's governance key publishes the next version of its consent policy.
    ConsentPolicyPublish(ConsentPolicy),
    /// A party's governance key proposes the next version of an agreement; it signs it by this as well.
    AgreementPropose(Agreement),
    /// A party's governance key signs exactly this version.
    AgreementSign {
        /// The agreement.
        id: AgreementId,
        /// Its version.
        version: u32,
        /// SHA-256 of the proposed agreement's encoding: what is signed is what was proposed.
        digest: Hash,
    },
    /// A party's governance key suspends an agreement, at once, until a new version is signed by all.
    AgreementSuspend {
        /// The agreement.
        id: AgreementId,
    },
    /// A party's governance key ends an agreement for good.
    AgreementTerminate {
        /// The agreement.
        id: AgreementId,
    },
    /// A network's node key records a consent one of its facilities took.
    ConsentGrant(Consent),
    /// A network's node key records a withdrawal.
    ConsentWithdraw {
        /// The consent.
        consent: ConsentId,
        /// How it was withdrawn.
        way: Withdrawal,
        /// The facility that took the withdrawal.
        recorded_by: FacilityId,
        /// Commitment to the evidence.
        evidence: Commitment,
    },
    /// A network's node key records a reservation.
    ReservationSet(Reservation),
    /// A network's node key records that the patient lifted a reservation.
    ReservationClear {
        /// The reservation.
        reservation: ReservationId,
        /// The facility that took it.
        recorded_by: FacilityId,
    },
    /// A network's node key says that its subject and another network's are the same patient;
    /// the link holds when both networks said so.
    SubjectLink {
        /// The author network's subject.
        own: SubjectId,
        /// The other network's subject.
        other: SubjectRef,
    },
    /// A network's node key takes its word back; the link no longer holds.
    SubjectUnlink {
        /// The author network's subject.
        own: SubjectId,
        /// The other network's subject.
        other: SubjectRef,
    },
    /// A network's node key asks; the decision is made when the entry is applied.
    AccessRequest(AccessRequest),
    /// A disclosing network's node key records what it let go.
    Release(Transfer),
    /// A viewing network's node key records what it got.
    Receipt(Transfer),
    /// A member's governance key is for admitting a disaster authority; in force when a majority of members said so.
    AuthorityAdmit {
        /// Its id, in one name space with networks.
        authority: NetworkId,
        /// The organisation's name.
        name: String,
        /// Its key.
        key: PublicKey,
        /// The prefectures it may declare disasters in; 1 to 47.
        prefectures: BTreeSet<AreaCode>,
    },
    /// A member's governance key is for ending an authority; in force when a majority of members said so.
    AuthorityEnd {
        /// The authority.
        authority: NetworkId,
    },
    /// A network's governance key posts a notice.
    NoticePost(Notice),
    /// A network's governance key takes a notice down.
    NoticeRemove {
        /// The notice.
        notice: NoticeId,
    },
    /// A network's node key records who speaks for a patient.
    ProxyRegister(Proxy),
    /// A network's node key records that somebody no longer speaks for a patient.
    ProxyEnd {
        /// The proxy.
        proxy: ProxyId,
        /// Why.
        reason: ProxyEndReason,
        /// The facility that was told.
        recorded_by: FacilityId,
    },
    /// A network's node key records that a patient has died: no consent of theirs holds any longer.
    DeathRecord {
        /// The author network's subject.
        subject: SubjectId,
        /// The facility that was told.
        recorded_by: FacilityId,
    },
    /// A network's node key takes a record of death back: it was somebody else's.
    DeathRetract {
        /// The author network's subject.
        subject: SubjectId,
        /// The facility that found the error.
        recorded_by: FacilityId,
    },
    /// A network's node key commits to a reservation that stays in the node, which enforces it.
    ReservationSeal {
        /// Commitment to the reservation, its subject among it.
        sealed: Commitment,
    },
    /// A network's node key records that a sealed reservation was lifted.
    ReservationUnseal {
        /// The sealed reservation.
        seal: SealId,
    },
    /// A viewing network's officer judges an access by break-glass.
    EmergencyReview(Review),
    /// A viewing network's node key records that the patient was told of an access by break-glass.
    PatientTold {
        /// The access request's index.
        access: EntryIndex,
        /// How.
        way: Told,
        /// The facility that told them.
        recorded_by: FacilityId,
    },
    /// A node key of the viewing network, or of one that was asked each time, points out a pattern of accesses.
    SecurityAlert(SecurityAlert),
    /// An authority's key declares a disaster.
    DisasterDeclare(Disaster),
    /// An authority's key prolongs its declaration, before it ends.
    DisasterExtend {
        /// The declaration.
        declaration: DisasterId,
        /// Its new end, at most [`Disaster::PERIOD_MS_MAX`] from the entry on and not before its present one.
        until: TimeMs,
    },
    /// An authority's key ends its declaration.
    DisasterEnd {
        /// The declaration.
        declaration: DisasterId,
    },
    /// A network's governance key gives a new replica of that network its place: it copies the ledger and does not
    /// vote. Its id is made from the index of this very entry ([`ReplicaId::allocated`]), so none is used twice.
    ReplicaAllocate {
        /// `host:port` where it will answer.
        endpoint: String,
        /// The key of its TLS certificate: a new one, or that of a process the network runs already.
        transport_key: PublicKey,
        /// The key it cosigns checkpoints with; never used before.
        checkpoint_key: PublicKey,
    },
    /// A replica votes from now on. Its network's governance key says so, if none of that network's replicas votes;
    /// for every further vote a majority of members says so.
    ReplicaPromote {
        /// The replica.
        replica: ReplicaId,
    },
    /// A replica takes part no more, for good. Its network's governance key says so, or a majority of members.
    ReplicaRetire {
        /// The replica.
        replica: ReplicaId,
    },
    /// The governance keys of at least two thirds of the networks together begin the next lineage, after a quorum was
    /// lost for good. Its window is not looked at, for signatures are gathered offline; what it continues is named in
    /// it, so that it can take effect at one place only.
    Recovery(Recovery),
}

/// One document let go or received under one access request. The commitments are made with the salt the
/// viewing node chose for the request, so that a release and its receipt can be compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// The access request's index.
    pub access: EntryIndex,
    /// The disclosing network.
    pub disclosing: NetworkId,
    /// Commitment to the document's unique id; the same as in the access request.
    pub document: Commitment,
    /// Commitment to the SHA-256 of the content.
    pub content: Commitment,
}

/// What an entry came to; part of the leaf, the same on every replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It took effect.
    Accepted,
    /// It was authentic and in order, but a rule stands against it.
    Refused(RefusalReason),
    /// An access request was decided, for each asked network.
    Decided(Vec<(NetworkId, Decision)>),
}

codes! {
    /// Why an authentic entry had no effect. It stands in the tree all the same, as evidence.
    RefusalReason: "refusal reason" {
        NotAuthorised = 1, "not-authorised", "この鍵には、この記録を行う権限がありません", "this key may not say this";
        AlreadyExists = 2, "already-exists", "すでに登録されています", "it is on the ledger already";
        NotFound = 3, "not-found", "対象が台帳にありません", "what it refers to is not on the ledger";
        WeakKey = 4, "weak-key", "鍵が弱いため登録できません", "the key is weak and cannot be registered";
        WrongVersion = 5, "wrong-version", "版番号が続いていません", "the version does not follow the last one";
        NotAParty = 6, "not-a-party", "協定の当事者ではありません", "the author is not a party of the agreement";
        DigestMismatch = 7, "digest-mismatch", "署名された内容が、提案された協定と一致しません", "what was signed is not what was proposed";
        Ended = 8, "ended", "すでに終了しています", "it has ended already";
        FacilityUnknown = 9, "facility-unknown", "施設がこのネットワークに登録されていません", "the facility is not registered by this network";
        NoConsentPolicy = 10, "no-consent-policy", "同意ポリシーが公表されていません", "no consent policy is in force there";
        PolicyForbids = 11, "policy-forbids", "このネットワークの同意ポリシーに合いません", "the network's own consent policy does not provide for this";
        InvalidContent = 12, "invalid-content", "内容に矛盾があります", "its content contradicts itself or breaks a bound";
        NotPermitted = 13, "not-permitted", "もとになる閲覧許可がありません", "no permit stands behind it";
        TooMany = 14, "too-many", "件数の上限を超えています", "a bound on how many there may be is reached";
        NoticeNotPosted = 15, "notice-not-posted", "もとになる掲示がありません", "the notice it rests on is not posted";
        ProxyInvalid = 16, "proxy-invalid", "その代理人はこの患者を代理できません", "that proxy does not speak for this patient now";
        SubjectDeceased = 17, "subject-deceased", "患者は亡くなられています", "the patient has died";
        SecondPersonNeeded = 18, "second-person-needed", "閲覧した本人は審査できません", "who asked cannot judge it: a second person must";
    }
}

/// The founding act of a ledger: its members and the replicas it starts with. Everything later is an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Genesis {
    /// When the founders wrote it.
    pub created: TimeMs,
    /// The founding networks, ordered by id.
    pub networks: Vec<FoundingNetwork>,
    /// The first voters, ordered by id.
    pub replicas: Vec<FoundingReplica>,
}

/// A founding network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundingNetwork {
    /// Its id.
    pub id: NetworkId,
    /// The organisation's name.
    pub name: String,
    /// Its governance key.
    pub governance_key: PublicKey,
}

/// A first voter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundingReplica {
    /// Its id.
    pub id: ReplicaId,
    /// The network that runs it.
    pub network: NetworkId,
    /// `host:port` where it answers.
    pub endpoint: String,
    /// The key of its TLS certificate.
    pub transport_key: PublicKey,
    /// The key it cosigns checkpoints with.
    pub checkpoint_key: PublicKey,
}
