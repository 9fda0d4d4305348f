//! A provider that lies in every way a provider, or somebody between, could; and the certified one of node.js.

use super::*;
use crate::accounts::{By, Holder, Kind, Second};
use crate::node_programs::script;
use crate::sessions::Session;
use crate::testing::{Answer, Browser, KURUME_HOSPITAL, Town, holder};
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use http_body_util::{BodyExt, Full};
use ring::signature::{Ed25519KeyPair, KeyPair};
use sekisho_documents::tls_client;
use sekisho_domain::TimeMs;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Mutex as Lock;
use std::time::{SystemTime, UNIX_EPOCH};

const CLIENT: &str = "sekisho";

struct Json(Value);

impl axum::response::IntoResponse for Json {
    fn into_response(self) -> axum::response::Response {
        ([("content-type", "application/json")], self.0.to_string()).into_response()
    }
}

fn base64(bytes: impl AsRef<[u8]>) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

fn now_s() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_secs()
}

/// What the provider of a test says, which a test changes.
#[derive(Clone)]
struct Says {
    header: Value,
    claims: Value,
    /// What the user-info endpoint says; null: it has none.
    more: Value,
    /// The keys it tells of, by seed, and the one it signs with.
    keys: Vec<u8>,
    signs: u8,
    /// HMAC with this in place of a signature.
    mac: Option<Vec<u8>>,
    codes: Vec<String>,
    /// The verifiers it was shown.
    verifiers: Vec<String>,
}

#[derive(Clone)]
struct Pretend {
    issuer: String,
    says: Arc<Lock<Says>>,
}

