//! Asking, deciding, and what each asked network ends in.

use crate::codes::codes;
use crate::{
    Action, AgreementId, Category, Codes, Commitment, ConsentId, DisasterConsent, DisasterId,
    DomainError, EmergencyReason, EntryIndex, FacilityId, Footing, KeyId, LegalBasis, Nature,
    NetworkId, PractitionerId, Purpose, RequestId, Role, SubjectId, TimeMs,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Somebody at a facility wants to see documents of a patient, held by other networks or its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessRequest {
    /// The network that asks; its node key signs.
    pub viewing: NetworkId,
    /// The facility that asks, one of that network's.
    pub facility: FacilityId,
    /// The profession in which the practitioner asks.
    pub role: Role,
    /// Commitment to who asks; the salt and the identity stay with the viewing node.
    pub practitioner: Commitment,
    /// Who asks, by the viewing network's pseudonym.
    pub practitioner_id: PractitionerId,
    /// Why.
    pub purpose: Purpose,
    /// On what grounds; fits the purpose ([`AccessRequest::check`]).
    pub grounds: Grounds,
    /// The patient, by the viewing network's pseudonym.
    pub subject: SubjectId,
    /// What is asked for.
    pub action: Action,
    /// Commitment to the one document asked for, when retrieving; none when finding.
    pub document: Option<Commitment>,
    /// Only these categories; none means all that may be seen.
    pub categories: Option<Codes<Category>>,
    /// Whose documents: 1 to [`AccessRequest::TARGETS_MAX`] networks, the asking one may be among them.
    pub targets: BTreeSet<NetworkId>,
}

impl AccessRequest {
    /// As many as one ledger's federation can have members (architecture §5: "some tens"); also keeps the
    /// leaf with a decision for each within the 65,535 bytes of a tile's entry.
    pub const TARGETS_MAX: usize = 64;

    /// Whether the grounds are those the purpose needs, and a search for a patient asks other networks only: of its own
    /// patients a node knows without asking.
    ///
    /// # Errors
    /// [`DomainError::Invalid`].
    pub fn check(&self) -> Result<(), DomainError> {
        let fits = match self.grounds {
            Grounds::Ordinary => Nature::Ordinary,
            Grounds::Emergency(_) => Nature::BreakGlass,
            Grounds::Disaster { .. } => Nature::Disaster,
            Grounds::Law(_) => Nature::Law,
        };
        if self.purpose.nature() != fits {
            return Err(DomainError::Invalid(
                "the request's grounds do not fit its purpose of use",
            ));
        }
        if self.action == Action::FindPatients && self.targets.contains(&self.viewing) {
            return Err(DomainError::Invalid(
                "a request to find patients asks other networks, not its own",
            ));
        }
        Ok(())
    }
}

/// On what grounds somebody asks: what the purpose rests on besides a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grounds {
    /// The patient's consent.
    Ordinary,
    /// An emergency.
    Emergency(EmergencyReason),
    /// A declared disaster.
    Disaster {
        /// The declaration.
        declaration: DisasterId,
        /// How the patient was asked.
        consent: DisasterConsent,
    },
    /// A law.
    Law(LegalBasis),
}

