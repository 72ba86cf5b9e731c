use axum::body::{Body, to_bytes};
use axum::http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::Service;

use super::*;

async fn ask(readiness: &Arc<Readiness>, path: &str) -> (StatusCode, String, String) {
    let mut router = router(Arc::clone(readiness), Arc::new(Metrics::new()));
    let request = Request::get(path).body(Body::empty()).unwrap();
    let reply = router.call(request).await.unwrap();
    let status = reply.status();
    let media_type = reply
        .headers()
        .get(header::CONTENT_TYPE)
        .map(|value| value.to_str().unwrap().to_owned());
    let body = to_bytes(reply.into_body(), 1 << 20).await.unwrap();
    (
        status,
        media_type.unwrap_or_default(),
        String::from_utf8(body.to_vec()).unwrap(),
    )
}

#[tokio::test]
async fn readyz_is_503_with_what_is_missing_and_then_200() {
    let readiness = Arc::new(Readiness::new());
    readiness.close("crds", "not installed: webhookproviders");
    let (status, _, text) = ask(&readiness, "/readyz").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(text, "crds: not installed: webhookproviders\n");
    readiness.open("crds");
    let (status, _, text) = ask(&readiness, "/readyz").await;
    assert_eq!((status, text.as_str()), (StatusCode::OK, "ok\n"));
}

#[tokio::test]
async fn livez_fails_for_a_dead_watch_and_does_not_ask_about_readiness() {
    let readiness = Arc::new(Readiness::new());
    readiness.require("crds");
    readiness.watch_answered("webhooksubscriptions", Instant::now());
    let (status, _, text) = ask(&readiness, "/livez").await;
    assert_eq!((status, text.as_str()), (StatusCode::OK, "ok\n"));
    let Some(long_ago) = Instant::now().checked_sub(WATCH_STALE_AFTER + Duration::from_secs(1)) else {
        return; // The machine has not been up for that long.
    };
    readiness.watch_answered("secrets", long_ago);
    let (status, _, text) = ask(&readiness, "/livez").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(text.starts_with("watch of secrets: last answered 60"), "{text}");
}

#[tokio::test]
async fn readyz_tells_of_a_late_watch_before_livez_does() {
    let readiness = Arc::new(Readiness::new());
    let Some(before) = Instant::now().checked_sub(WATCH_LATE_AFTER + Duration::from_secs(1)) else {
        return; // The machine has not been up for that long.
    };
    readiness.watch_answered("secrets", before);
    let (status, _, text) = ask(&readiness, "/readyz").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(text.starts_with("watch of secrets: last answered 30"), "{text}");
    assert_eq!(ask(&readiness, "/livez").await.0, StatusCode::OK);
    readiness.watch_answered("secrets", Instant::now());
    assert_eq!(ask(&readiness, "/readyz").await.0, StatusCode::OK);
}

#[tokio::test]
async fn metrics_are_openmetrics_text() {
    let (status, media_type, text) = ask(&Arc::new(Readiness::new()), "/metrics").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(media_type, CONTENT_TYPE);
    assert!(
        text.contains("webhook_operator_build_info") && text.ends_with("# EOF\n"),
        "{text}"
    );
}

#[tokio::test]
async fn a_server_on_port_0_tells_its_address_serves_there_and_ends_when_told() {
    let server = Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = server.address();
    assert_ne!(address.port(), 0);
    let stop = CancellationToken::new();
    let serving = server.serve(Arc::new(Readiness::new()), Arc::new(Metrics::new()), stop.clone());
    let serving = tokio::spawn(serving);
    let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    connection.write_all(request).await.unwrap();
    let mut reply = String::new();
    connection.read_to_string(&mut reply).await.unwrap();
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(20), serving)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn an_address_in_use_is_an_error_that_names_it() {
    let first = Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let error = Server::bind(first.address()).await.unwrap_err();
    assert!(
        error.to_string().contains(&first.address().to_string()),
        "{error}"
    );
}
