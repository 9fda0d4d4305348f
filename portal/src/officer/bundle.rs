//! The proof of one access, as a file to check elsewhere.

use super::Asked;
use crate::fault::Fault;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};
use sekisho_node::LedgerFault;
use sekisho_transport::Deadline;
use std::time::Duration;

/// Time for a checkpoint over the access to be cosigned, and the bundle to be made.
const TIMEOUT: Duration = Duration::from_secs(20);

pub async fn download(asked: Asked) -> Result<Response, Fault> {
    let index = asked.index()?;
    // Of what is not there yet nothing is waited for.
    let access = asked.portal.ask(move |snapshot| {
        let access = snapshot.view().access(index);
        Ok(access.map_err(LedgerFault::from)?.is_some())
    });
    if !access.await? {
        return Err(Fault::NotFound);
    }
    let deadline = Deadline::after(TIMEOUT);
    let reply = asked.portal.node.bundle_of(index, deadline).await?;
    let name = format!("attachment; filename=\"sekisho-access-{index}.sekisho-proof\"");
    let name = HeaderValue::from_str(&name).map_err(|_| Fault::NotFound)?;
    let headers = [
        (
            CONTENT_TYPE,
            HeaderValue::from_static("application/octet-stream"),
        ),
        (CONTENT_DISPOSITION, name),
    ];
    Ok((headers, reply.bundle).into_response())
}
