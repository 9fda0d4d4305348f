//! For tests: a portal over a real node and ledger in this process, and a browser that keeps cookies and fills in forms.

use crate::accounts::{Account, By, Hashed, Holder, Kind, Second};
use crate::listener::From;
use crate::sessions::{Person, Stage, Token};
use crate::{Parts, Portal, Settings, Standing};
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::header::{CONTENT_TYPE, COOKIE, HOST, LOCATION, ORIGIN, SET_COOKIE};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use sekisho_domain::Role;
pub(crate) use sekisho_node::testing::KURUME_HOSPITAL;
use sekisho_node::testing::{Fixed, KURUME, Setting, chart, network, nowhere};
use sekisho_node::{Environment, Node};
use sekisho_proto::v1;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tower::ServiceExt;

/// Of every account here.
pub(crate) const PASSWORD: &str = "correct horse battery";
/// Hashed once for all tests.
pub(crate) static HASHED: LazyLock<Hashed> = LazyLock::new(|| Hashed::of(PASSWORD).unwrap());

/// A portal of Kurume, whose node has one patient, and everything behind it.
pub(crate) struct Town {
    pub setting: Setting,
    pub clock: Arc<Fixed>,
    pub portal: Portal,
    _node: Node,
}

struct NoReplica;

#[tonic::async_trait]
impl Standing for NoReplica {
    async fn status(&self) -> Option<v1::StatusReply> {
        None
    }
}

impl Town {
    pub async fn new() -> Self {
        Self::with(|_| ()).await
    }

    /// With other settings.
    pub async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let setting = Setting::new();
        let node = setting.kurume(nowhere()).await;
        Self::over(setting, node, change)
    }

    /// With this node of Kurume's.
    pub fn over(setting: Setting, node: Node, change: impl FnOnce(&mut Settings)) -> Self {
        let clock = Fixed::new("portal", setting.environment.now());
        let mut settings = Settings {
            network: network(KURUME),
            origin: "https://portal.example.jp".to_owned(),
            idle: Duration::from_secs(1200),
            demo: false,
            provider: None,
        };
        change(&mut settings);
        let accounts = crate::accounts::Accounts::open(&setting.dir.path().join("portal.redb"));
        let parts = Parts {
            node: node.operating(),
            ledger: Arc::clone(&setting.ledger) as _,
            standing: Arc::new(NoReplica),
            accounts: accounts.unwrap(),
            accesses: crate::accesses::Accesses::in_memory().unwrap(),
            environment: Arc::clone(&clock) as _,
            genesis: setting.ledger.with(|world| world.genesis.clone()),
        };
        let portal = Portal::start(settings, parts).unwrap();
        Self {
            setting,
            clock,
            portal,
            _node: node,
        }
    }

    /// Adds an account that signs in with [`PASSWORD`] and nothing else.
    pub fn add(&self, name: &str, kind: Kind) -> Account {
        self.add_with(name, kind, Second::Waived)
    }

    pub fn add_with(&self, name: &str, kind: Kind, second: Second) -> Account {
        let password = Some(HASHED.clone());
        let mut account = Account::new(name, &format!("見本 {name}"), holder(kind), password);
        account.second = second;
        self.portal
            .accounts
            .add(&account, &By::command(sekisho_domain::TimeMs(0)))
            .unwrap();
        account
    }

    /// A browser of somebody who is signed in already, with an account of the kind's name.
    pub fn signed_in(&self, kind: Kind) -> Browser {
        if self.portal.accounts.get(kind.code()).unwrap().is_none() {
            self.add(kind.code(), kind);
        }
        let person = Person {
            account: kind.code().to_owned(),
            shown: format!("見本 {}", kind.code()),
            holder: holder(kind),
        };
        self.at(Stage::In(Arc::new(person)))
    }

    /// A browser whose session has come so far.
    pub fn at(&self, stage: Stage) -> Browser {
        let begun = self.portal.sessions.begin(stage, None, self.clock.now());
        let (token, session) = begun.unwrap();
        let mut browser = self.browser();
        browser.keep(&token);
        browser.form_token = session.form_token;
        browser
    }

    /// A browser that was never here.
    pub fn browser(&self) -> Browser {
        let origin = self.portal.settings.origin.clone();
        Browser {
            router: self.portal.router(),
            host: origin.split_once("://").unwrap().1.to_owned(),
            origin,
            cookies: BTreeMap::new(),
            form_token: String::new(),
            address: "192.0.2.7:40000".parse().unwrap(),
        }
    }
}

