//! Who of the replicas votes, and who takes part no more: what the governance keys say.

use super::join::Request;
use crate::commands::At;
use crate::ops::{self, Recorded, Session};
use crate::ui::{Exit, Failure};
use sekisho_domain::{Body, ReplicaId};
use serde_json::json;
use std::path::Path;

/// Signs another machine's request for a place.
pub(super) async fn allocate(request: &Path, at: &At) -> Result<Exit, Failure> {
    let request = Request::load(request)?;
    let session = at.session()?;
    if request.network != session.network {
        let (theirs, ours) = (&request.network, &session.network);
        return Err(Failure::usage(
            format!("この申請は {theirs} のものです。{ours} の運営鍵では署名できません"),
            format!("the request is {theirs}'s; the governance key of {ours} cannot sign it"),
        ));
    }
    let done = ops::govern(&session, request.body()).await?.accepted()?;
    let replica = done.replica();
    let endpoint = &request.endpoint;
    let ja = format!(
        "レプリカ {replica}（{endpoint}）の席を設けました。新しいマシンで `sekisho ledger join --endpoint {endpoint} --replica {replica}` を実行してください"
    );
    let en = format!(
        "Replica {replica} has its place, at {endpoint}; on the new machine run \
         `sekisho ledger join --endpoint {endpoint} --replica {replica}`"
    );
    at.recorded(&done, &json!({ "replica": replica }), &ja, &en);
    Ok(Exit::Done)
}

pub(super) async fn promote(replica: ReplicaId, at: &At) -> Result<Exit, Failure> {
    let session = at.session()?;
    let body = Body::ReplicaPromote { replica };
    let done = ops::govern(&session, body).await?.accepted()?;
    let status = settled(&session, &done).await?;
    let member = status.members.iter().find(|m| m.replica == replica.0);
    let in_force = member.is_some_and(|m| m.promoted);
    let what = format!("レプリカ {replica} への投票権の付与");
    let en = format!("the vote of replica {replica}");
    told(&done, in_force, replica, &what, &en, at);
    Ok(Exit::Done)
}

pub(super) async fn leave(replica: ReplicaId, at: &At) -> Result<Exit, Failure> {
    let session = at.session()?;
    let body = Body::ReplicaRetire { replica };
    let done = ops::govern(&session, body).await?.accepted()?;
    let status = settled(&session, &done).await?;
    let in_force = status.retired.contains(&replica.0);
    let what = format!("レプリカ {replica} の引退");
    let en = format!("the retirement of replica {replica}");
    told(&done, in_force, replica, &what, &en, at);
    Ok(Exit::Done)
}

/// How the replicas stand once this is applied here.
async fn settled(
    session: &Session,
    done: &Recorded,
) -> Result<sekisho_proto::v1::StatusReply, Failure> {
    ops::reached(session, done.index).await?;
    ops::status(session).await
}

/// What a word came to: in force, or waiting for other networks.
fn told(done: &Recorded, in_force: bool, replica: ReplicaId, what: &str, it: &str, at: &At) {
    let (ja, en) = match in_force {
        true => (
            format!("{what}が有効になりました。`sekisho ledger status` で進みを確かめられます"),
            format!("{it} is in force; `sekisho ledger status` shows how the group follows"),
        ),
        false => (
            format!(
                "{what}に賛成しました。加盟ネットワークの過半数が同じことを言うと有効になります"
            ),
            format!(
                "This network is for {it}; it is in force once a majority of the members said the same"
            ),
        ),
    };
    at.recorded(
        done,
        &json!({ "replica": replica, "in_force": in_force }),
        &ja,
        &en,
    );
}
