//! What stands on the ledger, in one line each. Entries hold no identities, so these lines hold none.

use crate::ui::Words;
use sekisho_domain::{Action, Body, Side};

/// The kind of an entry, as JSON has it.
pub(in crate::commands) fn entry_kind(body: &Body) -> &'static str {
    match body {
        Body::NetworkAdmit { .. } => "network-admit",
        Body::KeyAdd { .. } => "key-add",
        Body::KeyRevoke { .. } => "key-revoke",
        Body::FacilityRegister { .. } => "facility-register",
        Body::FacilityLeave { .. } => "facility-leave",
        Body::ConsentPolicyPublish(_) => "consent-policy-publish",
        Body::AgreementPropose(_) => "agreement-propose",
        Body::AgreementSign { .. } => "agreement-sign",
        Body::AgreementSuspend { .. } => "agreement-suspend",
        Body::AgreementTerminate { .. } => "agreement-terminate",
        Body::ConsentGrant(_) => "consent-grant",
        Body::ConsentWithdraw { .. } => "consent-withdraw",
        Body::ReservationSet(_) => "reservation-set",
        Body::ReservationClear { .. } => "reservation-clear",
        Body::SubjectLink { .. } => "subject-link",
        Body::SubjectUnlink { .. } => "subject-unlink",
        Body::AccessRequest(_) => "access-request",
        Body::Release(_) => "release",
        Body::Receipt(_) => "receipt",
    }
}

/// What an entry says.
pub(in crate::commands) fn entry(body: &Body) -> Words {
    match body {
        Body::NetworkAdmit { network, name, .. } => both(
            "ネットワークの加入",
            "admits network",
            &format!("{network} {name}"),
        ),
        Body::KeyAdd {
            purpose, endpoint, ..
        } => {
            let at = endpoint
                .as_ref()
                .map(|e| format!(" {e}"))
                .unwrap_or_default();
            Words::new(
                format!("鍵の登録：{}{at}", purpose.ja()),
                format!("registers a {} key{at}", purpose.en()),
            )
        }
        Body::KeyRevoke { key } => both("鍵の失効", "revokes key", &key.to_string()),
        Body::FacilityRegister {
            facility,
            kind,
            name,
        } => Words::new(
            format!("施設の登録：{facility} {}（{}）", name, kind.ja()),
            format!("registers facility {facility} {} ({})", name, kind.en()),
        ),
        Body::FacilityLeave { facility } => {
            both("施設の脱退", "ends facility", &facility.to_string())
        }
        Body::ConsentPolicyPublish(policy) => Words::new(
            format!("同意ポリシー第{}版の公表", policy.version),
            format!("publishes consent policy version {}", policy.version),
        ),
        Body::AgreementPropose(agreement) => {
            versioned("提案", "proposes", agreement.id.as_str(), agreement.version)
        }
        Body::AgreementSign { id, version, .. } => {
            versioned("署名", "signs", id.as_str(), *version)
        }
        Body::AgreementSuspend { id } => both("協定の停止", "suspends agreement", id.as_str()),
        Body::AgreementTerminate { id } => both("協定の終了", "terminates agreement", id.as_str()),
        Body::ConsentGrant(consent) => Words::new(
            format!(
                "同意（{}）：施設 {} で記録",
                consent.side.ja(),
                consent.recorded_by
            ),
            format!(
                "records a consent ({}) taken at {}",
                Side::en(consent.side),
                consent.recorded_by
            ),
        ),
        Body::ConsentWithdraw {
            consent,
            recorded_by,
            ..
        } => Words::new(
            format!("同意 {consent} 番の撤回：施設 {recorded_by} で記録"),
            format!("withdraws consent {consent}, taken at {recorded_by}"),
        ),
        Body::ReservationSet(reservation) => both(
            "留保（拒否）の登録：施設",
            "records a reservation taken at",
            reservation.recorded_by.as_str(),
        ),
        Body::ReservationClear { reservation, .. } => {
            both("留保の解除", "lifts reservation", &reservation.to_string())
        }
        Body::SubjectLink { other, .. } => both(
            "患者の対応づけ",
            "links a patient with one of",
            other.network.as_str(),
        ),
        Body::SubjectUnlink { other, .. } => both(
            "患者の対応づけの解除",
            "unlinks a patient from one of",
            other.network.as_str(),
        ),
        Body::AccessRequest(request) => {
            let targets: Vec<_> = request.targets.iter().map(ToString::to_string).collect();
            let targets = targets.join(", ");
            let (viewing, facility) = (&request.viewing, &request.facility);
            Words::new(
                format!(
                    "{}：{viewing} の施設 {facility} の{}が、{}のため {targets} に",
                    Action::ja(request.action),
                    request.role.ja(),
                    request.purpose.ja()
                ),
                format!(
                    "a {} asks to {} for {}: {viewing}, facility {facility}, of {targets}",
                    request.role.en(),
                    Action::en(request.action),
                    request.purpose.en()
                ),
            )
        }
        Body::Release(transfer) => Words::new(
            format!(
                "開示の記録：{} が照会 {} 番に文書を渡した",
                transfer.disclosing, transfer.access
            ),
            format!(
                "{} released a document under access {}",
                transfer.disclosing, transfer.access
            ),
        ),
        Body::Receipt(transfer) => Words::new(
            format!(
                "受領の記録：照会 {} 番で {} の文書を受け取った",
                transfer.access, transfer.disclosing
            ),
            format!(
                "a document of {} was received under access {}",
                transfer.disclosing, transfer.access
            ),
        ),
    }
}

fn both(ja: &str, en: &str, what: &str) -> Words {
    Words::new(format!("{ja} {what}"), format!("{en} {what}"))
}

fn versioned(ja: &str, en: &str, id: &str, version: u32) -> Words {
    Words::new(
        format!("協定 {id} 第{version}版の{ja}"),
        format!("{en} agreement {id} version {version}"),
    )
}
