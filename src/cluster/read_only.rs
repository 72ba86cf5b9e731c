//! A client that cannot change anything.

use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::{Method, Request};
use kube::client::Body;
use tower::{BoxError, Layer, Service};

/// The one POST that stores nothing: a question about one's own rights.
const QUESTIONS: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

/// Lets reads and one kind of POST through, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadOnly {
    /// Questions about the caller's own rights, which store nothing.
    Questions,
    /// Events, which change no object.
    Events,
}

impl ReadOnly {
    fn lets(self, method: &Method, path: &str) -> bool {
        let posted = match self {
            Self::Questions => path == QUESTIONS,
            Self::Events => is_events(path),
        };
        method.is_safe() || posted && method == Method::POST
    }
}

/// Whether a path is that of the Events of a namespace.
fn is_events(path: &str) -> bool {
    let namespace = path
        .strip_prefix("/apis/events.k8s.io/v1/namespaces/")
        .and_then(|rest| rest.strip_suffix("/events"));
    namespace.is_some_and(|namespace| !namespace.is_empty() && !namespace.contains('/'))
}

/// Why a request was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this client only reads")]
pub(super) struct Refused;

impl<S> Layer<S> for ReadOnly {
    type Service = Reading<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Reading { inner, rule: *self }
    }
}

/// See [`ReadOnly`].
#[derive(Debug, Clone)]
pub(super) struct Reading<S> {
    inner: S,
    rule: ReadOnly,
}

impl<S> Service<Request<Body>> for Reading<S>
where
    S: Service<Request<Body>>,
    S::Response: Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError> + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<S::Response, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if !self.rule.lets(request.method(), request.uri().path()) {
            return Box::pin(std::future::ready(Err(Refused.into())));
        }
        let answer = self.inner.call(request);
        Box::pin(async move { answer.await.map_err(Into::into) })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Router;
    use k8s_openapi::api::authorization::v1::SelfSubjectAccessReview;
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::Api;
    use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
    use kube::client::ClientBuilder;

    use super::*;

    #[tokio::test]
    async fn what_would_change_something_does_not_reach_the_apiserver() {
        let reached = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&reached);
        let apiserver = Router::new().fallback(move || {
            count.fetch_add(1, Ordering::SeqCst);
            std::future::ready(r#"{"metadata": {"name": "a"}, "spec": {}}"#)
        });
        let client = ClientBuilder::new(apiserver, "default")
            .with_layer(&ReadOnly::Questions)
            .build();
        let api: Api<ConfigMap> = Api::default_namespaced(client.clone());
        let (params, object) = (PostParams::default(), ConfigMap::default());
        let patch = Patch::Merge(serde_json::json!({}));
        let refused = [
            api.create(&params, &object).await.err(),
            api.replace("a", &params, &object).await.err(),
            api.patch("a", &PatchParams::default(), &patch).await.err(),
            api.delete("a", &DeleteParams::default()).await.err(),
        ];
        for error in refused {
            let Some(kube::Error::Service(error)) = error else {
                panic!("{error:?}");
            };
            assert_eq!(error.downcast_ref(), Some(&Refused));
        }
        assert_eq!(reached.load(Ordering::SeqCst), 0);
        api.get("a").await.unwrap();
        let questions: Api<SelfSubjectAccessReview> = Api::all(client);
        let question = SelfSubjectAccessReview::default();
        questions.create(&params, &question).await.unwrap();
        assert_eq!(reached.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_dry_run_posts_events_and_nothing_else() {
        let events = "/apis/events.k8s.io/v1/namespaces/team-a/events";
        let lets = |method, path| ReadOnly::Events.lets(&method, path);
        assert!(lets(Method::GET, "/api/v1/secrets") && lets(Method::POST, events));
        assert!(!lets(Method::PUT, events) && !lets(Method::PATCH, events) && !lets(Method::DELETE, events));
        for path in [
            QUESTIONS,
            "/api/v1/namespaces/team-a/secrets",
            "/apis/events.k8s.io/v1/namespaces//events",
            "/apis/events.k8s.io/v1/namespaces/team-a/x/events",
            "/apis/webhook-operator.io/v1alpha1/namespaces/team-a/webhooksubscriptions",
            "/apis/coordination.k8s.io/v1/namespaces/webhook-operator/leases",
        ] {
            assert!(!lets(Method::POST, path), "{path}");
        }
    }
}
