//! The operator's accounts over a real node and a real database.

use crate::accounts::Kind;
use crate::testing::{Answer, Town};
use axum::http::StatusCode;
use sekisho_node::testing::KURUME_HOSPITAL;

fn holds(answer: &Answer, all: &[&str]) {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    for one in all {
        assert!(
            answer.body.contains(one),
            "{one:?} is not in\n{}",
            answer.body
        );
    }
}

#[tokio::test]
async fn accounts_are_kept_by_the_operator_and_the_officer_sees_what_was_done() {
    let town = Town::new().await;
    let mut operator = town.signed_in(Kind::Operator);
    holds(
        &operator.get("/operator/accounts").await,
        &["見本 operator", "ご自身"],
    );
    let doctor = [
        ("name", "sato@example.jp"),
        ("shown", "見本 <i>"),
        ("practitioner", "dr-1"),
        ("profession", "physician"),
        ("facility", KURUME_HOSPITAL),
    ];
    let page = operator.get("/operator/accounts/new/clinician").await;
    holds(&page, &[KURUME_HOSPITAL, "physician"]);
    let added = operator
        .post("/operator/accounts/new/clinician", &doctor)
        .await;
    holds(
        &added,
        &["アカウントを追加しました", "二度と表示されません"],
    );
    let password = added.body.split("<code class=\"big\">").nth(1).unwrap();
    let password = password.split('<').next().unwrap().to_owned();
    let kept = town
        .portal
        .accounts
        .get("sato@example.jp")
        .unwrap()
        .unwrap();
    assert!(kept.temporary && kept.password.unwrap().is(&password));
    let listed = operator.get("/operator/accounts").await;
    assert!(!listed.body.contains(&password));
    let again = operator
        .post("/operator/accounts/new/clinician", &doctor)
        .await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    // What is missing is said; nothing is added.
    for (kind, fields) in [
        ("clinician", vec![("name", "x"), ("shown", "x")]),
        (
            "patient",
            vec![("name", "x"), ("shown", "x"), ("chart", "1/")],
        ),
        ("officer", vec![("name", "x"), ("shown", "x")]),
        ("operator", vec![("name", "x y"), ("shown", "x")]),
        ("operator", vec![("name", "x"), ("shown", "")]),
    ] {
        let path = format!("/operator/accounts/new/{kind}");
        operator.get(&path).await;
        let refused = operator.post(&path, &fields).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{kind}");
    }
    assert_eq!(town.portal.accounts.get("x").unwrap(), None);

    operator.get("/operator/accounts").await;
    let change = "/operator/accounts/change";
    for (what, name, status) in [
        ("disable", "operator", StatusCode::UNPROCESSABLE_ENTITY),
        ("reset", "nobody", StatusCode::NOT_FOUND),
        ("remove", "sato@example.jp", StatusCode::NOT_FOUND),
        ("disable", "sato@example.jp", StatusCode::SEE_OTHER),
    ] {
        let answer = operator
            .post(&format!("{change}/{what}"), &[("name", name)])
            .await;
        assert_eq!(answer.status, status, "{what} {name}");
        operator.get("/operator/accounts").await;
    }
    let listed = operator.get("/operator/accounts?from=sato").await;
    holds(&listed, &["停止中", "見本 &#60;i&#62;"]);
    assert!(!listed.body.contains("ご自身"), "it stands before");
    let of = [("name", "sato@example.jp")];
    operator.post(&format!("{change}/enable"), &of).await;
    let reset = operator.post(&format!("{change}/reset"), &of).await;
    holds(&reset, &["アカウントを初期化しました"]);
    assert!(!reset.body.contains(&password));
    let provider = [
        ("name", "oidc:u-7"),
        ("shown", "監査室"),
        ("practitioner", "o-1"),
    ];
    let added = operator
        .post("/operator/accounts/new/officer", &provider)
        .await;
    holds(&added, &["認証サービスでサインインします"]);
    let patient = [
        ("name", "p"),
        ("shown", "患者"),
        ("chart", &format!("{KURUME_HOSPITAL}/K-1")),
        ("represents", &format!("\n{KURUME_HOSPITAL}/K-2\n")),
    ];
    holds(
        &operator
            .post("/operator/accounts/new/patient", &patient)
            .await,
        &["<code"],
    );

    let mut officer = town.signed_in(Kind::Officer);
    let told = officer.get("/officer/accounts").await;
    holds(&told, &[">operator<", ">sato@example.jp<", ">oidc:u-7<"]);
    for done in ["追加", "停止", "再開", "初期化"] {
        assert!(told.body.contains(&format!(">{done}</td>")), "{done}");
    }
    assert_eq!(
        officer.get("/operator/accounts").await.status,
        StatusCode::FORBIDDEN
    );
    // Long after signing in, who they are must be shown again.
    town.clock.advance(6 * 60 * 1000);
    let stale = operator.post(&format!("{change}/disable"), &of).await;
    assert_eq!(stale.to(), "/signin/again?to=/operator/accounts");
    let kept = town
        .portal
        .accounts
        .get("sato@example.jp")
        .unwrap()
        .unwrap();
    assert!(!kept.disabled);
}
