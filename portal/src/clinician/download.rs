//! Saving a document that is too large to be shown: it goes through to the browser piece by piece, each as it is verified.
//! The node keeps the last piece back until the whole is verified; where it is not, the connection is cut, so that a
//! browser never takes what came for a whole file.

use super::document::{Arriving, ended_well, file_head, listed};
use super::visit_of;
use crate::fault::Fault;
use crate::form::Sent;
use crate::page::{Visitor, answered};
use crate::state::Portal;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_LENGTH;
use axum::response::{IntoResponse, Response};
use sekisho_proto::v1;
use sekisho_transport::Deadline;
use std::time::Duration;
use tokio_stream::StreamExt;

/// How long one may take: the longest time a call has.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Debug, thiserror::Error)]
#[error("a document did not come to its verified end")]
struct Cut;

pub(super) async fn begin(
    State(portal): State<Portal>,
    visitor: Visitor,
    Path(id): Path<String>,
    sent: Sent,
) -> Response {
    answered(&portal, &visitor, async {
        let visit = visit_of(&portal, &visitor, &id)?;
        let number = sent
            .field("document")
            .parse()
            .map_err(|_| Fault::NotFound)?;
        let document = listed(&visit, number)?;
        let deadline = Deadline::after(DOWNLOAD_TIMEOUT);
        let arriving = Arriving::of(&portal, &visit.asker, &document, deadline).await?;
        let length = HeaderValue::from(arriving.size_bytes);
        let mut response =
            (file_head(&document.mime, number, false), body(arriving)).into_response();
        // With its length said, what ends early is seen to be incomplete.
        response.headers_mut().insert(CONTENT_LENGTH, length);
        Ok(response)
    })
    .await
}

fn body(arriving: Arriving) -> Body {
    use v1::retrieve_event::Event;
    let pieces = futures::stream::try_unfold(arriving, |mut arriving| async move {
        while let Some(event) = arriving.stream.next().await {
            match event.ok().and_then(|event| event.event) {
                Some(Event::Chunk(chunk)) => return Ok(Some((Bytes::from(chunk), arriving))),
                Some(Event::Decided(_) | Event::Header(_)) => {}
                Some(Event::End(end)) => match ended_well(end) {
                    Ok(()) => return Ok(None),
                    Err(_) => break,
                },
                None => break,
            }
        }
        tracing::warn!(index = arriving.index, "a download was cut before its end");
        Err(Cut)
    });
    Body::from_stream(pieces)
}
