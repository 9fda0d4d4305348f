//! What would have been needed where a request was denied.

use crate::Words;
use sekisho_domain::DenyReason;

/// What would have let the check pass that failed.
pub fn remedy(reason: DenyReason) -> Words {
    use DenyReason as R;
    let (ja, en) = match reason {
        R::NotAMember => (
            "照会先のネットワークがこの台帳に加わること（加盟ネットワークの過半数の承認）",
            "the network asked must join this ledger, by a majority of its members",
        ),
        R::FacilityNotRegistered => (
            "照会元のネットワークがこの施設を登録すること（`sekisho network facility add`）",
            "its network must register the asking facility (`sekisho network facility add`)",
        ),
        R::NoAgreement => (
            "両ネットワークが協定を結ぶこと（`sekisho agreement propose`、全当事者の署名）",
            "an agreement between the two, signed by all parties (`sekisho agreement propose`)",
        ),
        R::AgreementNotSigned => (
            "残る当事者の署名（`sekisho agreement sign`）",
            "the signatures of the parties that have not signed (`sekisho agreement sign`)",
        ),
        R::AgreementSuspended => (
            "停止中なら、停止の後に提案された版への全当事者の署名。終了しているなら、新しい協定",
            "if suspended, a version proposed after it and signed by all; if terminated, a new agreement",
        ),
        R::AgreementNotInPeriod => (
            "協定の有効期間内であること。または期間を改めた版への全当事者の署名",
            "a time within the agreement's period, or a version with another period, signed by all",
        ),
        R::DirectionNotGranted => (
            "この向きの閲覧を認める項を加えた版への、全当事者の署名",
            "a version with a grant in this direction, signed by all parties",
        ),
        R::GrantNotInPeriod => (
            "協定のこの項の有効期間内であること",
            "a time within the grant's period",
        ),
        R::PurposeNotGranted => (
            "この利用目的を認める項（自ネットワークの緊急時・災害時は、同意ポリシーの emergency）",
            "a grant for this purpose (for a network's own emergencies and disasters, `emergency` in its consent policy)",
        ),
        R::FacilityKindNotGranted => (
            "この種類の施設からの閲覧を認める項",
            "a grant for this kind of facility",
        ),
        R::RoleNotGranted => (
            "この職種による閲覧を認める項（緊急時は医師と救急救命士に限る）",
            "a grant for this profession (in emergencies only physicians and paramedics)",
        ),
        R::CategoryNotGranted => (
            "求めた種類の情報を一つでも認める項",
            "a grant of at least one of the categories asked for",
        ),
        R::DisasterNotDeclared => (
            "照会の時点で有効な、災害対策当局の宣言",
            "a declaration by a disaster authority that holds at the time of the request",
        ),
        R::OutsideDisasterArea => (
            "照会元の施設か、照会先のネットワークの施設が、宣言された区域にあること",
            "the asking facility, or a facility of the network asked, in the declared area",
        ),
        R::SubjectNotLinked => (
            "両ネットワークが同一の患者であると記録すること（双方で `sekisho subject link`）",
            "both networks' word that it is the same patient (`sekisho subject link` by each)",
        ),
        R::SubjectDeceased => (
            "法令による利用目的であること。死亡の記録が誤りなら、その取り消し（`sekisho subject retract-death`）",
            "a purpose by law; or, if the record of death is wrong, its retraction (`sekisho subject retract-death`)",
        ),
        R::NoConsentPolicy => (
            "必要な側のネットワークが、その側の定めのある同意ポリシーを公表していること",
            "a published consent policy with a rule for the side whose consent is needed",
        ),
        R::ExplicitConsentNotRequired => (
            "照会元の同意ポリシーが、明示の同意だけを認めていること",
            "a policy of the asking network that takes explicit consent only",
        ),
        R::PurposesNotPosted => (
            "開示側がこの利用目的を掲示していること（`sekisho network notice post`）",
            "a standing notice of this purpose by the provider (`sekisho network notice post`)",
        ),
        R::NoDisclosingConsent => (
            "情報の開示への患者の同意（開示側で `sekisho consent grant --side disclosing`）",
            "the patient's consent to disclosure, recorded by the disclosing network",
        ),
        R::NoViewingConsent => (
            "この施設が閲覧することへの患者の同意（受診の際に `sekisho consent grant --side viewing`）",
            "the patient's consent that this facility looks, recorded at the visit",
        ),
        R::ConsentWithdrawn => ("患者が改めて同意すること", "a new consent of the patient's"),
        R::ConsentVoided => (
            "現行の同意ポリシーのもとでの、改めての同意",
            "a new consent under the policy that holds now",
        ),
        R::ConsentNotInPeriod => (
            "照会の時点で有効な同意",
            "a consent that holds at the time of the request",
        ),
        R::ConsentProxyEnded => (
            "本人の同意、または現在の代理人による同意",
            "a consent of the patient's own, or by somebody who speaks for them now",
        ),
        R::ConsentNoticeEnded => (
            "同意が得られた施設での掲示が続いていること、または明示の同意",
            "a standing notice where the consent was recorded, or an explicit consent",
        ),
        R::ConsentForOtherFacility => (
            "この施設に及ぶ同意（新しく加わった施設には、その施設での同意か、掲示の経過）",
            "a consent that reaches this facility (for one that joined later, its own consent, or a notice that has stood long enough)",
        ),
        R::ConsentForOtherPractitioner => (
            "この医師等に及ぶ同意",
            "a consent that reaches this practitioner",
        ),
        R::ConsentForOtherPurpose => (
            "この利用目的に及ぶ同意",
            "a consent that covers this purpose",
        ),
        R::ConsentForOtherCategory => (
            "求めた種類の情報に及ぶ同意",
            "a consent that covers a category asked for",
        ),
        R::ReservedByPatient => (
            "患者による留保の解除（`sekisho consent clear`）。法令による利用目的は留保に妨げられない",
            "the patient lifting the reservation (`sekisho consent clear`); purposes by law are not stopped by it",
        ),
    };
    Words::new(ja, en)
}
