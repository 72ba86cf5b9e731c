//! The gate in the client of the apiserver.

use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::Request;
use kube::client::Body;
use tower::{BoxError, Layer, Service};

use super::Leadership;
use crate::gate::{Closed, pass};

/// Lets requests that change something through while leadership is held, and ends them with it. Reads pass.
#[derive(Debug, Clone)]
pub struct Fence(pub Leadership);

impl<S> Layer<S> for Fence {
    type Service = Fenced<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Fenced {
            inner,
            leadership: self.0.clone(),
        }
    }
}

/// See [`Fence`].
#[derive(Debug, Clone)]
pub struct Fenced<S> {
    inner: S,
    leadership: Leadership,
}

impl<S> Service<Request<Body>> for Fenced<S>
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
        let reads = request.method().is_safe();
        if !reads && !self.leadership.may_write() && !operator_core::planted!(GateIgnored) {
            return Box::pin(std::future::ready(Err(Closed { begun: false }.into())));
        }
        let answer = self.inner.call(request);
        let leadership = self.leadership.clone();
        Box::pin(async move {
            let answer = if reads {
                answer.await
            } else {
                pass(&leadership, answer).await?
            };
            answer.map_err(Into::into)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Router;
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::Api;
    use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
    use kube::client::ClientBuilder;
    use operator_core::time::Moment;

    use super::*;

    #[tokio::test]
    async fn without_leadership_only_reads_reach_the_apiserver() {
        let reached = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&reached);
        let apiserver = Router::new().fallback(move || {
            count.fetch_add(1, Ordering::SeqCst);
            std::future::ready(r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}"#)
        });
        let leadership = Leadership::none();
        let client = ClientBuilder::new(apiserver, "default")
            .with_layer(&Fence(leadership.clone()))
            .build();
        let api: Api<ConfigMap> = Api::default_namespaced(client);
        let write = || async {
            let patch = Patch::Merge(serde_json::json!({}));
            [
                api.create(&PostParams::default(), &ConfigMap::default())
                    .await
                    .err(),
                api.replace("a", &PostParams::default(), &ConfigMap::default())
                    .await
                    .err(),
                api.patch("a", &PatchParams::default(), &patch).await.err(),
                api.delete("a", &DeleteParams::default()).await.err(),
            ]
        };
        for error in write().await {
            let Some(kube::Error::Service(error)) = error else {
                panic!("{error:?}");
            };
            assert_eq!(error.downcast_ref(), Some(&Closed { begun: false }));
        }
        assert_eq!(reached.load(Ordering::SeqCst), 0);
        api.get("a").await.unwrap();
        assert_eq!(reached.load(Ordering::SeqCst), 1);
        leadership.hold(Moment::from_millis(u64::MAX));
        assert!(write().await.iter().all(Option::is_none));
        assert_eq!(reached.load(Ordering::SeqCst), 5);
    }
}