codes! {
    /// Why a disclosing network may not answer. The numbers are the published order of the checks:
    /// the first that fails is the reason.
    DenyReason: "deny reason" {
        NotAMember = 1, "not-a-member", "照会先のネットワークはこの台帳に参加していません", "the network asked is not a member of this ledger";
        FacilityNotRegistered = 2, "facility-not-registered", "照会元の施設は、そのネットワークの参加施設として登録されていません", "the asking facility is not registered by its network";
        NoAgreement = 3, "no-agreement", "両ネットワークの間に連携協定がありません", "there is no agreement between the two networks";
        AgreementNotSigned = 4, "agreement-not-signed", "連携協定に署名していない当事者があり、発効していません", "the agreement is not in force: a party has not signed it";
        AgreementSuspended = 5, "agreement-suspended", "連携協定は停止または終了しています", "the agreement is suspended or terminated";
        AgreementNotInPeriod = 6, "agreement-not-in-period", "連携協定の有効期間ではありません", "the agreement does not hold at this time";
        DirectionNotGranted = 7, "direction-not-granted", "連携協定は、この向きの閲覧を認めていません", "the agreement does not allow this direction";
        GrantNotInPeriod = 8, "grant-not-in-period", "協定のこの項目は有効期間ではありません", "this grant of the agreement does not hold at this time";
        PurposeNotGranted = 9, "purpose-not-granted", "協定は、この利用目的を認めていません", "the agreement does not allow this purpose of use";
        FacilityKindNotGranted = 10, "facility-kind-not-granted", "協定は、この種類の施設からの閲覧を認めていません", "the agreement does not allow this kind of facility";
        RoleNotGranted = 11, "role-not-granted", "協定は、この職種による閲覧を認めていません", "the agreement does not allow this profession";
        CategoryNotGranted = 12, "category-not-granted", "協定は、求められた種類の情報を認めていません", "the agreement allows none of the categories asked for";
        DisasterNotDeclared = 13, "disaster-not-declared", "有効な災害の宣言がありません", "no declaration of this disaster holds at this time";
        OutsideDisasterArea = 14, "outside-disaster-area", "照会元の施設も照会先のネットワークも、宣言された区域にありません", "neither the asking facility nor the network asked is in the declared area";
        SubjectNotLinked = 15, "subject-not-linked", "照会先のネットワークに、この患者との確認済みの対応づけがありません", "the patient has no confirmed link to a patient of the network asked";
        SubjectDeceased = 16, "subject-deceased", "患者は亡くなられています", "the patient has died";
        NoConsentPolicy = 17, "no-consent-policy", "必要な同意のきまり（同意ポリシー）が公表されていません", "the consent policy this needs has not been published";
        ExplicitConsentNotRequired = 18, "explicit-consent-not-required", "照会元のきまりが、照会に明示の同意を求めていません", "the asking network's policy does not require explicit consent to query";
        PurposesNotPosted = 19, "purposes-not-posted", "開示側が、この利用目的を掲示していません", "the provider has not posted this purpose of use";
        NoDisclosingConsent = 20, "no-disclosing-consent", "情報を開示することへの患者の同意がありません", "the patient has not consented to disclosure";
        NoViewingConsent = 21, "no-viewing-consent", "この施設が閲覧することへの患者の同意がありません", "the patient has not consented to viewing by this facility";
        ConsentWithdrawn = 22, "consent-withdrawn", "患者は同意を撤回しています", "the patient has withdrawn the consent";
        ConsentVoided = 23, "consent-voided", "同意は、きまりの改定により無効になりました", "a new version of the policy has voided the consent";
        ConsentNotInPeriod = 24, "consent-not-in-period", "同意の有効期間ではありません", "the consent does not hold at this time";
        ConsentProxyEnded = 25, "consent-proxy-ended", "同意した代理人の資格が終わっています", "who consented no longer speaks for the patient";
        ConsentNoticeEnded = 26, "consent-notice-ended", "黙示の同意のもととなる掲示がありません", "the notice on which the consent rests does not stand";
        ConsentForOtherFacility = 27, "consent-for-other-facility", "同意は別の施設に対するもので、この施設には及びません", "the consent was given for another facility";
        ConsentForOtherPractitioner = 28, "consent-for-other-practitioner", "同意は別の医師等に対するものです", "the consent was given for another practitioner";
        ConsentForOtherPurpose = 29, "consent-for-other-purpose", "同意は、この利用目的に及びません", "the consent does not cover this purpose of use";
        ConsentForOtherCategory = 30, "consent-for-other-category", "同意は、求められた種類の情報に及びません", "the consent covers none of the categories asked for";
        ReservedByPatient = 31, "reserved-by-patient", "患者がこの閲覧を留保（拒否）しています", "the patient has reserved (refused) this access";
    }
}

impl DenyReason {
    /// Whether the patient's own will stands against the access: no consent reaches this far, or it is reserved. Not where
    /// an agreement, a notice or a link is missing, which who asks can do nothing about.
    pub fn is_the_patients_will(self) -> bool {
        self >= Self::NoDisclosingConsent
    }
}

/// What the ledger decided for one asked network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// It may answer, within these terms.
    Permit(PermitTerms),
    /// It may not.
    Deny(Denial),
}

/// Why not, and by which agreement, where one was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denial {
    /// The first check that failed; over several agreements, of the one that came furthest.
    pub reason: DenyReason,
    /// The agreement that came furthest.
    pub agreement: Option<AgreementRef>,
}

/// One version of an agreement.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AgreementRef {
    /// The agreement.
    pub id: AgreementId,
    /// Its version.
    pub version: u32,
}

/// What a permit allows: a document may be shown if at least one basis covers it and nothing withholds it.
///
/// These are the terms as data. The proof that they were decided is `sekisho_ledger::Permit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermitTerms {
    /// What it stands on.
    pub footing: Footing,
    /// The subject as the disclosing network knows it.
    pub subject: SubjectId,
    /// 1 to [`PermitTerms::BASES_MAX`], ordered.
    pub bases: Vec<Basis>,
    /// What the patient's reservations hold back; at most [`PermitTerms::WITHHELD_MAX`].
    pub withheld: Vec<Withheld>,
    /// First instant at which the decision no longer allows an answer.
    pub expires: TimeMs,
}

