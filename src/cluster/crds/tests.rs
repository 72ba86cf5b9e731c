use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::*;

const DISCOVERY: &str = "/apis/webhook-operator.io/v1alpha1";
const DEFINITION: &str =
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/webhooksubscriptions.webhook-operator.io";

type Reply = (StatusCode, Json<Value>);

fn status(code: StatusCode) -> Reply {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure",
        "code": code.as_u16(), "reason": "Reason", "message": "no such thing",
    });
    (code, Json(body))
}

fn serving(resources: &[(&str, &[&str])]) -> Reply {
    let resources: Vec<Value> = resources
        .iter()
        .map(|(name, verbs)| json!({"name": name, "singularName": "", "namespaced": true, "kind": "K", "verbs": verbs}))
        .collect();
    let list = json!({"kind": "APIResourceList", "groupVersion": "webhook-operator.io/v1alpha1", "resources": resources});
    (StatusCode::OK, Json(list))
}

fn definition(metadata: &Value) -> Reply {
    let object = json!({
        "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
    });
    (StatusCode::OK, Json(object))
}

fn apiserver(replies: impl IntoIterator<Item = (&'static str, Reply)>) -> Client {
    let router = replies.into_iter().fold(Router::new(), |router, (path, reply)| {
        router.route(path, get(move || async move { reply }))
    });
    Client::new(router, "default")
}

const ALL: &[&str] = &["create", "delete", "get", "list", "patch", "update", "watch"];
/// What is left while a definition is being deleted.
const TERMINATING: &[&str] = &["delete", "deletecollection", "get", "list", "watch"];

#[tokio::test]
async fn a_definition_with_a_deletion_time_is_terminating() {
    let name = "webhooksubscriptions.webhook-operator.io";
    let live = apiserver([(DEFINITION, definition(&json!({"name": name})))]);
    assert!(!crd_terminating(&live, false).await.unwrap());
    let dying = definition(&json!({"name": name, "deletionTimestamp": "2026-01-01T00:00:00Z"}));
    assert!(
        crd_terminating(&apiserver([(DEFINITION, dying)]), false)
            .await
            .unwrap()
    );
    let gone = apiserver([(DEFINITION, status(StatusCode::NOT_FOUND))]);
    assert!(crd_terminating(&gone, false).await.unwrap());
}

#[tokio::test]
async fn where_the_definition_must_not_be_read_discovery_answers() {
    let by_discovery = async |reply: Reply| {
        let client = apiserver([(DEFINITION, status(StatusCode::FORBIDDEN)), (DISCOVERY, reply)]);
        crd_terminating(&client, false).await.unwrap()
    };
    assert!(
        !by_discovery(serving(&[
            ("webhookproviders", ALL),
            ("webhooksubscriptions", ALL)
        ]))
        .await
    );
    assert!(
        by_discovery(serving(&[
            ("webhookproviders", ALL),
            ("webhooksubscriptions", TERMINATING)
        ]))
        .await
    );
    assert!(by_discovery(serving(&[("webhookproviders", ALL)])).await);
    assert!(by_discovery(serving(&[("webhooksubscriptions/status", ALL)])).await);
    assert!(by_discovery(status(StatusCode::NOT_FOUND)).await);
}

#[tokio::test]
async fn an_install_in_listed_namespaces_never_asks_for_the_definition() {
    for (verbs, terminating) in [(ALL, false), (TERMINATING, true)] {
        // Whatever it said would be believed.
        let unasked = (DEFINITION, status(StatusCode::INTERNAL_SERVER_ERROR));
        let client = apiserver([unasked, (DISCOVERY, serving(&[("webhooksubscriptions", verbs)]))]);
        assert_eq!(crd_terminating(&client, true).await.unwrap(), terminating);
    }
}

#[tokio::test]
async fn an_apiserver_that_fails_leaves_the_question_open() {
    let failing = apiserver([(DEFINITION, status(StatusCode::INTERNAL_SERVER_ERROR))]);
    assert!(matches!(
        crd_terminating(&failing, false).await,
        Err(CrdLookupError::Definition { .. })
    ));
    let replies = [
        (DEFINITION, status(StatusCode::FORBIDDEN)),
        (DISCOVERY, status(StatusCode::SERVICE_UNAVAILABLE)),
    ];
    assert!(matches!(
        crd_terminating(&apiserver(replies), false).await,
        Err(CrdLookupError::Discovery { .. })
    ));
}

/// An apiserver that gives the next reply to each question, and the last one for ever.
fn changing(replies: Vec<Reply>) -> (Client, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let next = move || {
        let at = count.fetch_add(1, Ordering::SeqCst);
        let reply = replies.get(at).or(replies.last()).cloned();
        async move { reply.unwrap() }
    };
    (
        Client::new(Router::new().route(DISCOVERY, get(next)), "default"),
        asked,
    )
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_when_all_kinds_are_served() {
    let (client, asked) = changing(vec![
        status(StatusCode::NOT_FOUND),
        status(StatusCode::SERVICE_UNAVAILABLE),
        serving(&[("webhooksubscriptions", ALL), ("webhookproviders", ALL)]),
        serving(&[
            ("webhooksubscriptions", ALL),
            ("webhookproviders", ALL),
            ("clusterwebhookproviders", ALL),
        ]),
    ]);
    let readiness = Readiness::new();
    wait_for_crds(&client, false, &readiness).await;
    assert_eq!(asked.load(Ordering::SeqCst), 4);
    assert!(readiness.is_ready());
}

#[tokio::test(start_paused = true)]
async fn a_namespaced_install_does_without_the_cluster_kind_and_says_so() {
    let (client, asked) = changing(vec![serving(&[
        ("webhooksubscriptions", ALL),
        ("webhookproviders", ALL),
    ])]);
    let readiness = Readiness::new();
    wait_for_crds(&client, true, &readiness).await;
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    let (ready, text) = readiness.report();
    assert!(ready);
    assert!(text.contains("not watched: ClusterWebhookProvider"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn while_it_waits_readiness_names_what_is_missing() {
    for (reply, says) in [
        (
            serving(&[("webhooksubscriptions", ALL)]),
            "crds: not installed: webhookproviders, clusterwebhookproviders;",
        ),
        (
            status(StatusCode::FORBIDDEN),
            "crds: the apiserver does not say which kinds it serves: 403 no such thing",
        ),
    ] {
        let (client, _) = changing(vec![reply]);
        let readiness = Readiness::new();
        let wait = wait_for_crds(&client, false, &readiness);
        assert!(tokio::time::timeout(Duration::from_secs(5), wait).await.is_err());
        let (ready, text) = readiness.report();
        assert!(!ready);
        assert!(text.starts_with(says), "{text}");
    }
}