/// Somebody of each kind.
pub(crate) fn holder(kind: Kind) -> Holder {
    match kind {
        Kind::Clinician => Holder::Clinician {
            practitioner: "dr-1".to_owned(),
            profession: Role::Physician,
            facilities: [KURUME_HOSPITAL.parse().unwrap()].into(),
        },
        Kind::Patient => Holder::Patient {
            chart: chart(KURUME_HOSPITAL, "K-1"),
            represents: Vec::new(),
        },
        Kind::Officer => Holder::Officer {
            practitioner: "officer-1".to_owned(),
        },
        Kind::Operator => Holder::Operator,
    }
}

/// A browser: keeps cookies, sends the token of the page it last saw.
#[derive(Clone)]
pub(crate) struct Browser {
    router: Router,
    pub host: String,
    pub origin: String,
    pub cookies: BTreeMap<String, String>,
    pub form_token: String,
    pub address: std::net::SocketAddr,
}

/// What came back.
pub(crate) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    /// Where it sends the browser.
    pub fn to(&self) -> &str {
        self.header(LOCATION.as_str())
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

impl Browser {
    fn name(&self) -> &'static str {
        match self.origin.starts_with("https") {
            true => "__Host-sekisho",
            false => "sekisho",
        }
    }

    pub fn keep(&mut self, token: &Token) {
        self.cookies.insert(self.name().to_owned(), token.0.clone());
    }

    pub fn token(&self) -> Option<Token> {
        self.cookies.get(self.name()).cloned().map(Token)
    }

    /// A request as a browser writes it.
    pub fn request(&self, method: Method, path: &str, body: impl Into<Body>) -> Request<Body> {
        let cookies: Vec<_> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut request = Request::builder()
            .method(&method)
            .uri(path)
            .header(HOST, &self.host)
            .extension(ConnectInfo(From(self.address)));
        if !cookies.is_empty() {
            request = request.header(COOKIE, cookies.join("; "));
        }
        if method == Method::POST {
            request = request
                .header(ORIGIN, &self.origin)
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        request.body(body.into()).unwrap()
    }

    /// Sends it, and keeps what the answer says to keep.
    pub async fn send(&mut self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = String::from_utf8_lossy(&bytes).into_owned();
        for cookie in parts.headers.get_all(SET_COOKIE) {
            let (pair, rest) = cookie.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            match rest.contains("Max-Age=0") {
                true => self.cookies.remove(name),
                false => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        if let Some((_, rest)) = body.split_once("name=\"form_token\" value=\"") {
            self.form_token = rest.split('"').next().unwrap().to_owned();
        }
        Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        let request = self.request(Method::GET, path, Body::empty());
        self.send(request).await
    }

    /// Sends a form with the token last seen.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.form_token.clone();
        let mut all = vec![("form_token", token.as_str())];
        all.extend(fields);
        self.post_only(path, &all).await
    }

    /// Sends a form with these fields alone.
    pub async fn post_only(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut form = form_urlencoded::Serializer::new(String::new());
        let body = form.extend_pairs(fields).finish();
        let request = self.request(Method::POST, path, body);
        self.send(request).await
    }

    /// Name and password, typed into the page.
    pub async fn sign_in(&mut self, name: &str, password: &str) -> Answer {
        self.get("/signin").await;
        self.post("/signin", &[("name", name), ("password", password)])
            .await
    }
}
