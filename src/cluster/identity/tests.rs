use std::sync::{Arc, Mutex};

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::{Value, json};

use super::*;

/// An apiserver that holds one Secret, or refuses.
#[derive(Clone, Default)]
struct Apiserver {
    secret: Arc<Mutex<Option<Value>>>,
    /// What another replica stores just before our create arrives.
    rival: Option<Value>,
    creates: Arc<Mutex<Vec<Value>>>,
}

type Reply = (StatusCode, Json<Value>);

fn status(code: StatusCode, reason: &str) -> Reply {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure",
        "code": code.as_u16(), "reason": reason, "message": reason,
    });
    (code, Json(body))
}

async fn read_secret(State(apiserver): State<Apiserver>) -> Reply {
    match apiserver.secret.lock().unwrap().clone() {
        Some(secret) => (StatusCode::OK, Json(secret)),
        None => status(StatusCode::NOT_FOUND, "NotFound"),
    }
}

async fn create_secret(State(apiserver): State<Apiserver>, Json(body): Json<Value>) -> Reply {
    apiserver.creates.lock().unwrap().push(body.clone());
    let mut stored = apiserver.secret.lock().unwrap();
    if let Some(rival) = apiserver.rival.clone() {
        *stored = Some(rival);
        return status(StatusCode::CONFLICT, "AlreadyExists");
    }
    *stored = Some(body.clone());
    (StatusCode::CREATED, Json(body))
}

impl Apiserver {
    fn client(&self) -> Client {
        let secrets = "/api/v1/namespaces/operators/secrets";
        let router = Router::new()
            .route(secrets, axum::routing::post(create_secret))
            .route(&format!("{secrets}/{HASH_KEY_SECRET}"), get(read_secret))
            .with_state(self.clone());
        Client::new(router, "operators")
    }

    fn holding(secret: Value) -> Self {
        Self {
            secret: Arc::new(Mutex::new(Some(secret))),
            ..Self::default()
        }
    }

    fn creates(&self) -> usize {
        self.creates.lock().unwrap().len()
    }
}

/// The Secret with 32 times the letter A, or as many as `length` says.
fn secret(length: usize) -> Value {
    let value = ByteString(vec![b'A'; length]);
    json!({"metadata": {"name": HASH_KEY_SECRET}, "data": {HASH_KEY_ENTRY: value}})
}

#[tokio::test]
async fn the_first_start_stores_32_bytes_and_every_later_one_reads_them() {
    let apiserver = Apiserver::default();
    let first = hash_key(apiserver.client(), "operators").await.unwrap();
    let again = hash_key(apiserver.client(), "operators").await.unwrap();
    assert_eq!(first.id(), again.id());
    assert_eq!(apiserver.creates(), 1);
    let stored: Secret = serde_json::from_value(apiserver.creates.lock().unwrap()[0].clone()).unwrap();
    assert_eq!(stored.metadata.name.as_deref(), Some("webhook-operator-hash-key"));
    assert_eq!(stored.data.unwrap()["key"].0.len(), 32);
    assert_eq!(stored.immutable, Some(true));
}

#[tokio::test]
async fn two_installs_do_not_share_a_key() {
    let one = hash_key(Apiserver::default().client(), "operators")
        .await
        .unwrap();
    let other = hash_key(Apiserver::default().client(), "operators")
        .await
        .unwrap();
    assert_ne!(one.id(), other.id());
}

#[tokio::test]
async fn the_replica_that_comes_second_takes_the_key_of_the_first() {
    let apiserver = Apiserver {
        rival: Some(secret(32)),
        ..Apiserver::default()
    };
    let key = hash_key(apiserver.client(), "operators").await.unwrap();
    assert_eq!(key.id(), HashKey::new([b'A'; 32]).id());
    assert_eq!(apiserver.creates(), 1);
}

#[tokio::test]
async fn a_secret_of_another_form_is_refused_and_left_alone() {
    let named = json!({"metadata": {"name": HASH_KEY_SECRET}});
    for wrong in [secret(31), secret(33), secret(0), named] {
        let apiserver = Apiserver::holding(wrong);
        let error = hash_key(apiserver.client(), "operators").await.unwrap_err();
        assert!(matches!(error, HashKeyError::Malformed { .. }), "{error}");
        let text = error.to_string();
        assert!(
            text.contains("operators/webhook-operator-hash-key") && text.contains("32 bytes"),
            "{text}"
        );
        assert!(!text.contains("AAAA"), "{text}");
        assert_eq!(apiserver.creates(), 0);
    }
}

#[tokio::test]
async fn a_refusal_says_which_step_failed() {
    let refuse = || async { status(StatusCode::FORBIDDEN, "Forbidden") };
    let error = hash_key(
        Client::new(Router::new().fallback(refuse), "operators"),
        "operators",
    )
    .await
    .unwrap_err();
    assert!(matches!(error, HashKeyError::Read { .. }), "{error}");

    let absent = || async { status(StatusCode::NOT_FOUND, "NotFound") };
    let router = Router::new()
        .route(
            &format!("/api/v1/namespaces/operators/secrets/{HASH_KEY_SECRET}"),
            get(absent),
        )
        .fallback(refuse);
    let error = hash_key(Client::new(router, "operators"), "operators")
        .await
        .unwrap_err();
    assert!(matches!(error, HashKeyError::Create { .. }), "{error}");
}

fn kube_system(reply: Reply) -> Client {
    let router = Router::new().route(
        "/api/v1/namespaces/kube-system",
        get(move || async move { reply }),
    );
    Client::new(router, "default")
}

#[tokio::test]
async fn the_cluster_id_is_the_uid_of_kube_system() {
    let namespace = json!({"metadata": {"name": "kube-system", "uid": "0b8f2a5e-0000"}});
    let client = kube_system((StatusCode::OK, Json(namespace)));
    assert_eq!(cluster_id(client, None).await.unwrap().as_str(), "0b8f2a5e-0000");
}

#[tokio::test]
async fn a_given_cluster_id_wins_and_nothing_is_asked() {
    let refusing = kube_system(status(StatusCode::FORBIDDEN, "Forbidden"));
    let given = ClusterId::parse("prod").unwrap();
    let id = cluster_id(refusing, Some(&given)).await.unwrap();
    assert_eq!(id, given);
}

#[tokio::test]
async fn where_kube_system_must_not_be_read_the_error_names_the_flag() {
    let client = kube_system(status(StatusCode::FORBIDDEN, "Forbidden"));
    let error = cluster_id(client, None).await.unwrap_err();
    assert!(matches!(error, ClusterIdError::Forbidden), "{error}");
    assert!(error.to_string().contains("set --cluster-id"), "{error}");

    let client = kube_system((StatusCode::OK, Json(json!({"metadata": {"name": "kube-system"}}))));
    assert!(matches!(
        cluster_id(client, None).await,
        Err(ClusterIdError::NoUid)
    ));
}

/// As the operator does it while it leads.
async fn hash_key(client: Client, namespace: &str) -> Result<HashKey, HashKeyError> {
    match find_hash_key(client.clone(), namespace).await? {
        Some(key) => Ok(key),
        None => create_hash_key(client, namespace).await,
    }
}
