//! What tests of officers' and operators' pages stand on: a portal of either network over a real node and a real ledger
//! that the test adds to, and browsers that are signed in.

use crate::accesses::Accesses;
use crate::accounts::{Accounts, Holder};
use crate::sessions::{Person, Stage, Token};
use crate::state::{Parts, Portal, Settings, Standing};
use axum::body::Body;
use axum::http::header::{ACCEPT_LANGUAGE, CONTENT_TYPE, COOKIE, HOST, HeaderMap, ORIGIN};
use axum::http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use sekisho_node::Node;
use sekisho_node::testing::{CoreLedger, Fixed, SAGA, Setting, network, nowhere};
use sekisho_proto::v1;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tower::ServiceExt;

pub const ORIGIN_OF_TESTS: &str = "http://127.0.0.1:8443";

/// What the replica says of itself, as a test sets it.
#[derive(Default)]
pub struct Said(pub Mutex<Option<v1::StatusReply>>);

#[tonic::async_trait]
impl Standing for Said {
    async fn status(&self) -> Option<v1::StatusReply> {
        self.0.lock().unwrap().clone()
    }
}

/// A portal, and what is behind it.
pub struct Stand {
    pub portal: Portal,
    _node: Node,
    pub ledger: Arc<CoreLedger>,
    pub environment: Arc<Fixed>,
    pub standing: Arc<Said>,
    pub setting: Setting,
}

impl Stand {
    /// The portal of Saga or of Kurume, in the setting of the node's own tests: a patient of Saga who visits Kurume,
    /// linked, with a consent to the visit.
    pub async fn of(id: &str) -> Self {
        let setting = Setting::new();
        let node = match id {
            SAGA => setting.saga().await,
            _ => setting.kurume(nowhere()).await,
        };
        let (ledger, environment) = (
            Arc::clone(&setting.ledger),
            Fixed::new("portal", setting.ledger.now()),
        );
        let standing = Arc::new(Said::default());
        let settings = Settings {
            network: network(id),
            origin: ORIGIN_OF_TESTS.to_owned(),
            idle: Duration::from_secs(900),
            demo: false,
            provider: None,
        };
        let accounts = Accounts::open(&setting.dir.path().join("portal.redb")).unwrap();
        let parts = Parts {
            node: node.operating(),
            ledger: Arc::clone(&ledger) as _,
            standing: Arc::clone(&standing) as _,
            accounts,
            accesses: Accesses::in_memory().unwrap(),
            environment: Arc::clone(&environment) as _,
            genesis: ledger.with(|world| world.genesis.clone()),
        };
        let portal = Portal::start(settings, parts).unwrap();
        Self {
            portal,
            _node: node,
            ledger,
            environment,
            standing,
            setting,
        }
    }

    /// A browser somebody is signed in at, reading English.
    pub fn browser(&self, account: &str, holder: Holder) -> Browser {
        let person = Person {
            account: account.to_owned(),
            shown: account.to_owned(),
            holder,
        };
        let stage = Stage::In(Arc::new(person));
        let now = self.portal.environment.now();
        let (token, session) = self.portal.sessions.begin(stage, None, now).unwrap();
        Browser {
            portal: self.portal.clone(),
            session: Some(token),
            form_token: session.form_token,
            language: "en",
        }
    }

    /// A browser nobody is signed in at.
    pub fn stranger(&self) -> Browser {
        Browser {
            portal: self.portal.clone(),
            session: None,
            form_token: String::new(),
            language: "en",
        }
    }
}

/// One browser.
#[derive(Clone)]
pub struct Browser {
    portal: Portal,
    session: Option<Token>,
    form_token: String,
    pub language: &'static str,
}

/// What it gets.
#[derive(Debug)]
pub struct Got {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Got {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
    /// Fails unless the page came and holds all of these.
    pub fn holds(&self, all: &[&str]) -> String {
        let text = self.text();
        assert_eq!(self.status, StatusCode::OK, "{text}");
        for one in all {
            assert!(text.contains(one), "{one:?} is not in\n{text}");
        }
        text
    }
}

impl Browser {
    /// The same browser, reading Japanese.
    pub fn japanese(&self) -> Self {
        Self {
            language: "ja",
            ..self.clone()
        }
    }

    pub async fn get(&self, path: &str) -> Got {
        self.send(Method::GET, path, String::new()).await
    }

    /// Sends a form of this session's.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Got {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("form_token", &self.form_token);
        form.extend_pairs(fields);
        self.send(Method::POST, path, form.finish()).await
    }

    async fn send(&self, method: Method, path: &str, body: String) -> Got {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, "127.0.0.1:8443")
            .header(ORIGIN, ORIGIN_OF_TESTS)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT_LANGUAGE, self.language);
        if let Some(token) = &self.session {
            request = request.header(COOKIE, format!("sekisho={}", token.0));
        }
        let request = request.body(Body::from(body)).unwrap();
        let answer = self.portal.router().oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        Got {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes().to_vec(),
        }
    }
}
