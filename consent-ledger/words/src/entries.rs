//! What stands on the ledger, in one line each. Entries hold no identities, so these lines hold none.

use crate::Words;
use crate::names_of;
use sekisho_domain::{
    Action, Body, Disaster, DisasterKind, Footing, Notice, NoticeAbout, Proxy, ProxyKind, Purpose,
    Review, SecurityAlert, Side, Verdict,
};

/// The kind of an entry, as JSON has it.
pub fn entry_kind(body: &Body) -> &'static str {
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
        Body::AuthorityAdmit { .. } => "authority-admit",
        Body::AuthorityEnd { .. } => "authority-end",
        Body::NoticePost(_) => "notice-post",
        Body::NoticeRemove { .. } => "notice-remove",
        Body::ProxyRegister(_) => "proxy-register",
        Body::ProxyEnd { .. } => "proxy-end",
        Body::DeathRecord { .. } => "death-record",
        Body::DeathRetract { .. } => "death-retract",
        Body::ReservationSeal { .. } => "reservation-seal",
        Body::ReservationUnseal { .. } => "reservation-unseal",
        Body::EmergencyReview(_) => "emergency-review",
        Body::PatientTold { .. } => "patient-told",
        Body::SecurityAlert(_) => "security-alert",
        Body::DisasterDeclare(_) => "disaster-declare",
        Body::DisasterExtend { .. } => "disaster-extend",
        Body::DisasterEnd { .. } => "disaster-end",
        Body::ReplicaAllocate { .. } => "replica-allocate",
        Body::ReplicaPromote { .. } => "replica-promote",
        Body::ReplicaRetire { .. } => "replica-retire",
        Body::Recovery(_) => "recovery",
    }
}

/// What an entry says.
pub fn entry(body: &Body) -> Words {
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
            municipality,
        } => {
            let area = municipality
                .as_ref()
                .map(|area| format!(" [{area}]"))
                .unwrap_or_default();
            Words::new(
                format!("施設の登録：{facility} {name}（{}）{area}", kind.ja()),
                format!("registers facility {facility} {name} ({}){area}", kind.en()),
            )
        }
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
        Body::AuthorityAdmit {
            authority,
            name,
            prefectures,
            ..
        } => {
            let areas: Vec<_> = prefectures.iter().map(ToString::to_string).collect();
            let areas = areas.join(", ");
            both(
                "災害対策当局の承認",
                "admits disaster authority",
                &format!("{authority} {name} [{areas}]"),
            )
        }
        Body::AuthorityEnd { authority } => both(
            "災害対策当局の承認の終了",
            "ends disaster authority",
            authority.as_str(),
        ),
        Body::NoticePost(notice) => posted(notice),
        Body::NoticeRemove { notice } => {
            both("掲示の取り下げ", "takes down notice", &notice.to_string())
        }
        Body::ProxyRegister(proxy) => proxied(proxy),
        Body::ProxyEnd {
            proxy,
            reason,
            recorded_by,
        } => Words::new(
            format!(
                "代理人 {proxy} 番の終了（{}）：施設 {recorded_by} で記録",
                reason.ja()
            ),
            format!(
                "ends proxy {proxy} ({}), told at {recorded_by}",
                reason.en()
            ),
        ),
        Body::DeathRecord { recorded_by, .. } => both(
            "患者の死亡の記録：施設",
            "records a patient's death, told at",
            recorded_by.as_str(),
        ),
        Body::DeathRetract { recorded_by, .. } => both(
            "死亡の記録の取り消し：施設",
            "takes back a record of death, found wrong at",
            recorded_by.as_str(),
        ),
        Body::ReservationSeal { sealed } => both(
            "封をした留保（内容はノードのみが持つ）：照合値",
            "seals a reservation, kept by the node; commitment",
            &sealed.to_string(),
        ),
        Body::ReservationUnseal { seal } => both(
            "封をした留保の解除",
            "lifts sealed reservation",
            &seal.to_string(),
        ),
        Body::EmergencyReview(review) => reviewed(review),
        Body::SecurityAlert(alert) => alerted(alert),
        Body::PatientTold {
            access,
            way,
            recorded_by,
        } => Words::new(
            format!(
                "緊急時の閲覧 {access} 番を患者に通知（{}）：施設 {recorded_by}",
                way.ja()
            ),
            format!(
                "the patient was told of emergency access {access} {}, at {recorded_by}",
                way.en()
            ),
        ),
        Body::DisasterDeclare(disaster) => declared(disaster),
        Body::DisasterExtend { declaration, .. } => both(
            "災害の宣言の延長",
            "prolongs declaration",
            &declaration.to_string(),
        ),
        Body::DisasterEnd { declaration } => both(
            "災害の宣言の終了",
            "ends declaration",
            &declaration.to_string(),
        ),
        Body::ReplicaAllocate { endpoint, .. } => both(
            "レプリカの追加（投票権なし）：",
            "allocates a replica, which does not vote, at",
            endpoint,
        ),
        Body::ReplicaPromote { replica } => both(
            "レプリカへの投票権の付与：",
            "gives a vote to replica",
            &replica.to_string(),
        ),
        Body::Recovery(recovery) => Words::new(
            format!("台帳の復旧：{} 件から新しい系統を始める", recovery.size),
            format!(
                "recovers the ledger: a new lineage from {} leaves on",
                recovery.size
            ),
        ),
        Body::ReplicaRetire { replica } => {
            both("レプリカの引退：", "retires replica", &replica.to_string())
        }
    }
}

