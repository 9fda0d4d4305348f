//! As much of etcd's v3 interface as is measured: a put, and who leads.
//!
//! Two calls need no protocol file: their messages are written out here, with the numbers of etcd's own `rpc.proto`.

use crate::BenchError;
use crate::load::Client;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tonic::Request;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic_prost::ProstCodec;

/// Bytes of each value.
pub(super) const VALUE_BYTES: usize = 512;

#[derive(Clone, PartialEq, prost::Message)]
struct ResponseHeader {
    #[prost(uint64, tag = "2")]
    member_id: u64,
    #[prost(int64, tag = "3")]
    revision: i64,
}

/// `etcdserverpb.PutRequest`.
#[derive(Clone, PartialEq, prost::Message)]
struct PutRequest {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `etcdserverpb.PutResponse`.
#[derive(Clone, PartialEq, prost::Message)]
struct PutResponse {
    #[prost(message, optional, tag = "1")]
    header: Option<ResponseHeader>,
}

/// `etcdserverpb.StatusRequest`.
#[derive(Clone, PartialEq, prost::Message)]
struct StatusRequest {}

/// `etcdserverpb.StatusResponse`.
#[derive(Clone, PartialEq, prost::Message)]
struct StatusResponse {
    #[prost(message, optional, tag = "1")]
    header: Option<ResponseHeader>,
    #[prost(string, tag = "2")]
    version: String,
    #[prost(uint64, tag = "4")]
    leader: u64,
}

async fn call<Q, A>(channel: &Channel, path: &'static str, request: Q) -> Result<A, BenchError>
where
    Q: prost::Message + Send + Sync + 'static,
    A: prost::Message + Default + Send + Sync + 'static,
{
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await.map_err(|error| BenchError::Wrong {
        what: "etcd",
        expected: "a connection".to_owned(),
        got: error.to_string(),
    })?;
    let path = PathAndQuery::from_static(path);
    let codec: ProstCodec<Q, A> = ProstCodec::default();
    Ok(grpc
        .unary(Request::new(request), path, codec)
        .await?
        .into_inner())
}

/// What a member says of itself.
pub(super) struct Standing {
    /// Whether it leads.
    pub(super) leads: bool,
    /// Whether it knows a leader.
    pub(super) has_leader: bool,
    /// Its version.
    pub(super) version: String,
}

/// Asks a member about itself.
pub(super) async fn standing(channel: &Channel) -> Result<Standing, BenchError> {
    let path = "/etcdserverpb.Maintenance/Status";
    let reply: StatusResponse = call(channel, path, StatusRequest {}).await?;
    let member = reply.header.map_or(0, |header| header.member_id);
    Ok(Standing {
        leads: reply.leader != 0 && reply.leader == member,
        has_leader: reply.leader != 0,
        version: reply.version,
    })
}

/// Puts values under keys nobody used before.
pub(super) struct Putting {
    channel: Channel,
    next: Arc<AtomicU64>,
}

impl Putting {
    pub(super) fn on(channel: Channel, next: &Arc<AtomicU64>) -> Self {
        let next = Arc::clone(next);
        Self { channel, next }
    }
}

impl Client for Putting {
    async fn ask(&mut self) -> Result<bool, BenchError> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut value = vec![0x5a; VALUE_BYTES];
        value[..8].copy_from_slice(&number.to_be_bytes());
        let put = PutRequest {
            key: format!("{number:016x}").into_bytes(),
            value,
        };
        let reply: PutResponse = call(&self.channel, "/etcdserverpb.KV/Put", put).await?;
        // Every write raises the revision; a store that took none would say 0.
        match reply.header {
            Some(header) if header.revision > 1 => Ok(true),
            other => Err(BenchError::Wrong {
                what: "etcd's answer to a put",
                expected: "a revision above 1".to_owned(),
                got: format!("{other:?}"),
            }),
        }
    }
}