impl PermitTerms {
    /// Bases are merged as far as they can be (the same grant and categories), so more than this many means as
    /// many different sets of categories; what is beyond is left out, which only narrows the permit, and keeps
    /// the leaf small.
    pub const BASES_MAX: usize = 32;
    /// Reservations of one subject that can hold at once.
    pub const WITHHELD_MAX: usize = 32;
}

/// One reason why documents may be shown: a grant (or the network's own membership) and the consents it rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    /// The agreement and the position of the grant in it; none when a network asks for its own documents.
    pub grant: Option<(AgreementRef, u32)>,
    /// The consents it rests on, ordered; at most [`Basis::CONSENTS_MAX`]: one, or one of each side, or those of
    /// several facilities put together; none where the footing is not consent.
    pub consents: Vec<ConsentId>,
    /// The categories it covers; not empty.
    pub categories: Codes<Category>,
    /// The disclosing facilities whose documents it covers.
    pub facilities: DisclosingFacilities,
}

impl Basis {
    /// All a patient can give on both sides.
    pub const CONSENTS_MAX: usize = 1024;
}

/// Facilities of the disclosing network whose documents a basis covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DisclosingFacilities {
    /// All of them.
    All,
    /// Those registered before this index: a blanket consent that does not reach later ones.
    RegisteredBefore(EntryIndex),
    /// These.
    Listed(BTreeSet<FacilityId>),
}

/// What one reservation holds back from a permit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withheld {
    /// Only these categories; none means all.
    pub categories: Option<Codes<Category>>,
    /// Only documents of these facilities; none means of all.
    pub facilities: Option<BTreeSet<FacilityId>>,
}

/// A request and what was decided: who asked for what, when, and each asked network's decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessRecord {
    /// Where it stands in the tree.
    pub index: EntryIndex,
    /// When it was decided.
    pub time: TimeMs,
    /// The request id of the entry.
    pub request_id: RequestId,
    /// The node key that signed it.
    pub author: KeyId,
    /// What was asked.
    pub request: AccessRequest,
    /// One decision for each asked network, ordered by network.
    pub decisions: Vec<(NetworkId, Decision)>,
}

/// What one asked network ended in: exactly one, and the true one (P8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum NetworkOutcome {
    /// It answered, with this many documents.
    Answered {
        /// Documents in the answer.
        count: u64,
    },
    /// The ledger denied it.
    Denied {
        /// The first check that failed.
        reason: DenyReason,
    },
    /// Permitted or not linked: the network knows no such patient.
    PatientUnknown,
    /// No complete answer before the deadline.
    TimedOut {
        /// How long it was waited for, in milliseconds.
        waited_ms: u64,
    },
    /// No connection could be made, or it broke.
    Unreachable,
    /// It answered something that is not a valid answer to this request.
    Malformed,
    /// The network has suspended answering.
    Suspended,
    /// Its replica is behind and could not reach the decision's index in time.
    Stale,
}

impl NetworkOutcome {
    /// The outcome's code, as in `--json` output.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Answered { .. } => "answered",
            Self::Denied { .. } => "denied",
            Self::PatientUnknown => "patient-unknown",
            Self::TimedOut { .. } => "timed-out",
            Self::Unreachable => "unreachable",
            Self::Malformed => "malformed",
            Self::Suspended => "suspended",
            Self::Stale => "stale",
        }
    }
    /// The outcome in Japanese words.
    pub fn ja(&self) -> String {
        match self {
            Self::Answered { count } => format!("回答あり（{count}件）"),
            Self::Denied { reason } => format!("不許可：{}", reason.ja()),
            Self::PatientUnknown => "該当する患者なし".to_owned(),
            Self::TimedOut { waited_ms } => format!("時間切れ（{waited_ms}ミリ秒待ちました）"),
            Self::Unreachable => "接続できません".to_owned(),
            Self::Malformed => "回答の形式が正しくありません".to_owned(),
            Self::Suspended => "回答を停止中".to_owned(),
            Self::Stale => "台帳の同期が遅れています".to_owned(),
        }
    }
    /// The outcome in English words.
    pub fn en(&self) -> String {
        match self {
            Self::Answered { count: 1 } => "answered with 1 document".to_owned(),
            Self::Answered { count } => format!("answered with {count} documents"),
            Self::Denied { reason } => format!("denied: {}", reason.en()),
            Self::PatientUnknown => "knows no such patient".to_owned(),
            Self::TimedOut { waited_ms } => format!("timed out after {waited_ms} ms"),
            Self::Unreachable => "could not be reached".to_owned(),
            Self::Malformed => "sent something that is not a valid answer".to_owned(),
            Self::Suspended => "has suspended answering".to_owned(),
            Self::Stale => "is behind with the ledger".to_owned(),
        }
    }
}
