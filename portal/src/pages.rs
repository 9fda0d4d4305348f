//! Every page and who may open it: the routes are made from this list and the guard reads it, so that a page nobody thought
//! of is open to nobody.

use crate::accounts::Kind;
use crate::state::Portal;
use crate::{account, clinician, officer, operator, patient, signin, statics, verify};
use axum::http::Method;
use axum::routing::MethodRouter;

/// Who may open a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// Anybody.
    Everybody,
    /// Anybody signed in.
    SignedIn,
    /// These only.
    To(Kind),
}

impl Open {
    /// Whether it is open to somebody signed in as this.
    pub fn admits(self, kind: Kind) -> bool {
        match self {
            Self::Everybody | Self::SignedIn => true,
            Self::To(one) => one == kind,
        }
    }
}

/// One page, or what one of its forms does.
pub struct Route {
    /// GET or POST.
    pub method: Method,
    /// The path's pattern.
    pub path: &'static str,
    /// Who may.
    pub open: Open,
    /// What answers.
    pub handler: MethodRouter<Portal>,
}

/// A page to look at.
pub fn get<H, T>(path: &'static str, open: Open, handler: H) -> Route
where
    H: axum::handler::Handler<T, Portal>,
    T: 'static,
{
    Route {
        method: Method::GET,
        path,
        open,
        handler: axum::routing::get(handler),
    }
}

/// What a form does.
pub fn post<H, T>(path: &'static str, open: Open, handler: H) -> Route
where
    H: axum::handler::Handler<T, Portal>,
    T: 'static,
{
    Route {
        method: Method::POST,
        path,
        open,
        handler: axum::routing::post(handler),
    }
}

/// All of them.
pub fn all() -> Vec<Route> {
    let mut all = statics::routes();
    all.extend(verify::routes());
    all.extend(signin::routes());
    all.extend(account::routes());
    all.extend(clinician::routes());
    all.extend(patient::routes());
    all.extend(officer::routes());
    all.extend(operator::routes());
    all
}