fn posted(notice: &Notice) -> Words {
    match &notice.about {
        NoticeAbout::Purposes { facility, purposes } => {
            let purposes = names_of!(Purpose, purposes);
            let (ja, en) = match facility {
                Some(facility) => (format!("施設 {facility}"), format!("at {facility}")),
                None => ("全施設".to_owned(), "at every facility".to_owned()),
            };
            Words::new(
                format!("利用目的の掲示（{ja}）：{}", purposes.ja),
                format!("posts purposes of use {en}: {}", purposes.en),
            )
        }
        NoticeAbout::Joining { facility } => both(
            "施設の加入の掲示：",
            "posts that a facility has joined:",
            facility.as_str(),
        ),
    }
}

fn proxied(proxy: &Proxy) -> Words {
    let until = proxy
        .period
        .until
        .map(|until| super::Day::of(sekisho_domain::TimeMs(until.0.saturating_sub(1))));
    let (ja, en) = match until {
        Some(day) => (format!("{}まで", day.ja()), format!("until {}", day.en())),
        None => ("期限なし".to_owned(), "without end".to_owned()),
    };
    Words::new(
        format!(
            "代理人の登録（{}、{ja}）：施設 {} で記録",
            ProxyKind::ja(proxy.kind),
            proxy.recorded_by
        ),
        format!(
            "records who speaks for a patient ({}, {en}), shown at {}",
            ProxyKind::en(proxy.kind),
            proxy.recorded_by
        ),
    )
}

fn reviewed(review: &Review) -> Words {
    Words::new(
        format!(
            "緊急時の閲覧 {} 番の審査：{}",
            review.access,
            Verdict::ja(review.verdict)
        ),
        format!(
            "reviews emergency access {}: {}",
            review.access,
            Verdict::en(review.verdict)
        ),
    )
}

fn alerted(alert: &SecurityAlert) -> Words {
    let (who, pattern) = (alert.practitioner, alert.pattern);
    let (of, count) = (&alert.viewing, alert.accesses.len());
    Words::new(
        format!(
            "要確認：{of} の {who} による閲覧 {count} 件（{}）",
            pattern.ja()
        ),
        format!(
            "to be looked at: {count} accesses by {who} of {of} ({})",
            pattern.en()
        ),
    )
}

fn declared(disaster: &Disaster) -> Words {
    let areas: Vec<_> = disaster.area.iter().map(ToString::to_string).collect();
    let areas = areas.join(", ");
    let what = match disaster.drill {
        true => Footing::DisasterDrill,
        false => Footing::Disaster,
    };
    Words::new(
        format!(
            "【{}】の宣言：{}、区域 {areas}",
            what.ja(),
            DisasterKind::ja(disaster.kind)
        ),
        format!(
            "declares a {}: {}, area {areas}",
            what.en(),
            DisasterKind::en(disaster.kind)
        ),
    )
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
