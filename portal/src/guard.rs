//! Everything passes here, in this order:
//!
//! 1. asked under the portal's own name (else 421: a page elsewhere cannot be made to speak in ours);
//! 2. a page of the list (else 404);
//! 3. a form was sent from a page of ours (else 403; its token is checked where the form is read);
//! 4. the person may open it (else to sign in, or 403).
//!
//! The answer gets headers by which a browser runs nothing, loads nothing and sends nothing that is not ours.

use crate::accounts::Kind;
use crate::fault::Fault;
use crate::page::{self, Visitor};
use crate::pages::Open;
use crate::sessions::{Session, Token};
use crate::state::Portal;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, HOST, HeaderName, HeaderValue, LOCATION,
    ORIGIN, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Name of the session's cookie where pages travel in TLS: browsers take it from this host alone.
const COOKIE_TLS: &str = "__Host-sekisho";
/// And without TLS, on loopback.
const COOKIE_PLAIN: &str = "sekisho";
/// The language somebody chose.
pub(crate) const COOKIE_LANGUAGE: &str = "sekisho-language";
/// The size of text somebody chose.
pub(crate) const COOKIE_TEXT: &str = "sekisho-text";
/// Large, as that cookie has it and an address names it.
pub(crate) const LARGE: &str = "large";
/// As it is without that.
pub(crate) const NORMAL: &str = "normal";

/// Scripts and styles are files of ours; nothing is taken from elsewhere or written into a page.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; font-src 'self'; \
                      connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

pub(crate) async fn guard(
    State(portal): State<Portal>,
    mut request: Request,
    next: Next,
) -> Response {
    portal.learn_name().await;
    let visitor = visitor(&portal, &request);
    let language = visitor.language;
    let response = match allowed(&portal, &request, &visitor) {
        Ok(()) => {
            request.extensions_mut().insert(visitor.clone());
            next.run(request).await
        }
        Err(Turned::Away(fault)) => page::fault(&portal, &visitor, &fault),
        Err(Turned::ToSignIn(to)) => see_other(&to),
    };
    headed(&portal, language, response)
}

/// Where somebody is who asks for this: to come back to in another language.
fn here(portal: &Portal, request: &Request) -> String {
    let path = request.extensions().get::<MatchedPath>();
    let is_page = path.is_some_and(|path| portal.open(&Method::GET, path.as_str()).is_some());
    let uri = request.uri();
    match (is_page, request.method()) {
        (true, &Method::GET) => uri.path_and_query().map_or("/", |here| here.as_str()),
        (true, _) => uri.path(),
        (false, _) => "/",
    }
    .to_owned()
}

/// A path nothing answers.
pub(crate) async fn nothing(State(portal): State<Portal>, request: Request) -> Response {
    let visitor = visitor(&portal, &request);
    let fault = match own_name(&portal, request.headers()) {
        true => Fault::NotFound,
        false => Fault::OtherHost,
    };
    headed(
        &portal,
        visitor.language,
        page::fault(&portal, &visitor, &fault),
    )
}

enum Turned {
    Away(Fault),
    ToSignIn(String),
}

fn allowed(portal: &Portal, request: &Request, visitor: &Visitor) -> Result<(), Turned> {
    let away = |fault| Err(Turned::Away(fault));
    if !own_name(portal, request.headers()) {
        return away(Fault::OtherHost);
    }
    let path = request
        .extensions()
        .get::<MatchedPath>()
        .map(MatchedPath::as_str);
    let Some(open) = path.and_then(|path| portal.open(request.method(), path)) else {
        return away(Fault::NotFound);
    };
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if !reads && !from_here(portal, request.headers()) {
        return away(Fault::NotOurForm);
    }
    match (open, visitor.kind()) {
        (Open::Everybody, _) => Ok(()),
        (open, Some(kind)) if open.admits(kind) => Ok(()),
        (_, Some(_)) => away(Fault::Forbidden),
        (_, None) if reads => {
            let wanted = request.uri().path();
            Err(Turned::ToSignIn(format!("/signin?to={}", encoded(wanted))))
        }
        (_, None) => Err(Turned::ToSignIn("/signin".to_owned())),
    }
}

/// A path as a query's value; anything unusual is left out rather than carried on.
fn encoded(path: &str) -> String {
    let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.');
    path.chars().filter(plain).collect()
}

fn own_name(portal: &Portal, headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let own = portal
        .settings
        .origin
        .split_once("://")
        .map(|(_, host)| host);
    host.is_some() && host == own
}

/// A form sent by a browser says from where, in one header or the other (Fetch §3.2.8).
fn from_here(portal: &Portal, headers: &HeaderMap) -> bool {
    let of = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    match (of(ORIGIN), of(HeaderName::from_static("sec-fetch-site"))) {
        (Some(origin), _) => origin == portal.settings.origin,
        (None, Some(site)) => site == "same-origin",
        (None, None) => false,
    }
}

fn visitor(portal: &Portal, request: &Request) -> Visitor {
    let headers = request.headers();
    let token = cookie(headers, cookie_name(portal)).map(Token);
    let now = portal.environment.now();
    let session = token
        .as_ref()
        .and_then(|token| portal.sessions.of(token, now));
    Visitor {
        language: page::language(headers),
        large: cookie(headers, COOKIE_TEXT).is_some_and(|size| size == LARGE),
        token,
        session,
        address: crate::listener::address(headers, request.extensions()),
        here: here(portal, request),
    }
}

/// A cookie's value.
pub(crate) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok());
    let mut pairs = lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned())
}

fn is_tls(portal: &Portal) -> bool {
    portal.settings.origin.starts_with("https://")
}

fn cookie_name(portal: &Portal) -> &'static str {
    if is_tls(portal) {
        COOKIE_TLS
    } else {
        COOKIE_PLAIN
    }
}

/// The header that gives a browser its session, or takes it.
pub(crate) fn session_cookie(portal: &Portal, token: Option<&Token>) -> String {
    let (name, secure) = (
        cookie_name(portal),
        if is_tls(portal) { "; Secure" } else { "" },
    );
    match token {
        // Lax: an identity provider sends people back here.
        Some(token) => format!("{name}={}; Path=/; HttpOnly; SameSite=Lax{secure}", token.0),
        None => format!("{name}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0{secure}"),
    }
}

/// Another page, asked for with GET.
pub(crate) fn see_other(to: &str) -> Response {
    let location = HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response()
}

fn headed(portal: &Portal, language: sekisho_domain::Language, mut response: Response) -> Response {
    let headers = response.headers_mut();
    let mut put = |name: HeaderName, value: &'static str| {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    };
    put(CONTENT_SECURITY_POLICY, POLICY);
    put(CACHE_CONTROL, "no-store");
    put(X_CONTENT_TYPE_OPTIONS, "nosniff");
    // Not `no-referrer`: a browser would then send `Origin: null` with the forms of our own pages (Fetch §3.2).
    put(REFERRER_POLICY, "same-origin");
    put(
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    );
    put(
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    );
    put(
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=()",
    );
    put(
        axum::http::header::CONTENT_LANGUAGE,
        language.pick("ja", "en"),
    );
    if is_tls(portal) {
        put(STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    response
}

impl Visitor {
    /// What the visitor is, if signed in.
    pub fn kind(&self) -> Option<Kind> {
        let person = self.session.as_ref().and_then(Session::person);
        person.map(|person| person.holder.kind())
    }
}

#[cfg(test)]
#[path = "guard_test.rs"]
mod tests;
