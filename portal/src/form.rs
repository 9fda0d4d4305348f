//! A form as it was sent: its fields, once its token is that of the session.

use crate::fault::Fault;
use crate::page::{self, Visitor};
use crate::state::Portal;
use axum::extract::rejection::RawFormRejection;
use axum::extract::{FromRequest, RawForm, Request};
use axum::response::Response;
use subtle::ConstantTimeEq;

/// Largest form, in bytes: a signature drawn on a tablet and some sentences.
pub const FORM_BYTES_MAX: usize = 256 * 1024;

/// The fields of a form sent by a page of this session.
#[derive(Debug)]
pub struct Sent(Vec<(String, String)>);

impl Sent {
    /// A field's text without spaces around it; empty where it was not sent.
    pub fn field(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// A field's text as it was typed.
    pub fn raw(&self, name: &str) -> &str {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map_or("", |(_, value)| value)
    }

    /// Every value of a field that may be chosen several times.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    fn of(bytes: &[u8], visitor: &Visitor) -> Result<Self, Fault> {
        let fields = form_urlencoded::parse(bytes);
        let sent = Self(fields.into_owned().collect());
        let token = visitor.form_token().as_bytes();
        let same: bool = sent.raw("form_token").as_bytes().ct_eq(token).into();
        match same && (!token.is_empty() || visitor.session.is_none()) {
            true => Ok(sent),
            false => Err(Fault::NotOurForm),
        }
    }
}

impl FromRequest<Portal> for Sent {
    type Rejection = Response;
    async fn from_request(request: Request, portal: &Portal) -> Result<Self, Response> {
        let visitor = request.extensions().get::<Visitor>().cloned();
        let Some(visitor) = visitor else {
            return Err(axum::response::IntoResponse::into_response(
                axum::http::StatusCode::INTERNAL_SERVER_ERROR,
            ));
        };
        let refuse = |fault: Fault| page::fault(portal, &visitor, &fault);
        let RawForm(bytes) = RawForm::from_request(request, portal)
            .await
            .map_err(|rejected| match rejected {
                RawFormRejection::InvalidFormContentType(_) => refuse(Fault::NotOurForm),
                _ => refuse(Fault::TooLarge),
            })?;
        Self::of(&bytes, &visitor).map_err(refuse)
    }
}
