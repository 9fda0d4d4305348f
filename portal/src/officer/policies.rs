//! How each network obtains consent, side by side.

use super::Asked;
use crate::fault::Fault;
use crate::page::{Page, html};
use askama::Template;
use axum::response::Response;
use sekisho_node::LedgerFault;
use sekisho_words::policy as words;

struct Column {
    network: String,
    name: String,
    /// Now; none where nothing was published, or nothing has begun.
    policy: Option<String>,
    /// Published and not begun yet.
    coming: Vec<String>,
}

#[derive(Template)]
#[template(path = "officer-policies.html")]
struct Policies<'a> {
    page: Page<'a>,
    columns: Vec<Column>,
}

pub async fn page(asked: Asked) -> Result<Response, Fault> {
    let now = asked.portal.environment.now();
    let read = asked.portal.ask(move |snapshot| {
        let view = snapshot.view();
        let mut all = Vec::new();
        for (id, network) in view.networks().map_err(LedgerFault::from)? {
            let standing = view.policy_at(&id, now).map_err(LedgerFault::from)?;
            let coming = view.policies(&id).map_err(LedgerFault::from)?;
            let coming: Vec<_> = coming
                .into_iter()
                .filter(|policy| now < policy.effective_from)
                .collect();
            all.push((id, network.name, standing, coming));
        }
        Ok(all)
    });
    let language = asked.visitor.language;
    let said = |policy: &sekisho_ledger::record::Policy| {
        let said = words(&policy.policy);
        language.pick(said.ja, said.en)
    };
    let columns = read
        .await?
        .into_iter()
        .map(|(id, name, standing, coming)| Column {
            network: id.to_string(),
            name,
            policy: standing.as_ref().map(said),
            coming: coming.iter().map(said).collect(),
        });
    html(&Policies {
        page: asked.page("officer-policies"),
        columns: columns.collect(),
    })
}