fn pair(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

impl Pretend {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let claims = json!({
            "iss": issuer, "aud": CLIENT, "sub": "u-1", "iat": now_s(), "exp": now_s() + 300,
            "auth_time": now_s(), "roles": ["it"], "name": "見本 運用",
        });
        let says = Says {
            header: json!({"alg": "EdDSA", "kid": "1"}),
            claims,
            more: Value::Null,
            keys: vec![1],
            signs: 1,
            mac: None,
            codes: vec!["good".to_owned()],
            verifiers: Vec::new(),
        };
        let pretend = Self {
            issuer,
            says: Arc::new(Lock::new(says)),
        };
        let router = axum::Router::new()
            .route("/.well-known/openid-configuration", get(Self::discovery))
            .route("/keys", get(Self::keys))
            .route("/token", post(Self::token))
            .route("/me", get(Self::me))
            .with_state(pretend.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        pretend
    }

    fn change(&self, change: impl FnOnce(&mut Says)) {
        change(&mut self.says.lock().unwrap());
    }

    async fn discovery(State(own): State<Self>) -> Json {
        let at = |path: &str| format!("{}{path}", own.issuer);
        let mut document = json!({
            "issuer": own.issuer,
            "authorization_endpoint": at("/auth"),
            "token_endpoint": at("/token"),
            "jwks_uri": at("/keys"),
            "end_session_endpoint": at("/end?x=1"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["EdDSA", "HS256", "none"],
        });
        if !own.says.lock().unwrap().more.is_null() {
            document["userinfo_endpoint"] = json!(at("/me"));
        }
        Json(document)
    }

    async fn keys(State(own): State<Self>) -> Json {
        let seeds = own.says.lock().unwrap().keys.clone();
        let key = |seed: u8| {
            let x = base64(pair(seed).public_key());
            json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": seed.to_string(), "x": x})
        };
        let keys: Vec<_> = seeds.into_iter().map(key).collect();
        Json(json!({ "keys": keys }))
    }

    async fn token(
        State(own): State<Self>,
        Form(form): Form<BTreeMap<String, String>>,
    ) -> (StatusCode, Json) {
        let mut says = own.says.lock().unwrap();
        let known = says.codes.iter().position(|code| *code == form["code"]);
        let Some(known) = known else {
            let no = json!({"error": "invalid_grant", "error_description": "u-1 was here"});
            return (StatusCode::BAD_REQUEST, Json(no));
        };
        says.codes.remove(known);
        says.verifiers.push(form["code_verifier"].clone());
        let told = format!(
            "{}.{}",
            base64(says.header.to_string()),
            base64(says.claims.to_string())
        );
        let signature = match &says.mac {
            Some(key) => {
                let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key);
                base64(ring::hmac::sign(&key, told.as_bytes()))
            }
            None if says.header["alg"] == "none" => String::new(),
            None => base64(pair(says.signs).sign(told.as_bytes())),
        };
        let token = json!({
            "access_token": "at", "token_type": "Bearer", "expires_in": 60,
            "id_token": format!("{told}.{signature}"),
        });
        (StatusCode::OK, Json(token))
    }

    async fn me(State(own): State<Self>) -> Json {
        Json(own.says.lock().unwrap().more.clone())
    }
}

fn settings(issuer: &str) -> ProviderSettings {
    let roles = [
        ("doctors", "clinician:physician"),
        ("patients", "patient"),
        ("compliance", "officer"),
        ("it", "operator"),
    ];
    ProviderSettings {
        issuer: issuer.to_owned(),
        client_id: CLIENT.to_owned(),
        client_secret: Some("not much of a secret".to_owned()),
        scopes: vec!["sekisho".to_owned()],
        mapping: Mapping {
            role: "roles".to_owned(),
            facility: "facilities".to_owned(),
            practitioner: "number".to_owned(),
            chart: "chart".to_owned(),
            roles: roles
                .map(|(value, to)| (value.to_owned(), to.parse().unwrap()))
                .into(),
        },
        strong_acr: Vec::new(),
        strong_amr: Vec::new(),
        tls: tls_client(None).unwrap(),
    }
}

async fn town(provider: ProviderSettings) -> Town {
    Town::with(|settings| settings.provider = Some(provider)).await
}

/// A query's values.
fn query(url: &str) -> BTreeMap<String, String> {
    let query = url.split_once('?').unwrap().1;
    form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

/// Sent away; what the provider would be told.
async fn away(browser: &mut Browser, path: &str) -> BTreeMap<String, String> {
    let answer = browser.get(path).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    query(answer.to())
}

async fn back(browser: &mut Browser, fields: &[(&str, &str)]) -> Answer {
    let mut form = form_urlencoded::Serializer::new(String::new());
    let query = form.extend_pairs(fields).finish();
    browser.get(&format!("/signin/provider/back?{query}")).await
}

fn session(town: &Town, browser: &Browser) -> Session {
    let now = sekisho_node::Environment::now(&*town.clock);
    town.portal
        .sessions
        .of(&browser.token().unwrap(), now)
        .unwrap()
}

fn count(town: &Town, refusal: Refusal) -> u64 {
    let all = town.portal.refused();
    all.into_iter().find(|(one, _)| *one == refusal).unwrap().1
}

#[tokio::test]
async fn whoever_the_provider_vouches_for_is_in() {
    let pretend = Pretend::start().await;
    let town = town(settings(&pretend.issuer)).await;
    let mut one = town.browser();
    let page = one.get("/signin?to=/operator/x").await;
    assert!(
        page.body
            .contains("href=\"/signin/provider?to=/operator/x\"")
    );
    let sent = away(&mut one, "/signin/provider?to=/operator/x").await;
    assert_eq!(sent["response_type"], "code");
    assert_eq!(sent["client_id"], CLIENT);
    assert_eq!(sent["code_challenge_method"], "S256");
    assert_eq!(sent["scope"], "openid sekisho");
    assert_eq!(
        sent["redirect_uri"],
        "https://portal.example.jp/signin/provider/back"
    );
    pretend.change(|says| says.claims["nonce"] = json!(sent["nonce"]));
    let fields = [
        ("state", &*sent["state"]),
        ("code", "good"),
        ("iss", &*pretend.issuer),
    ];
    let before = one.token();
    let answer = back(&mut one, &fields).await;
    assert_eq!(answer.to(), "/operator/x", "{}", answer.body);
    assert_ne!(one.token(), before, "a token of its own");
    let verifier = pretend.says.lock().unwrap().verifiers[0].clone();
    let challenge = base64(<sha2::Sha256 as sha2::Digest>::digest(verifier));
    assert_eq!(sent["code_challenge"], challenge);
    let person = session(&town, &one).person().unwrap().clone();
    assert_eq!(
        (&*person.account, &*person.shown),
        ("oidc:u-1", "見本 運用")
    );
    assert_eq!(person.holder, Holder::Operator);

    // Brought again, by whomever, it is worth nothing.
    let again = back(&mut one.clone(), &fields).await;
    assert_eq!(again.status, StatusCode::FORBIDDEN);
    let again = back(&mut town.browser(), &fields).await;
    assert_eq!(again.status, StatusCode::FORBIDDEN);
    assert_eq!(count(&town, Refusal::Stale), 2);

    // They see that passwords are elsewhere, and change none here.
    let page = one.get("/account").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(!page.body.contains("/account/password"));
    let changed = one.post("/account/password", &[("new", "x")]).await;
    assert_eq!(changed.status, StatusCode::FORBIDDEN);

    // Signed out here, and there.
    let out = one.post("/signout", &[]).await;
    let to = out.header("refresh").strip_prefix("0; url=").unwrap();
    assert!(to.starts_with(&format!("{}/end?x=1&id_token_hint=", pretend.issuer)));
    assert_eq!(
        query(to)["post_logout_redirect_uri"],
        "https://portal.example.jp/signin"
    );
    assert!(one.token().is_none());
}

/// One way in which what comes back does not hold.
struct Case {
    name: &'static str,
    change: fn(&mut Says),
    refusal: Refusal,
}

const fn case(name: &'static str, refusal: Refusal, change: fn(&mut Says)) -> Case {
    Case {
        name,
        change,
        refusal,
    }
}

const LIES: [Case; 22] = [
    case("another nonce", Refusal::Token, |s| {
        s.claims["nonce"] = json!("x")
    }),
    case("no nonce", Refusal::Token, |s| {
        s.claims["nonce"] = Value::Null
    }),
    case("another issuer", Refusal::Token, |s| {
        s.claims["iss"] = json!("https://evil.example")
    }),
    case("another audience", Refusal::Token, |s| {
        s.claims["aud"] = json!("other")
    }),
    case("one audience more", Refusal::Token, |s| {
        s.claims["aud"] = json!([CLIENT, "other"])
    }),
    case("expired", Refusal::Token, |s| {
        s.claims["exp"] = json!(now_s() - 1)
    }),
    case("another key", Refusal::Token, |s| s.signs = 2),
    case("a key nobody told of", Refusal::Token, |s| {
        s.signs = 2;
        s.header["kid"] = json!("2");
    }),
    case("no signature", Refusal::Token, |s| {
        s.header["alg"] = json!("none")
    }),
    case("a secret in place of a key", Refusal::Token, |s| {
        s.header["alg"] = json!("HS256");
        s.mac = Some(b"not much of a secret".to_vec());
    }),
    case("the public key as a secret", Refusal::Token, |s| {
        s.header["alg"] = json!("HS256");
        s.mac = Some(pair(1).public_key().as_ref().to_vec());
    }),
    case("another access token's hash", Refusal::Token, |s| {
        s.claims["at_hash"] = json!("AAAA")
    }),
    case("an unknown code", Refusal::Code, |s| s.codes.clear()),
    case("nothing here", Refusal::Unmapped, |s| {
        s.claims["roles"] = json!(["staff"])
    }),
    case("no role at all", Refusal::Unmapped, |s| {
        s.claims["roles"] = Value::Null
    }),
    case("two things", Refusal::Several, |s| {
        s.claims["roles"] = json!(["it", "patients"])
    }),
    case("a physician of nowhere", Refusal::Incomplete, |s| {
        s.claims["roles"] = json!(["doctors"])
    }),
    case("a patient without chart", Refusal::Incomplete, |s| {
        s.claims["roles"] = json!("patients")
    }),
    case("a subject too long", Refusal::Token, |s| {
        s.claims["sub"] = json!("x".repeat(256))
    }),
    case("no subject", Refusal::Token, |s| {
        s.claims["sub"] = json!("")
    }),
    case("another one's claims", Refusal::Token, |s| {
        s.claims.as_object_mut().unwrap().remove("roles");
        s.more = json!({"sub": "u-2", "roles": "it"});
    }),
    case("disabled here", Refusal::Disabled, |s| {
        s.claims["sub"] = json!("gone")
    }),
];

#[tokio::test]
async fn what_does_not_hold_is_refused_and_says_nothing_of_anybody() {
    for Case {
        name,
        change,
        refusal,
    } in LIES
    {
        let pretend = Pretend::start().await;
        let town = town(settings(&pretend.issuer)).await;
        town.add("oidc:gone", Kind::Operator);
        town.portal
            .accounts
            .disable("oidc:gone", &By::command(TimeMs(0)))
            .unwrap();
        pretend.change(|says| {
            says.more = json!({"sub": "u-1"});
        });
        let mut one = town.browser();
        let sent = away(&mut one, "/signin/provider").await;
        pretend.change(|says| {
            says.claims["nonce"] = json!(sent["nonce"]);
            change(says);
        });
        let answer = back(&mut one, &[("state", &sent["state"]), ("code", "good")]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{name}");
        assert_eq!(
            count(&town, refusal),
            1,
            "{name}: {:?}",
            town.portal.refused()
        );
        assert!(session(&town, &one).person().is_none(), "{name}");
        for private in ["u-1", "u-2", "見本", "gone"] {
            assert!(!answer.body.contains(private), "{name}: {private}");
        }
    }
}

#[tokio::test]
async fn an_answer_to_another_question_is_refused() {
    let pretend = Pretend::start().await;
    let town = town(settings(&pretend.issuer)).await;
    type Brought = &'static [(&'static str, &'static str)];
    let cases: [(&str, Refusal, Brought); 5] = [
        (
            "another state",
            Refusal::Mixed,
            &[("state", "x"), ("code", "good")],
        ),
        ("no state", Refusal::Mixed, &[("code", "good")]),
        (
            "another issuer",
            Refusal::Mixed,
            &[
                ("state", "="),
                ("code", "good"),
                ("iss", "https://evil.example"),
            ],
        ),
        (
            "declined",
            Refusal::Declined,
            &[("state", "="), ("error", "access_denied")],
        ),
        ("no code", Refusal::Declined, &[("state", "=")]),
    ];
    for (name, refusal, fields) in cases {
        let before = count(&town, refusal);
        let mut one = town.browser();
        let sent = away(&mut one, "/signin/provider").await;
        let fields: Vec<_> = fields
            .iter()
            .map(|(key, value)| {
                (
                    *key,
                    if *value == "=" {
                        &*sent["state"]
                    } else {
                        value
                    },
                )
            })
            .collect();
        let answer = back(&mut one, &fields).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{name}");
        assert_eq!(count(&town, refusal), before + 1, "{name}");
        // And there is no second try.
        let right = [("state", &*sent["state"]), ("code", "good")];
        assert_eq!(back(&mut one, &right).await.status, StatusCode::FORBIDDEN);
    }
    // The state of another browser's.
    let (mut mine, mut other) = (town.browser(), town.browser());
    away(&mut mine, "/signin/provider").await;
    let sent = away(&mut other, "/signin/provider").await;
    let answer = back(&mut mine, &[("state", &sent["state"]), ("code", "good")]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(
        pretend.says.lock().unwrap().codes,
        ["good"],
        "no code was shown to the provider"
    );
}

/// Signs in with claims changed so.
async fn enter(
    town: &Town,
    pretend: &Pretend,
    change: impl FnOnce(&mut Says),
) -> (Browser, Answer) {
    let mut one = town.browser();
    let sent = away(&mut one, "/signin/provider").await;
    pretend.change(|says| {
        says.codes = vec!["good".to_owned()];
        says.claims["nonce"] = json!(sent["nonce"]);
        change(says);
    });
    let answer = back(&mut one, &[("state", &sent["state"]), ("code", "good")]).await;
    (one, answer)
}

#[tokio::test]
async fn new_keys_are_asked_for_and_claims_come_from_both_places() {
    let pretend = Pretend::start().await;
    let town = town(settings(&pretend.issuer)).await;
    pretend.change(|says| {
        says.more = json!({"sub": "u-1", "roles": "patients", "chart": "4011234567/K-1"})
    });
    let (_, answer) = enter(&town, &pretend, |_| ()).await;
    assert_eq!(answer.to(), "/operator", "what the token says goes first");
    let without = |says: &mut Says| {
        says.claims.as_object_mut().unwrap().remove("roles");
    };
    let (_, answer) = enter(&town, &pretend, without).await;
    assert_eq!(answer.to(), "/patient");
    let rotate = |says: &mut Says| {
        (says.keys, says.signs) = (vec![1, 2], 2);
        says.header["kid"] = json!("2");
    };
    let (_, answer) = enter(&town, &pretend, rotate).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "asked a moment ago");
    town.clock.advance(KNOWN_AGAIN_MS);
    let (_, answer) = enter(&town, &pretend, |_| ()).await;
    assert_eq!(answer.to(), "/patient");
    // An account kept here says what they are, whatever the claims say.
    town.add_with("oidc:u-1", Kind::Officer, Second::Missing);
    let (mut one, answer) = enter(&town, &pretend, |_| ()).await;
    assert_eq!(answer.to(), "/officer");
    // Its session ends with it.
    town.portal
        .disable("oidc:u-1", By::command(TimeMs(0)))
        .await
        .unwrap();
    assert_eq!(one.get("/account").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn officers_and_emergencies_need_more() {
    let pretend = Pretend::start().await;
    let mut with = settings(&pretend.issuer);
    with.strong_acr = vec!["gold".to_owned()];
    with.strong_amr = vec!["hwk".to_owned()];
    let town = town(with).await;
    let now = sekisho_node::Environment::now(&*town.clock);
    let officer = |says: &mut Says| {
        says.claims["roles"] = json!("compliance");
        says.claims["number"] = json!("o-1");
        says.claims["amr"] = json!(["pwd"]);
        says.claims["auth_time"] = json!(now.0 / 1000 - 3600);
    };
    let (_, answer) = enter(&town, &pretend, officer).await;
    assert_eq!(
        (answer.status, count(&town, Refusal::Weak)),
        (StatusCode::FORBIDDEN, 1)
    );
    for strong in [json!({"amr": ["pwd", "hwk"]}), json!({"acr": "gold"})] {
        let (one, answer) = enter(&town, &pretend, |says| {
            for (name, value) in strong.as_object().unwrap() {
                says.claims[name] = value.clone();
            }
        })
        .await;
        assert_eq!(answer.to(), "/officer");
        assert!(!session(&town, &one).is_fresh(now), "shown an hour ago");
        pretend.change(|says| {
            says.claims.as_object_mut().unwrap().remove("acr");
            says.claims["amr"] = json!(["pwd"]);
        });
    }
    // An operator comes in with less, and shows more when it matters.
    let (mut one, answer) = enter(&town, &pretend, |says| says.claims["roles"] = json!("it")).await;
    assert_eq!(answer.to(), "/operator");
    let to = one.get("/signin/again?to=/operator/x").await;
    assert_eq!(to.to(), "/signin/provider/again?to=/operator/x");
    let mut again = async |change: fn(&mut Says)| {
        let sent = away(&mut one, "/signin/provider/again?to=/operator/x").await;
        assert_eq!(
            (&*sent["prompt"], &*sent["max_age"], &*sent["acr_values"]),
            ("login", "0", "gold")
        );
        pretend.change(|says| {
            says.codes = vec!["good".to_owned()];
            says.claims["nonce"] = json!(sent["nonce"]);
            change(says);
        });
        let answer = back(&mut one, &[("state", &sent["state"]), ("code", "good")]).await;
        (answer.status, session(&town, &one).is_fresh(now))
    };
    assert_eq!(again(|_| ()).await, (StatusCode::FORBIDDEN, false));
    let strong = |says: &mut Says| says.claims["amr"] = json!(["hwk"]);
    assert_eq!(
        again(strong).await,
        (StatusCode::SEE_OTHER, false),
        "not shown anew"
    );
    let other = |says: &mut Says| says.claims["sub"] = json!("u-2");
    assert_eq!(again(other).await, (StatusCode::FORBIDDEN, false));
    let anew = |says: &mut Says| {
        says.claims["sub"] = json!("u-1");
        says.claims["auth_time"] = json!(now_s());
    };
    assert_eq!(again(anew).await, (StatusCode::SEE_OTHER, true));
}

#[tokio::test]
async fn a_provider_that_is_down_leaves_the_portal_up() {
    let town = town(settings("http://127.0.0.1:1")).await;
    let mut one = town.browser();
    let answer = one.get("/signin/provider").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(count(&town, Refusal::Down), 1);
    assert_eq!(one.get("/signin").await.status, StatusCode::OK);
    // It goes while somebody is there.
    let pretend = Pretend::start().await;
    let mut with = settings(&pretend.issuer);
    with.issuer = format!("{}/other", pretend.issuer);
    let town = self::town(with).await;
    let answer = town.browser().get("/signin/provider").await;
    assert_eq!(
        answer.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "another issuer's document"
    );
    let without = Town::new().await;
    for path in ["/signin/provider", "/signin/provider/back?state=x&code=y"] {
        assert_eq!(
            without.browser().get(path).await.status,
            StatusCode::NOT_FOUND
        );
    }
}

/// What a browser does with the provider's own pages.
struct Web {
    client: hyper_util::client::legacy::Client<
        hyper_util::client::legacy::connect::HttpConnector,
        Full<bytes::Bytes>,
    >,
    cookies: BTreeMap<String, String>,
}

impl Web {
    fn new() -> Self {
        let executor = hyper_util::rt::TokioExecutor::new();
        Self {
            client: hyper_util::client::legacy::Client::builder(executor).build_http(),
            cookies: BTreeMap::new(),
        }
    }

    /// One request: where it leads, or the page.
    async fn ask(&mut self, url: &str, form: Option<&[(&str, &str)]>) -> Result<String, String> {
        let cookies: Vec<_> = self
            .cookies
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        let mut request = axum::http::Request::builder()
            .uri(url)
            .header("cookie", cookies.join("; "));
        let mut body = String::new();
        if let Some(form) = form {
            request = request
                .method("POST")
                .header("content-type", "application/x-www-form-urlencoded");
            let mut writing = form_urlencoded::Serializer::new(String::new());
            body = writing.extend_pairs(form).finish();
        }
        let answer = self
            .client
            .request(request.body(Full::from(body)).unwrap())
            .await
            .unwrap();
        for cookie in answer.headers().get_all("set-cookie") {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            match value {
                "" => self.cookies.remove(name),
                _ => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        if let Some(to) = answer.headers().get("location") {
            return Ok(to.to_str().unwrap().to_owned());
        }
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        Err(String::from_utf8_lossy(&body).into_owned())
    }

    /// Follows from the provider's first page to where it sends the browser back.
    async fn sign_in(&mut self, issuer: &str, url: &str, name: &str) -> String {
        let mut at = url.to_owned();
        for _ in 0..20 {
            if !at.starts_with(issuer) && !at.starts_with('/') {
                return at;
            }
            let full = match at.strip_prefix('/') {
                Some(path) => format!("{issuer}/{path}"),
                None => at.clone(),
            };
            at = match self.ask(&full, None).await {
                Ok(to) => to,
                Err(page) => {
                    let action = page
                        .split("action=\"")
                        .nth(1)
                        .unwrap_or_else(|| panic!("{page}"));
                    let action = action.split('"').next().unwrap().to_owned();
                    let prompt = if page.contains("value=\"login\"") {
                        "login"
                    } else {
                        "consent"
                    };
                    let fields = [("prompt", prompt), ("login", name), ("password", "any")];
                    self.ask(&action, Some(&fields)).await.unwrap()
                }
            };
        }
        panic!("it goes round and round")
    }
}

#[tokio::test]
async fn the_certified_provider_of_node_js_and_this_portal_understand_each_other() {
    let Some(provider) = script("provider.mjs", &["https://portal.example.jp"]) else {
        return;
    };
    let issuer = provider.said.clone();
    let town = town(settings(&issuer)).await;
    for (name, kind) in [
        ("doctor", Some(Kind::Clinician)),
        ("patient", Some(Kind::Patient)),
        ("officer", Some(Kind::Officer)),
        ("operator", Some(Kind::Operator)),
        ("guest", None),
    ] {
        let (mut one, mut web) = (town.browser(), Web::new());
        let sent = one.get("/signin/provider").await;
        let there = web.sign_in(&issuer, sent.to(), name).await;
        let path = there
            .strip_prefix("https://portal.example.jp")
            .unwrap()
            .to_owned();
        assert!(query(&path).contains_key("iss"), "RFC 9207");
        let answer = one.get(&path).await;
        let Some(kind) = kind else {
            assert_eq!(answer.status, StatusCode::FORBIDDEN);
            assert_eq!(count(&town, Refusal::Unmapped), 1);
            continue;
        };
        assert_eq!(
            answer.to(),
            kind.home(),
            "{name}: {:?}",
            town.portal.refused()
        );
        let person = session(&town, &one).person().unwrap().clone();
        assert_eq!(person.account, format!("oidc:{name}"));
        assert_eq!(person.holder, holder(kind), "{name}");
        if let Holder::Clinician { facilities, .. } = &person.holder {
            assert!(facilities.iter().any(|f| f.to_string() == KURUME_HOSPITAL));
        }
        // A code the provider has given tokens for is worth nothing, even with everything else right.
        let code = query(&path)["code"].clone();
        let mut thief = town.browser();
        let sent = query(thief.get("/signin/provider").await.to());
        let answer = back(&mut thief, &[("state", &sent["state"]), ("code", &code)]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        // Shown again, and then out in both places.
        let again = one.get("/signin/provider/again?to=/account").await;
        let there = web.sign_in(&issuer, again.to(), name).await;
        let path = there
            .strip_prefix("https://portal.example.jp")
            .unwrap()
            .to_owned();
        assert_eq!(one.get(&path).await.to(), "/account");
        let now = sekisho_node::Environment::now(&*town.clock);
        assert!(session(&town, &one).is_fresh(now));
        let page = one.get("/account").await;
        assert_eq!(page.status, StatusCode::OK);
        let out = one.post("/signout", &[]).await;
        let end = out
            .header("refresh")
            .strip_prefix("0; url=")
            .unwrap()
            .to_owned();
        let asked = web.ask(&end, None).await.unwrap_err();
        assert!(asked.contains("op.logoutForm"), "{asked}");
        let secret = asked.split("name=\"xsrf\" value=\"").nth(1).unwrap();
        let secret = secret.split('"').next().unwrap();
        let fields = [("xsrf", secret), ("logout", "yes")];
        let confirm = format!("{issuer}/session/end/confirm");
        let home = web.ask(&confirm, Some(&fields)).await.unwrap();
        assert_eq!(home, "https://portal.example.jp/signin");
    }
    assert_eq!(count(&town, Refusal::Code), 4);
    drop(provider);
    let answer = town.browser().get("/signin/provider").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "known still");
    town.clock.advance(KNOWN_MS);
    let answer = town.browser().get("/signin/provider").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
}
