//! One link of the data files as facts.

use super::{Wrong, id, one_word, row, wrong};
use crate::facts::LinkFacts;
use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct RawLinks {
    pub links: Vec<RawLink>,
}

#[derive(Deserialize)]
pub(super) struct RawLink {
    pub id: String,
    kind: String,
    group: Option<String>,
    a: RawEnd,
    b: RawEnd,
    direction: String,
    evidence: Vec<RawEvidence>,
}

#[derive(Deserialize)]
struct RawEnd {
    network_id: Option<String>,
}

#[derive(Deserialize)]
struct RawEvidence {
    seed: String,
    key: Option<String>,
}

impl RawLink {
    pub(super) fn facts(self) -> Result<LinkFacts, Wrong> {
        let end = |end: &RawEnd| end.network_id.as_deref().map(id).transpose();
        let mut rows = Vec::new();
        for evidence in &self.evidence {
            let key = evidence.key.as_deref().unwrap_or("");
            let row = row(&format!("{}#{key}", evidence.seed))?;
            if !rows.contains(&row) {
                rows.push(row);
            }
        }
        Ok(LinkFacts {
            id: one_word("id", &self.id)?,
            kind: one_word("kind", &self.kind)?,
            group: self
                .group
                .as_deref()
                .map(|g| one_word("group", g))
                .transpose()?,
            a: end(&self.a)?,
            b: end(&self.b)?,
            direction: self.direction.parse().map_err(wrong("direction"))?,
            rows,
        })
    }
}
