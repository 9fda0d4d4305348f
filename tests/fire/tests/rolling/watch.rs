//! Health and reflection of a running process, and its end.

use crate::PATIENCE;
use crate::query::connection;
use sekisho_fire::{Group, Town, until};
use tonic::transport::Channel;
use tonic::{Code, Streaming};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ListServiceResponse, ServerReflectionRequest};

pub async fn health(connection: &Channel, service: &str) -> Result<ServingStatus, Code> {
    let request = HealthCheckRequest {
        service: service.to_owned(),
    };
    let reply = HealthClient::new(connection.clone()).check(request).await;
    reply
        .map(|reply| reply.into_inner().status())
        .map_err(|status| status.code())
}

/// Waits until a process is SERVING.
pub async fn serving(town: &Town, replica: usize) {
    until("health is SERVING", PATIENCE, || async {
        // A new connection each time: the process may have been another one.
        let status = health(&connection(town, replica), "").await;
        (status == Ok(ServingStatus::Serving)).then_some(())
    })
    .await;
}

/// Whoever watches is told before the process goes.
pub async fn told_not_serving(mut watch: Streaming<HealthCheckResponse>) {
    loop {
        let next = watch.message().await;
        let status = next
            .expect("told before the connection ends")
            .expect("told");
        if status.status() == ServingStatus::NotServing {
            return;
        }
    }
}

pub async fn watched(connection: &Channel) -> Streaming<HealthCheckResponse> {
    let mut client = HealthClient::new(connection.clone());
    let mut watch = client
        .watch(HealthCheckRequest::default())
        .await
        .expect("health can be watched")
        .into_inner();
    let first = watch.message().await.expect("a status").expect("one");
    assert_eq!(first.status(), ServingStatus::Serving);
    watch
}

/// SIGTERM, and the process ends by itself and well, having told that it will.
pub async fn stopped(group: &mut Group, replica: usize) {
    let watch = watched(&connection(&group.town, replica)).await;
    group.process(replica).terminate();
    told_not_serving(watch).await;
    ended_well(group, replica).await;
}

pub async fn ended_well(group: &mut Group, replica: usize) {
    let status = until("the process ends", PATIENCE, || {
        let ended = group.process(replica).ended();
        async move { ended }
    })
    .await;
    assert!(
        status.success(),
        "{status}\n{}",
        group.process(replica).said()
    );
}
pub async fn services(connection: &Channel) -> Vec<String> {
    let list = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut client = ServerReflectionClient::new(connection.clone());
    let answer = client
        .server_reflection_info(tokio_stream::once(list))
        .await;
    let mut answers = answer.expect("reflection answers").into_inner();
    let reply = answers.message().await.expect("an answer").expect("one");
    let Some(MessageResponse::ListServicesResponse(ListServiceResponse { service })) =
        reply.message_response
    else {
        panic!("no list: {reply:?}");
    };
    service.into_iter().map(|service| service.name).collect()
}
